// A figure over time, split into series: buckets aligned to the clock, the ten largest series and the others.

import { compareTexts } from "./values.js";
import { Values, percentileOf } from "./quantiles.js";
import { Summary } from "./summary.js";

// Widths of buckets in seconds; each divides the next, so that buckets become wider by joining whole ones.
export const WIDTHS = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 21_600, 86_400, 604_800];
const SHOWN = 10;
// Series that are told apart; what comes later is among the others.
const SERIES = 1_000;
// Without a width of its own a chart has about so many buckets.
const BUCKETS = 90;
// With one it has so many at most: a chart has hardly more pixels, and each reading costs all of them.
export const MOST_BUCKETS = 1_500;
// Percentiles keep so many values in all, exactly; beyond that a cell keeps so many and sums the rest up.
const EXACT_VALUES = 100_000;
const CELL_VALUES = 100;

export const OTHERS = "\u0000others";

/**
 * @typedef {"count" | "sum" | "mean" | "min" | "max" | "p50" | "p95"} Aggregate
 * @typedef {import("./numbers.js").Num} Num
 * @typedef {{ name: string, tag: string, isOthers: boolean, count: number, values: (number | null)[] }} Line tag: what tells it
 *   from others; values: one a bucket, null where there is nothing to say
 */

/** @type {(seconds: number, width: number) => number} buckets that so many seconds touch, at most */
const bucketsIn = (seconds, width) => Math.ceil(seconds / width) + 1;

/**
 * @param {number} seconds of the window
 * @returns {number} seconds a bucket
 */
export function widthFor(seconds) {
  return WIDTHS.find((width) => seconds / width <= BUCKETS) ?? 604_800;
}

/**
 * @param {number} width seconds a bucket, as somebody asked for
 * @param {number} seconds of the window
 * @returns {number} the same, or doubled until the buckets are not too many
 */
export function fitting(width, seconds) {
  let fits = width;
  while (bucketsIn(seconds, fits) > MOST_BUCKETS) fits *= 2;
  return fits;
}

/** What one series has in one second. */
class Cell {
  summary = new Summary();
  values = new Values();
}

export class Series {
  /** @type {Map<number, Map<string, Cell>>} second (or bucket, where nothing leaves) → series → its cell */
  #seconds = new Map();
  /** @type {Map<string, number>} series → records in the window */
  #counts = new Map();
  /** @type {Map<string, string>} series → as it is written */
  #labels = new Map();
  #aggregate;
  #width;
  #isCoarse;
  #isAsked;
  #kept = 0;
  /** whether a percentile of the last answer is not exact */
  #isAbout = false;

  /**
   * @param {Aggregate} aggregate
   * @param {{ width: number, isCoarse?: boolean, isAsked?: boolean }} buckets width: seconds; isCoarse: nothing leaves the
   *   window, so that whole buckets are enough; isAsked: somebody asked for this width, which is kept while it can be
   */
  constructor(aggregate, { width, isCoarse = false, isAsked = false }) {
    this.#aggregate = aggregate;
    this.#width = width;
    this.#isCoarse = isCoarse;
    this.#isAsked = isAsked;
  }

  /** @returns {number} seconds a bucket; more than it was made with, where there were too many */
  get width() {
    return this.#width;
  }

