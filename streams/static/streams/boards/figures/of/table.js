// The figures of a table: the latest record of each key, or of each value of a field.

import { Columns, rowOf, typeOf } from "../cells.js";
import { Counted } from "../counted.js";
import { Latest } from "../latest.js";
import { compareValues, scalarOf, tagOf, writtenOf } from "../values.js";
import { pathOf } from "../paths.js";

/**
 * @typedef {import("../window.js").Entry} Entry
 * @typedef {import("../window.js").Window} Window
 * @typedef {import("../values.js").Scalar} Scalar
 * @typedef {import("../cells.js").Cell} Cell
 * @typedef {import("../cells.js").Row} Row
 * @typedef {import("../kinds.js").Asked} Asked
 */

export class TableFigures {
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
