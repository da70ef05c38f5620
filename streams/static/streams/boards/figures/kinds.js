// The figures of each kind of tile: what they take from a record, and what they say of a window.

import { Amount } from "./amount.js";
import { Counted } from "./counted.js";
import { Histogram } from "./histogram.js";
import { Latest } from "./latest.js";
import { Digits, doubleOf, textOf } from "./numbers.js";
import { pathOf } from "./paths.js";
import { Points } from "./points.js";
import { Series, fitting, widthFor } from "./series.js";
import { Sliding } from "./sliding.js";
import { isMoving } from "./span.js";
import { Summary } from "./summary.js";
import { Tally } from "./tally.js";
import { numOf, scalarOf, tagOf, writtenOf, compareValues, hueOf } from "./values.js";

// Values that are counted one by one (shared meaning: docs/boards.md).
const TOP_VALUES = 10_000;
// Rows of a stream, points of a map and of a chart that are kept; the newest.
export const STREAM_ROWS = 500;
export const POINTS = 5_000;
// Buckets of the line beside a number.
const LINE_BUCKETS = 60;
// Characters of a cell: more is never seen in one.
const CELL = 300;

/**
 * @typedef {import("./window.js").Entry} Entry
 * @typedef {import("./window.js").Window} Window
 * @typedef {import("./paths.js").Path} Path
 * @typedef {import("./values.js").Scalar} Scalar
 * @typedef {import("./numbers.js").Num} Num
 *
 * @typedef {object} Tile as in a board's JSON
 * @property {string} id
 * @property {string} kind
 * @property {string} title
 * @property {string} topic
 * @property {string} filter
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 * @property {any} options
 *
 * @typedef {object} TileFigures
 * @property {Counted} counted
 * @property {(entry: Entry) => void} add
 * @property {(second: number) => void} expire
 * @property {(entry: Entry) => void} [earlier] as windows tell it
 * @property {(second: number) => void} [forget]
 * @property {(window: Window, now: number, asked: Asked) => any} read now: ms, of the server
 *
 * @typedef {{ sort?: string, search?: string, rows?: number }} Asked what the reader of a tile wants to see of it
 * @typedef {{ text: string, type: "number" | "text" | "boolean" | "json" | "none", number?: number }} Cell number: to sort by
 */

/**
 * @param {Tile} tile
 * @param {import("./span.js").WindowJson} window
 * @returns {TileFigures | null} null for a tile without figures
 * @throws {import("./paths.js").BadPath}
 */
export function figuresOf(tile, window) {
  switch (tile.kind) {
    case "number":
      return new NumberFigures(tile.options, window);
    case "top":
      return new TopFigures(tile.options);
    case "distribution":
      return new DistributionFigures(tile.options);
    case "table":
      return new TableFigures(tile.options);
    case "stream":
      return new StreamFigures(tile.options);
    case "chart":
      return tile.options.aggregate === "none" && tile.options.y !== "count"
        ? new PointsFigures(tile.options)
        : new ChartFigures(tile.options, window);
    case "map":
      return new MapFigures(tile.options);
    default:
      return null;
  }
}

/**
 * @param {import("./span.js").WindowJson} window
 * @returns {number} its seconds, a quarter of an hour for one without an end
 */
function secondsOf(window) {
  if ("last_seconds" in window) return window.last_seconds;
  return "since" in window ? 900 : Math.max(1, (window.to - window.from) / 1000);
}

/**
 * @param {Window} window
 * @param {number} now ms
 * @returns {[number, number]} the first second, and the one behind the last
 */
function secondsIn(window, now) {
  const { from, to } = window.bounds;
  const begin = Number.isFinite(from) ? from : window.opened;
  return [Math.floor(begin / 1000), Math.ceil(Math.min(to, now + 1000) / 1000)];
}

class NumberFigures {
  counted = new Counted();
  #figure;
  /** @type {Path | null} */
  #path;
  #now;
  /** what has left the window, and not yet the one before it */
  #before;
  /** @type {import("./amount.js").Amounted | null} what it was when it was read last; null when it has changed */
  #beforeRead = null;
  /** a second that left it uncounted: as long as the window before has it, nothing is said of that */
  #uncounted = -Infinity;
  #line;
  #isMoving;

