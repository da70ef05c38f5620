// The figures of a stream: its newest records, and how many there ever were.

import { Columns, rowOf } from "../cells.js";
import { Counted } from "../counted.js";
import { Points } from "../points.js";

// Rows that are kept; the newest.
export const STREAM_ROWS = 500;

/**
 * @typedef {import("../window.js").Entry} Entry
 * @typedef {import("../window.js").Window} Window
 * @typedef {import("../cells.js").Row} Row
 * @typedef {import("../kinds.js").Asked} Asked
 */

export class StreamFigures {
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
