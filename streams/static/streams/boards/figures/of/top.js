// The figures of top values: each value with its count, the most frequent first.

import { CELL, typeOf } from "../cells.js";
import { Counted } from "../counted.js";
import { Tally } from "../tally.js";
import { compareValues, scalarOf, tagOf, writtenOf } from "../values.js";
import { pathOf } from "../paths.js";

// Values that are counted one by one (shared meaning: docs/boards.md).
const TOP_VALUES = 10_000;

/**
 * @typedef {import("../window.js").Entry} Entry
 * @typedef {import("../values.js").Scalar} Scalar
 */

export class TopFigures {
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