  /**
   * @param {{ figure: string, field: string | null }} options
   * @param {import("./span.js").WindowJson} window
   */
  constructor({ figure, field }, window) {
    this.#figure = /** @type {import("./amount.js").Figure} */ (figure);
    this.#isMoving = isMoving(window);
    const needsField = figure !== "count" && figure !== "rate";
    this.#path = field && needsField ? pathOf(field) : null;
    this.#now = new Amount(this.#figure);
    this.#before = new Amount(this.#figure);
    const seconds = secondsOf(window);
    const width = Math.max(1, Math.ceil(seconds / LINE_BUCKETS));
    const aggregate = figure === "rate" || figure === "distinct" ? "count" : /** @type {import("./series.js").Aggregate} */ (figure);
    this.#line = new Series(aggregate, { width, isCoarse: !("last_seconds" in window) });
  }

  /** @param {Entry} entry */
  add({ fields, bucket, second }) {
    const value = this.#valueOf(fields);
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    this.#now.add(bucket, value);
    this.#line.add(second, "", typeof value === "string" || typeof value === "boolean" ? 1 : value);
  }

  /** @param {Entry} entry */
  earlier({ fields, second }) {
    const value = this.#valueOf(fields);
    if (value === undefined) return;
    this.#before.add(second, value);
    this.#beforeRead = null;
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#line.expire(second);
    const part = this.#now.expire(second);
    if (!part) return;
    this.#before.put(second, part);
    this.#beforeRead = null;
    if (this.#figure === "distinct" && !part.tags) this.#uncounted = second;
  }

  /** @param {number} second */
  forget(second) {
    if (this.#before.expire(second)) this.#beforeRead = null;
  }

  /**
   * @param {Window} window
   * @param {number} now
   */
  read(window, now) {
    const { starts, lines } = this.#line.read(...secondsIn(window, now));
    // Where nothing leaves, all stands under one bucket, whatever the window's own times are.
    const read = this.#now.read(this.#isMoving ? window.bounds.from / 1000 : -Infinity);
    if (this.#figure === "rate") read.value = rateOf(window.complete());
    const line = { starts, values: lines[0]?.values ?? [], width: this.#line.width };
    return { figure: this.#figure, ...read, ...this.#change(window, now, read.value), line };
  }

  /**
   * @param {Window} window
   * @param {number} now ms
   * @param {string | null} value of the window
   * @returns {{ before: string | null, change: number | null }} before: the same of the window before, null where that is not
   *   known; change: by which part of it the value is larger, null where that says nothing
   */
  #change({ before, bounds }, now, value) {
    if (!before || this.#uncounted * 1000 >= before.from) return { before: null, change: null };
    const length = (before.to - before.from) / 1000;
    // It changes with the seconds, and is read more often.
    const read = (this.#beforeRead ??= this.#before.read(before.from / 1000));
    if (this.#figure === "rate") read.value = rateOf({ records: this.#before.count, seconds: length });
    // The second under way is not over: what grows with time is compared with as much of it.
    const isGrowing = this.#figure === "count" || this.#figure === "sum";
    const share = isGrowing ? Math.min(1, (now - bounds.from) / 1000 / length) : 1;
    const size = Number(read.value) * share;
    const change = value !== null && read.value !== null && size > 0 ? Number(value) / size - 1 : NaN;
    return { before: read.value, change: Number.isFinite(change) ? change : null };
  }

  /** @param {import("./paths.js").Fields} fields */
  #valueOf(fields) {
    const found = this.#path ? fields.at(this.#path) : 1;
    return this.#figure === "distinct" ? scalarOf(found) : numOf(found);
  }
}

/** @param {{ records: number, seconds: number }} complete */
function rateOf({ records, seconds }) {
  return seconds > 0 ? String(records / seconds) : null;
}

class TopFigures {
  counted = new Counted();
  #path;
  #limit;
  #tally = new Tally(TOP_VALUES);

  /** @param {{ field: string, limit: number }} options */
  constructor({ field, limit }) {
    this.#path = pathOf(field);
    this.#limit = limit;
  }

  /** @param {Entry} entry */
  add({ fields, bucket }) {
    const value = scalarOf(fields.at(this.#path));
    this.counted.add(bucket, value !== undefined);
    if (value !== undefined) this.#tally.add(bucket, value);
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#tally.expire(second);
  }

  read() {
    const largest = largestOf(this.#tally.values(), this.#limit);
    const shown = largest.reduce((sum, { count }) => sum + count, 0);
    const rows = largest.map(({ value, count }) => ({ key: writtenOf(value).slice(0, CELL), tag: tagOf(value), type: typeOf(value), count }));
    return { rows, others: this.counted.used - shown, values: this.#tally.size, isWhole: this.#tally.others === 0 };
  }
}

/**
 * @param {Iterable<{ value: Scalar, count: number }>} values
 * @param {number} limit
 * @returns {{ value: Scalar, count: number }[]} the most frequent first, ties in order of the value
 */
function largestOf(values, limit) {
  const isBefore = (/** @type {{ value: Scalar, count: number }} */ a, /** @type {{ value: Scalar, count: number }} */ b) =>
    a.count > b.count || (a.count === b.count && compareValues(a.value, b.value) < 0);
  /** @type {{ value: Scalar, count: number }[]} */
  const largest = [];
  for (const each of values) {
    const last = largest.at(-1);
    if (last && largest.length >= limit && !isBefore(each, last)) continue;
    let place = largest.length;
    while (place > 0 && isBefore(each, /** @type {{ value: Scalar, count: number }} */ (largest[place - 1]))) place -= 1;
    largest.splice(place, 0, each);
    if (largest.length > limit) largest.pop();
  }
  return largest;
}

class DistributionFigures {
  counted = new Counted();
  #path;
  #bins;
  #histogram = new Histogram();
  /** @type {Sliding<Summary>} */
  #summary = new Sliding(() => new Summary());

  /** @param {{ field: string, bins: number | null }} options */
  constructor({ field, bins }) {
    this.#path = pathOf(field);
    this.#bins = bins ?? undefined;
  }

  /** @param {Entry} entry */
  add({ fields, bucket }) {
    const value = numOf(fields.at(this.#path));
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    this.#histogram.add(bucket, value);
    this.#summary.at(bucket).add(value);
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#histogram.expire(second);
    this.#summary.expire(second);
  }

  read() {
    const { min, max } = this.#summary.total();
    if (min === null || max === null) return { bins: [] };
    return { bins: this.#histogram.bins(doubleOf(min), doubleOf(max), this.#bins) };
  }
}

/** The cells of some columns, as rows of tables and streams keep them. */
class Columns {
  /** @param {string[]} columns */
  constructor(columns) {
    this.paths = columns.map(pathOf);
  }

  /**
   * @param {import("./paths.js").Fields} fields
   * @returns {Cell[]}
   */
  of(fields) {
    return this.paths.map((path) => cellOf(fields, path));
  }
}

/**
 * @param {import("./paths.js").Fields} fields
 * @param {Path} path
 * @returns {Cell}
 */
function cellOf(fields, path) {
  const value = fields.at(path);
  const scalar = scalarOf(value);
  if (typeof scalar === "string") return { text: scalar.slice(0, CELL), type: "text" };
  if (typeof scalar === "boolean") return { text: String(scalar), type: "boolean" };
  if (scalar !== undefined) return { text: writtenOf(scalar), type: "number", number: doubleOf(scalar) };
  // Its digits stand there, and nothing is computed with them.
  if (value instanceof Digits) return { text: textOf(value).slice(0, CELL), type: "json" };
  return value === undefined || value === null ? { text: "", type: "none" } : { text: fields.jsonAt(path).slice(0, CELL), type: "json" };
}

/**
 * @param {Scalar} value
 * @returns {Cell["type"]}
 */
function typeOf(value) {
  if (typeof value === "string") return "text";
  return typeof value === "boolean" ? "boolean" : "number";
}

/**
 * @typedef {{ partition: number, offset: number, time: number, key: string | null, line: string, cells: Cell[] }} Row
 */

/**
 * @param {Entry} entry
 * @param {Columns} columns
 * @returns {Row}
 */
function rowOf({ fields, time }, columns) {
  const { partition, record } = fields;
  // Without columns a row says the beginning of its value.
  const { value } = record;
  const whole = value === null ? "" : typeof value === "string" ? value : value.text;
  const line = columns.paths.length === 0 ? whole.slice(0, CELL) : "";
  return { partition, offset: record.offset, time, key: record.key, line, cells: columns.of(fields) };
}

class TableFigures {
  counted = new Counted();
  #by;
  #columns;
  #sort;
  /** @type {Latest<KeyedRow>} */
  #latest = new Latest();

  /** @param {{ by: string, columns: string[], sort: string }} options */
  constructor({ by, columns, sort }) {
    this.#by = pathOf(by);
    this.#columns = new Columns(columns);
    this.#sort = sort;
  }

  /** @param {Entry} entry */
  add(entry) {
    const { fields, bucket, time } = entry;
    const { partition, record } = fields;
    const by = scalarOf(fields.at(this.#by));
    this.counted.add(bucket, by !== undefined);
    if (by === undefined) return;
    const row = record.encoding === "none" ? null : { ...rowOf(entry, this.#columns), by };
    this.#latest.add(tagOf(by), { second: bucket, time, partition, offset: record.offset, row });
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#latest.expire(second);
  }

  /**
   * @param {Window} _window
   * @param {number} _now
   * @param {Asked} asked
   */
  read(_window, _now, { sort = this.#sort, search = "", rows: wanted = 200 }) {
    const words = search.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.#latest.rows().flatMap(({ row }) => (row ? [row] : []));
    const found = words.length === 0 ? all : all.filter((row) => isFound(row, words));
    found.sort(this.#order(sort));
    const rows = found.slice(0, wanted).map(({ by, ...row }) => ({ ...row, id: writtenOf(by), tag: tagOf(by), type: typeOf(by) }));
    return { rows, found: found.length, keys: this.#latest.count, leftOut: this.#latest.leftOut, sort };
  }

  /**
   * @param {string} sort a column's path, `key` or `time`; with `-` before it the largest first
   * @returns {(a: KeyedRow, b: KeyedRow) => number}
   */
  #order(sort) {
    const isDown = sort.startsWith("-");
    const name = isDown ? sort.slice(1) : sort;
    const place = this.#columns.paths.findIndex(({ text }) => text === name);
    const sign = isDown ? -1 : 1;
    const byKey = (/** @type {KeyedRow} */ a, /** @type {KeyedRow} */ b) => compareValues(a.by, b.by);
    if (place >= 0) return (a, b) => sign * compareCells(a.cells[place], b.cells[place]) || byKey(a, b);
    if (name === this.#by.text || name === "key") return (a, b) => sign * byKey(a, b);
    return (a, b) => b.time - a.time || byKey(a, b);
  }
}

/** @typedef {Row & { by: Scalar }} KeyedRow by: what it is the latest of */

/**
 * @param {KeyedRow} row
 * @param {string[]} words
 */
function isFound({ by, cells, line }, words) {
  const text = [writtenOf(by), line, ...cells.map((cell) => cell.text)].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * Empty ones, then numbers by size, then the others by what they say.
 *
 * @param {Cell | undefined} a
 * @param {Cell | undefined} b
 */
function compareCells(a, b) {
  const ranks = rankOf(a) - rankOf(b);
  if (ranks !== 0) return ranks;
  if (a?.number !== undefined && b?.number !== undefined) return a.number - b.number;
  const [one, other] = [a?.text ?? "", b?.text ?? ""];
  return one < other ? -1 : Number(one > other);
}

/** @param {Cell | undefined} cell */
function rankOf(cell) {
  if (cell?.number !== undefined) return 1;
  return cell?.text ? 2 : 0;
}

class StreamFigures {
  counted = new Counted();
  #columns;
  /** @type {Points<Row>} */
  #rows = new Points(STREAM_ROWS);
  /** records ever: how many came while somebody was reading is their difference */
  #total = 0;

  /** @param {{ columns: string[] }} options */
  constructor({ columns }) {
    this.#columns = new Columns(columns);
  }

  /** @param {Entry} entry */
  add(entry) {
    this.counted.add(entry.bucket, true);
    this.#total += 1;
    this.#rows.add(entry.bucket, rowOf(entry, this.#columns));
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#rows.expire(second);
  }

  /**
   * @param {Window} _window
   * @param {number} _now
   * @param {Asked} asked
   */
  read(_window, _now, { rows: wanted = 60 }) {
    return { rows: this.#rows.all().slice(-wanted).reverse(), total: this.#total };
  }
}

class ChartFigures {
  counted = new Counted();
  /** @type {Path | null} */
  #path;
  /** @type {Path | null} */
  #split;
  #series;
  #asked;

  /**
   * @param {{ y: string, aggregate: string, split: string | null, bucket_seconds?: number | null }} options
   * @param {import("./span.js").WindowJson} window
   */
  constructor({ y, aggregate, split, bucket_seconds: asked = null }, window) {
    this.#path = y === "count" ? null : pathOf(y);
    this.#split = split ? pathOf(split) : null;
    this.#asked = asked;
    const figure = /** @type {import("./series.js").Aggregate} */ (y === "count" ? "count" : aggregate);
    const seconds = secondsOf(window);
    const width = asked === null ? widthFor(seconds) : fitting(asked, seconds);
    this.#series = new Series(figure, { width, isCoarse: !isMoving(window), isAsked: asked !== null });
  }

  /** @param {Entry} entry */
  add({ fields, bucket, second }) {
    const value = this.#path ? numOf(fields.at(this.#path)) : 1;
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    const by = this.#split ? scalarOf(fields.at(this.#split)) : undefined;
    if (by === undefined) this.#series.add(second, "", value);
    else this.#series.add(second, tagOf(by), value, labelOf(by));
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#series.expire(second);
  }

  /**
   * @param {Window} window
   * @param {number} now
   */
  read(window, now) {
    const { starts, lines, outside, isAbout } = this.#series.read(...secondsIn(window, now));
    const { width } = this.#series;
    const gaps = starts.map((start) => window.isTouched(start * 1000, (start + width) * 1000));
    for (const line of lines) line.values = line.values.map((value, place) => (gaps[place] ? null : value));
    return { starts, width, isWidened: this.#asked !== null && width !== this.#asked, lines, gaps, outside, isAbout };
  }
}

/** @param {Scalar} value @returns {string} as it is written, as far as it is read */
function labelOf(value) {
  return writtenOf(value).slice(0, CELL);
}

/**
 * @param {import("./paths.js").Fields} fields
 * @param {Path | null} path
 * @returns {{ name: string, hue: string }} what names the record's series, and what its colour goes by: the text "1" is not the
 *   number 1; "" where nothing does
 */
function namesOf(fields, path) {
  const value = path ? scalarOf(fields.at(path)) : undefined;
  return value === undefined ? { name: "", hue: "" } : { name: labelOf(value), hue: hueOf(tagOf(value)) };
}

/** Each record as a point of a chart. */
class PointsFigures {
  counted = new Counted();
  #path;
  /** @type {Path | null} */
  #split;
  /** @type {Points<{ time: number, y: number, name: string, hue: string, key: string | null, partition: number, offset: number }>} */
  #points = new Points(POINTS);

  /** @param {{ y: string, split: string | null }} options */
  constructor({ y, split }) {
    this.#path = pathOf(y);
    this.#split = split ? pathOf(split) : null;
  }

  /** @param {Entry} entry */
  add({ fields, bucket, time }) {
    const value = numOf(fields.at(this.#path));
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    this.#points.add(bucket, { time, y: doubleOf(value), ...namesOf(fields, this.#split), key: fields.record.key, partition: fields.partition, offset: fields.record.offset });
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#points.expire(second);
  }

  read() {
    return { points: this.#points.all(), leftOut: this.#points.leftOut };
  }
}

/**
 * @typedef {{ longitude: number, latitude: number, size: number | null, name: string, hue: string, partition: number, offset: number,
 *   time: number, key: string | null }} Place
 */

class MapFigures {
  counted = new Counted();
  #latitude;
  #longitude;
  #geojson;
  #size;
  #colour;
  /** @type {Points<Place>} */
  #points = new Points(POINTS);

  /** @param {Record<"latitude" | "longitude" | "geojson" | "size" | "colour", string | null>} options */
  constructor(options) {
    const path = (/** @type {string | null | undefined} */ text) => (text ? pathOf(text) : null);
    this.#latitude = path(options.latitude);
    this.#longitude = path(options.longitude);
    this.#geojson = path(options.geojson);
    this.#size = path(options.size);
    this.#colour = path(options.colour);
  }

  /** @param {Entry} entry */
  add({ fields, bucket, time }) {
    const place = this.#placeOf(fields);
    this.counted.add(bucket, place !== null);
    if (!place) return;
    const size = this.#size ? numOf(fields.at(this.#size)) : undefined;
    const { partition, record } = fields;
    this.#points.add(bucket, {
      longitude: place[0], latitude: place[1], size: size === undefined ? null : doubleOf(size), ...namesOf(fields, this.#colour),
      partition, offset: record.offset, time, key: record.key,
    });
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#points.expire(second);
  }

  read() {
    return { points: this.#points.all(), leftOut: this.#points.leftOut };
  }

  /**
   * @param {import("./paths.js").Fields} fields
   * @returns {[number, number] | null} longitude and latitude
   */
  #placeOf(fields) {
    /** @type {[unknown, unknown]} */
    let place = [this.#longitude && fields.at(this.#longitude), this.#latitude && fields.at(this.#latitude)];
    if (this.#geojson) {
      const geometry = /** @type {any} */ (fields.at(this.#geojson));
      const point = geometry?.type === "Feature" ? geometry.geometry : geometry;
      place = point?.type === "Point" && Array.isArray(point.coordinates) ? [point.coordinates[0], point.coordinates[1]] : [null, null];
    }
    const [longitude, latitude] = place;
    if (typeof longitude !== "number" || typeof latitude !== "number") return null;
    return Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90 ? [longitude, latitude] : null;
  }
}
