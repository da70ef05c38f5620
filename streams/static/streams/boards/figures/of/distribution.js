// The figures of a distribution: how many numbers lie in each of some bins of equal width.

import { Counted } from "../counted.js";
import { Histogram } from "../histogram.js";
import { Sliding } from "../sliding.js";
import { Summary } from "../summary.js";
import { doubleOf } from "../numbers.js";
import { numOf } from "../values.js";
import { pathOf } from "../paths.js";

/** @typedef {import("../window.js").Entry} Entry */

export class DistributionFigures {
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
