// How values of records are written: in the cells of columns, and as names of series and points.

import { Digits, doubleOf, textOf } from "./numbers.js";
import { pathOf } from "./paths.js";
import { hueOf, scalarOf, tagOf, writtenOf } from "./values.js";

// Characters of a cell: more is never seen in one.
export const CELL = 300;

/**
 * @typedef {import("./window.js").Entry} Entry
 * @typedef {import("./paths.js").Path} Path
 * @typedef {import("./values.js").Scalar} Scalar
 *
 * @typedef {{ text: string, type: "number" | "text" | "boolean" | "json" | "none", number?: number }} Cell number: to sort by
 */

/** The cells of some columns, as rows of tables and streams keep them. */
export class Columns {
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
export function typeOf(value) {
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
export function rowOf({ fields, time }, columns) {
  const { partition, record } = fields;
  // Without columns a row says the beginning of its value.
  const { value } = record;
  const whole = value === null ? "" : typeof value === "string" ? value : value.text;
  const line = columns.paths.length === 0 ? whole.slice(0, CELL) : "";
  return { partition, offset: record.offset, time, key: record.key, line, cells: columns.of(fields) };
}

/** @param {Scalar} value @returns {string} as it is written, as far as it is read */
export function labelOf(value) {
  return writtenOf(value).slice(0, CELL);
}

/**
 * @param {import("./paths.js").Fields} fields
 * @param {Path | null} path
 * @returns {{ name: string, hue: string }} what names the record's series, and what its colour goes by: the text "1" is not the
 *   number 1; "" where nothing does
 */
export function namesOf(fields, path) {
  const value = path ? scalarOf(fields.at(path)) : undefined;
  return value === undefined ? { name: "", hue: "" } : { name: labelOf(value), hue: hueOf(tagOf(value)) };
}
