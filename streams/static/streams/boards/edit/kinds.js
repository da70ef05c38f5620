// What the gallery offers: each kind of tile, what it is for, and how it begins on the fields that a topic has. Pure.

import { spoken } from "./spoken.js";
import { windowText } from "../tiles/words.js";

/**
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {{ name: string, label: string, of: "any" | "number" | "scalar" | "point" | "fields" | "choice" | "order" | "amount" | "words", optional?: boolean,
 *   choices?: string[] }} Option
 * @typedef {{ kind: string, name: string, what: string, w: number, h: number, options: Option[] }} Kind
 */

const FIGURES = ["count", "rate", "sum", "mean", "min", "max", "p50", "p95", "distinct"];

/** @type {Kind[]} */
export const KINDS = [
  { kind: "number", name: "Number", what: "One figure of the window, with its line", w: 3, h: 3, options: [
    { name: "figure", label: "Figure", of: "choice", choices: FIGURES }, { name: "field", label: "Field", of: "scalar", optional: true }] },
  { kind: "chart", name: "Chart", what: "A figure over time, or each record as a point", w: 8, h: 5, options: [
    { name: "y", label: "What", of: "number" }, { name: "aggregate", label: "Summed up as", of: "choice", choices: ["none", "count", "sum", "mean", "min", "max", "p50", "p95"] },
    { name: "split", label: "Split by", of: "scalar", optional: true }, { name: "form", label: "Form", of: "choice", choices: ["line", "points", "bars"] },
    { name: "bucket_seconds", label: "Seconds a bucket", of: "amount", optional: true }] },
  { kind: "top", name: "Top values", what: "The most frequent values of a field", w: 4, h: 5, options: [
    { name: "field", label: "Field", of: "scalar" }, { name: "limit", label: "How many", of: "amount" }] },
  { kind: "distribution", name: "Distribution", what: "How the numbers of a field are spread", w: 4, h: 5, options: [
    { name: "field", label: "Field", of: "number" }, { name: "bins", label: "Bins, at most", of: "amount", optional: true }] },
  { kind: "table", name: "Table", what: "The latest record of each key", w: 6, h: 6, options: [
    { name: "by", label: "A row for each", of: "scalar" }, { name: "columns", label: "Columns", of: "fields" }, { name: "sort", label: "Sorted by", of: "order" }] },
  { kind: "stream", name: "Stream", what: "The records, newest first, in columns", w: 12, h: 8, options: [
    { name: "columns", label: "Columns", of: "fields" }, { name: "order", label: "Order", of: "choice", choices: ["newest", "oldest"] }] },
  { kind: "map", name: "Map", what: "Points by latitude and longitude", w: 8, h: 9, options: [
    { name: "geojson", label: "GeoJSON point", of: "point", optional: true }, { name: "latitude", label: "Latitude", of: "number", optional: true },
    { name: "longitude", label: "Longitude", of: "number", optional: true }, { name: "size", label: "Size", of: "number", optional: true },
    { name: "colour", label: "Colour", of: "scalar", optional: true }] },
  { kind: "text", name: "Text", what: "A heading or a note", w: 4, h: 2, options: [{ name: "text", label: "Words; # makes a heading", of: "words" }] },
];

/**
 * @param {string} kind
 * @param {Field[]} fields of the topic
 * @returns {Record<string, any> | null} options to begin with; null where the topic has no field for it
 */
export function optionsFor(kind, fields) {
  const first = (/** @type {(field: Field) => boolean} */ fits) => fields.find((field) => field.path.startsWith("value") && fits(field))?.path;
  const number = first(({ type, path }) => type === "number" && !/time|date|lat|lon|coordinates|\bid\b/i.test(path)) ?? first(({ type }) => type === "number");
  // One whose values come again and again says more than names and ids do.
  const isText = (/** @type {Field} */ { type }) => type === "text" || type === "boolean";
  const text = first((field) => isText(field) && field.values > 1 && field.values <= field.records / 3) ?? first(isText);
  const columns = fields.filter(({ path, type }) => path.startsWith("value") && type !== "point").slice(0, 5).map(({ path }) => path);
  switch (kind) {
    case "number":
      return { figure: "count", field: null };
    case "chart":
      return { y: number ?? "count", aggregate: number ? "mean" : "count", split: null, form: "line", bucket_seconds: null };
    case "top":
      return text ?? number ? { field: text ?? number, limit: 10 } : null;
    case "distribution":
      return number ? { field: number, bins: null } : null;
    case "table":
      return { by: "key", columns, sort: "" };
    case "stream":
      return { columns, order: "newest" };
    case "map":
      return mapOptions(fields, number);
    default:
      return { text: "# Heading" };
  }
}

/**
 * @param {Field[]} fields
 * @param {string | undefined} number
 */
function mapOptions(fields, number) {
  const named = (/** @type {RegExp} */ name) => fields.find(({ path, type }) => type === "number" && name.test(path))?.path;
  const point = fields.find(({ type }) => type === "point")?.path;
  const [latitude, longitude] = [named(/\blat(itude)?$/i), named(/\b(lon|lng|longitude)$/i)];
  const look = { size: number ?? null, colour: null };
  if (point) return { geojson: point, latitude: null, longitude: null, ...look };
  return latitude && longitude ? { geojson: null, latitude, longitude, ...look } : null;
}

