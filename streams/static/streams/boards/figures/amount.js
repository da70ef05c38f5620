// One figure of some seconds: what it is, what leaves with a second, and that put into another one. So a number has its
// window, and the window before it made of what has left the first.

import { Distinct } from "./distinct.js";
import { Quantiles } from "./quantiles.js";
import { Sliding } from "./sliding.js";
import { Summary } from "./summary.js";
import { textOf } from "./numbers.js";

/**
 * @typedef {import("./numbers.js").Num} Num
 * @typedef {import("./values.js").Scalar} Scalar
 * @typedef {"count" | "rate" | "sum" | "mean" | "min" | "max" | "p50" | "p95" | "distinct"} Figure
 * @typedef {{ count: number, summary?: Summary, values?: import("./quantiles.js").Values, tags?: Iterable<string> }} Part what a
 *   second held
 * @typedef {{ value: string | null, isAbout: boolean }} Amounted its digits; null of nothing
 */

/** @type {Record<string, number>} */
const PERCENTS = { p50: 50, p95: 95 };

export class Amount {
  /** records that have a value */
  count = 0;
  #figure;
  /** @type {Map<number, { count: number }>} second → records */
  #counts = new Map();
  /** the one that was counted last, as the next one mostly is in it */
  #last = { second: NaN, counted: { count: 0 } };
  /** @type {Sliding<Summary> | null} */
  #summary = null;
  /** @type {Quantiles | null} */
  #quantiles = null;
  /** @type {Distinct | null} */
  #distinct = null;

  /** @param {Figure} figure */
  constructor(figure) {
    this.#figure = figure;
    if (figure === "distinct") this.#distinct = new Distinct();
    else if (figure in PERCENTS) this.#quantiles = new Quantiles();
    else if (figure !== "count" && figure !== "rate") this.#summary = new Sliding(() => new Summary());
  }

  /**
   * @param {number} second
   * @param {Scalar} value numbers only, but for `distinct`
   */
  add(second, value) {
    this.#counted(second, 1);
    this.#distinct?.add(second, value);
    this.#quantiles?.add(second, /** @type {Num} */ (value));
    this.#summary?.at(second).add(/** @type {Num} */ (value));
  }

  /**
   * @param {number} second that leaves
   * @returns {Part | null} what it held; null when that was nothing
   */
  expire(second) {
    const counted = this.#counts.get(second);
    if (!counted) return null;
    const { count } = counted;
    this.#counts.delete(second);
    if (this.#last.second === second) this.#last.second = NaN;
    this.count -= count;
    return { count, summary: this.#summary?.expire(second), values: this.#quantiles?.expire(second), tags: this.#distinct?.expire(second) };
  }

  /**
   * @param {number} second
   * @param {Part} part that left another one
   */
  put(second, { count, summary, values, tags }) {
    this.#counted(second, count);
    if (summary && this.#summary && this.#summary.put(second, summary) !== summary) this.#summary.at(second).merge(summary);
    if (values) this.#quantiles?.put(second, values);
    if (tags) this.#distinct?.put(second, tags);
  }

  /**
   * @param {number} from the first second of the window
   * @returns {Amounted}
   */
  read(from) {
    if (this.#distinct) {
      const { value, isAbout } = this.#distinct.read(from);
      return { value: String(value), isAbout };
    }
    if (this.#quantiles) {
      const { value, isAbout } = this.#quantiles.at(PERCENTS[this.#figure] ?? 50);
      return { value: value === null ? null : textOf(value), isAbout };
    }
    if (!this.#summary) return { value: String(this.count), isAbout: false };
    const value = this.#summary.total()[/** @type {"sum" | "mean" | "min" | "max"} */ (this.#figure)];
    return { value: value === null ? null : typeof value === "bigint" ? String(value) : textOf(value), isAbout: false };
  }

  /**
   * @param {number} second
   * @param {number} count
   */
  #counted(second, count) {
    this.count += count;
    if (this.#last.second !== second) {
      let counted = this.#counts.get(second);
      if (!counted) this.#counts.set(second, (counted = { count: 0 }));
      this.#last = { second, counted };
    }
    this.#last.counted.count += count;
  }
}