  /**
   * @param {number} second of the record
   * @param {string} name what tells its series from others
   * @param {Num} value
   * @param {string} [label] how the series is written; several may be written in one way
   */
  add(second, name, value, label = name) {
    const key = this.#isCoarse ? Math.floor(second / this.#width) * this.#width : second;
    let cells = this.#seconds.get(key);
    if (!cells) this.#seconds.set(key, (cells = new Map()));
    const series = this.#counts.has(name) || this.#counts.size < SERIES ? name : OTHERS;
    if (!this.#counts.has(series)) this.#labels.set(series, series === OTHERS ? "others" : label);
    let cell = cells.get(series);
    if (!cell) cells.set(series, (cell = new Cell()));
    cell.summary.add(value);
    if (this.#isPercentile) {
      cell.values.add(value);
      this.#kept += 1;
      if (this.#kept > EXACT_VALUES && cell.values.collected > CELL_VALUES) cell.values.sumUp();
    }
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
    const most = this.#isAsked ? MOST_BUCKETS : 4 * BUCKETS;
    while (this.#isCoarse && this.#seconds.size > most) this.#widen();
  }

  /** @param {number} second */
  expire(second) {
    for (const [name, { summary, values }] of this.#seconds.get(second) ?? []) {
      const left = (this.#counts.get(name) ?? 0) - summary.count;
      this.#kept -= values.count;
      if (left > 0) this.#counts.set(name, left);
      else {
        this.#counts.delete(name);
        this.#labels.delete(name);
      }
    }
    this.#seconds.delete(second);
  }

  /**
   * @param {number} from the first second of the window
   * @param {number} to the second behind its last
   * @returns {{ starts: number[], lines: Line[], outside: number, isAbout: boolean }} starts: the second each bucket begins
   *   with; the first and the last may reach out of the window. outside: records whose time is not among them; isAbout: a
   *   percentile is not exact
   */
  read(from, to) {
    while (this.#isCoarse && bucketsIn(to - from, this.#width) > MOST_BUCKETS) this.#widen();
    const first = Math.floor(from / this.#width) * this.#width;
    const buckets = Math.max(0, Math.ceil((to - first) / this.#width));
    const starts = Array.from({ length: buckets }, (_, place) => first + place * this.#width);
    const names = this.#largest();
    /** @type {Map<string, (Cell[] | undefined)[]>} */
    const found = new Map();
    let outside = 0;
    for (const [second, cells] of this.#seconds) {
      const place = Math.floor((second - first) / this.#width);
      if (place < 0 || place >= buckets) {
        for (const { summary } of cells.values()) outside += summary.count;
        continue;
      }
      for (const [name, cell] of cells) {
        const line = names.has(name) ? name : OTHERS;
        let row = found.get(line);
        if (!row) found.set(line, (row = new Array(buckets)));
        const there = row[place];
        if (there) there.push(cell);
        else row[place] = [cell];
      }
    }
    this.#isAbout = false;
    const lines = [...names.keys(), OTHERS].flatMap((name) => {
      const row = found.get(name);
      if (!row) return [];
      const values = Array.from(row, (cells) => this.#valueOf(cells));
      const count = row.reduce((sum, cells) => sum + (cells ?? []).reduce((some, { summary }) => some + summary.count, 0), 0);
      const isOthers = name === OTHERS;
      return [{ name: isOthers ? "others" : (this.#labels.get(name) ?? name), tag: name, isOthers, count, values }];
    });
    return { starts, lines, outside, isAbout: this.#isAbout };
  }

  get #isPercentile() {
    return this.#aggregate === "p50" || this.#aggregate === "p95";
  }

  /** @returns {Map<string, number>} the largest series by records, ties in order of how they are written */
  #largest() {
    const named = [...this.#counts].filter(([name]) => name !== OTHERS);
    const labelOf = (/** @type {string} */ name) => this.#labels.get(name) ?? name;
    const inOrder = named.sort(([a, one], [b, other]) => other - one || compareTexts(labelOf(a), labelOf(b)) || compareTexts(a, b));
    return new Map(inOrder.slice(0, SHOWN));
  }

  /**
   * @param {Cell[] | undefined} cells of one bucket
   * @returns {number | null}
   */
  #valueOf(cells) {
    if (!cells) return this.#aggregate === "count" ? 0 : null;
    if (this.#isPercentile) {
      const { value, isAbout } = percentileOf(cells.map(({ values }) => values), this.#aggregate === "p50" ? 50 : 95);
      this.#isAbout ||= isAbout;
      return value === null ? null : Number(typeof value === "number" ? value : value.number);
    }
    const total = new Summary();
    for (const { summary } of cells) total.merge(summary);
    const value = this.#aggregate === "mean" ? total.mean : total[/** @type {"count" | "sum" | "min" | "max"} */ (this.#aggregate)];
    const double = value === null ? NaN : Number(typeof value === "object" ? value.number : value);
    return Number.isFinite(double) ? double : null; // a sum beyond all doubles has no place in a chart
  }

  /** Joins whole buckets. One width of ours divides the next; twice of what somebody asked for is nearest to it. */
  #widen() {
    const own = this.#isAsked ? undefined : WIDTHS[WIDTHS.indexOf(this.#width) + 1];
    this.#width = WIDTHS.includes(this.#width) && own ? own : this.#width * 2;
    const before = this.#seconds;
    this.#seconds = new Map();
    for (const [second, cells] of before) {
      const key = Math.floor(second / this.#width) * this.#width;
      const there = this.#seconds.get(key);
      if (!there) this.#seconds.set(key, cells);
      else {
        for (const [name, cell] of cells) {
          const same = there.get(name);
          if (!same) there.set(name, cell);
          else {
            same.summary.merge(cell.summary);
            same.values.join(cell.values);
          }
        }
      }
    }
  }
}
