// What is known of some numbers without keeping them: how many, their sum, the smallest and the largest.

import { compareNumbers, doubleOf, wholeOf } from "./numbers.js";

/** @typedef {import("./numbers.js").Num} Num */

export class Summary {
  count = 0;
  /** @type {Num | null} */
  min = null;
  /** @type {Num | null} */
  max = null;
  /** the sum as doubles add it up, and what was lost by rounding (Neumaier) */
  #sum = 0;
  #lost = 0;
  /** the same exactly, while all of them are whole: as a double as long as that is safe, then as a BigInt */
  #small = 0;
  #large = 0n;
  #isWhole = true;

  /** @param {Num} value */
  add(value) {
    this.count += 1;
    if (this.min === null || compareNumbers(value, this.min) < 0) this.min = value;
    if (this.max === null || compareNumbers(value, this.max) > 0) this.max = value;
    this.#plus(doubleOf(value));
    if (this.#isWhole) this.#plusWhole(value);
  }

  /** @param {Summary} other */
  merge(other) {
    if (other.count === 0) return;
    this.count += other.count;
    if (other.min !== null && (this.min === null || compareNumbers(other.min, this.min) < 0)) this.min = other.min;
    if (other.max !== null && (this.max === null || compareNumbers(other.max, this.max) > 0)) this.max = other.max;
    this.#plus(other.#sum);
    this.#plus(other.#lost);
    this.#isWhole &&= other.#isWhole;
    this.#large += other.#large;
    this.#plusWhole(other.#small);
  }

  /** @returns {number | bigint | null} null of nothing; exactly, as a BigInt, where all are whole numbers */
  get sum() {
    if (this.count === 0) return null;
    return this.#isWhole ? this.#large + BigInt(this.#small) : this.#sum + this.#lost;
  }

  /** @returns {number | null} */
  get mean() {
    const { sum } = this;
    return sum === null ? null : Number(sum) / this.count;
  }

  /** @param {number} double */
  #plus(double) {
    const sum = this.#sum + double;
    const isLarger = Math.abs(this.#sum) >= Math.abs(double);
    const lost = isLarger ? this.#sum - sum + double : double - sum + this.#sum;
    if (Number.isFinite(lost)) this.#lost += lost;
    this.#sum = sum;
  }

  /** @param {Num} value */
  #plusWhole(value) {
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      const small = this.#small + value;
      if (Number.isSafeInteger(small)) {
        this.#small = small;
        return;
      }
    }
    const whole = wholeOf(value);
    if (whole === null) this.#isWhole = false;
    else {
      this.#large += whole + BigInt(this.#small);
      this.#small = 0;
    }
  }
}