// Windows that a board is offered, in seconds.
const WINDOWS = [60, 300, 900, 3_600];

/**
 * @typedef {import("../figures/span.js").WindowJson} WindowJson
 */

/**
 * @param {WindowJson} window of the board
 * @returns {{ window: WindowJson, words: string }[]} what it can be, the present one first
 */
export function windowsOf(window) {
  /** @type {WindowJson[]} */
  const others = [...WINDOWS.map((seconds) => ({ last_seconds: seconds })), { since: "opened" }];
  const all = [window, ...others.filter((each) => JSON.stringify(each) !== JSON.stringify(window))];
  return all.map((each) => ({ window: each, words: "from" in each ? `${new Date(each.from).toISOString()} – ${new Date(each.to).toISOString()}` : windowText(each) }));
}

/**
 * @param {{ by: string, columns: string[], sort: string }} options of a table
 * @returns {[string, string][]} by what it can be sorted, each with its words; the present one is among them
 */
export function ordersOf({ by, columns, sort }) {
  /** @type {(path: string) => [string, string][]} */
  const both = (path) => [[path, `${path} ↑`], [`-${path}`, `${path} ↓`]];
  /** @type {[string, string][]} */
  const orders = [["", "the latest first"], ...[...new Set([by, ...columns])].flatMap(both)];
  return orders.some(([order]) => order === sort) ? orders : [[sort, sort], ...orders];
}

// Of a column that joins others whose widths were set, px.
const USUAL_WIDTH = 160;

/**
 * @param {{ columns: string[], widths?: number[] }} options of a stream or a table
 * @param {string[]} columns that it is to have, in their order
 * @returns {{ columns: string[], widths?: number[] }} the same with them; each keeps the width that was set
 */
export function withColumns(options, columns) {
  const { widths = [], columns: before } = options;
  // Key and value, which stand there without columns, have nothing to hand on.
  if (widths.length === 0 || before.length === 0 || columns.length === 0) return { ...options, columns, ...(widths.length > 0 && { widths: [] }) };
  const [time = USUAL_WIDTH, where = USUAL_WIDTH] = [widths[0], widths[before.length + 1]];
  const kept = columns.map((path) => (before.includes(path) ? widths[before.indexOf(path) + 1] : undefined) ?? USUAL_WIDTH);
  return { ...options, columns, widths: [time, ...kept, where] };
}

/**
 * @param {string[]} columns
 * @param {string} path one of them
 * @param {number} by places: −1 earlier, 1 later
 * @returns {string[]}
 */
export function movedColumn(columns, path, by) {
  const from = columns.indexOf(path);
  const to = Math.min(columns.length - 1, Math.max(0, from + by));
  const others = columns.toSpliced(from, 1);
  return others.toSpliced(to, 0, path);
}

/**
 * @param {Tile[]} tiles
 * @param {string} kind
 * @returns {string} an id that none of them has
 */
export function freeId(tiles, kind) {
  const taken = new Set(tiles.map(({ id }) => id));
  for (let number = 1; ; number += 1) if (!taken.has(`${kind}-${number}`)) return `${kind}-${number}`;
}

/** @typedef {{ name: string, mine: string, theirs: string }} Difference */

/**
 * What differs between two states of a board, in words, for who saves second.
 *
 * @param {Record<string, any>} mine
 * @param {Record<string, any>} theirs
 * @returns {Difference[]}
 */
export function differences(mine, theirs) {
  /** @type {Difference[]} */
  const found = [];
  for (const name of ["name", "window", "filter", "clock"]) {
    const [one, other] = [spoken(name, mine[name]), spoken(name, theirs[name])];
    if (one !== other) found.push({ name, mine: one, theirs: other });
  }
  const tilesOf = (/** @type {Record<string, any>} */ board) => new Map(/** @type {Tile[]} */ (board["tiles"]).map((tile) => [tile.id, tile]));
  const [mineById, theirsById] = [tilesOf(mine), tilesOf(theirs)];
  for (const id of new Set([...mineById.keys(), ...theirsById.keys()])) {
    const [one, other] = [mineById.get(id), theirsById.get(id)];
    const name = `tile ${one?.title || other?.title || id}`;
    if (!one) found.push({ name, mine: "not there", theirs: "there" });
    else if (!other) found.push({ name, mine: "there", theirs: "not there" });
    else {
      const changed = PARTS.filter((part) => said(part, one, other) !== said(part, other, one));
      const all = (/** @type {Tile} */ tile, /** @type {Tile} */ beside) => changed.map((part) => said(part, tile, beside)).join("; ");
      if (changed.length > 0) found.push({ name, mine: all(one, other), theirs: all(other, one) });
    }
  }
  return found;
}

// Of a tile.
const PARTS = ["kind", "title", "topic", "filter", "place", "options"];

/**
 * @param {string} part
 * @param {any} tile
 * @param {any} other that it is compared with
 */
function said(part, tile, other) {
  if (part === "place") return spoken(part, tile);
  return part === "options" ? spoken(part, tile.options, other.options) : `${part}: ${spoken(part, tile[part])}`;
}
