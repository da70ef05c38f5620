// What is known of some numbers without keeping them: how many, their sum, the smallest and the largest.

import { compareNumbers, doubleOf, wholeOf } from "./numbers.js";

/** @typedef {import("./numbers.js").Num} Num */

// Sums that come near the end of what doubles hold go on divided by 2^64: so the way over it and back is no loss, and a mean
// is there where its sum is not.
const LARGE = 2 ** 960;
const DIVIDED = 2 ** -64;

export class Summary {
  count = 0;
  /** @type {Num | null} */
  min = null;
  /** @type {Num | null} */
  max = null;
  /** the sum as doubles add it up, and what was lost by rounding (Neumaier) */
  #sum = 0;
  #lost = 0;
  #isDivided = false;
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
    if (other.#isDivided) this.#divide();
    this.#plus(other.#sum, other.#isDivided);
    this.#plus(other.#lost, other.#isDivided);
    this.#isWhole &&= other.#isWhole;
    this.#large += other.#large;
    this.#plusWhole(other.#small);
  }

  /** @returns {number | bigint | null} null of nothing; exactly, as a BigInt, where all are whole numbers; an infinity where no
   *   double can hold it */
  get sum() {
    if (this.count === 0) return null;
    return this.#isWhole ? this.#large + BigInt(this.#small) : (this.#sum + this.#lost) / this.#unit;
  }

  /** @returns {number | null} */
  get mean() {
    const { sum, min, max } = this;
    if (sum === null || min === null || max === null) return null;
    if (Number.isFinite(Number(sum))) return Number(sum) / this.count;
    const mean = (this.#sum + this.#lost) / this.count / this.#unit;
    return Math.min(doubleOf(max), Math.max(doubleOf(min), mean));
  }

  /** @returns {number} what the sum of doubles is multiplied by */
  get #unit() {
    return this.#isDivided ? DIVIDED : 1;
  }

  #divide() {
    if (this.#isDivided) return;
    this.#isDivided = true;
    this.#sum *= DIVIDED;
    this.#lost *= DIVIDED;
  }

  /**
   * @param {number} term
   * @param {boolean} [isDivided] whether it is already
   */
  #plus(term, isDivided = false) {
    if (Math.abs(this.#sum) + Math.abs(term) > LARGE) this.#divide();
    const double = isDivided ? term : term * this.#unit;
    const sum = this.#sum + double;
    const isLarger = Math.abs(this.#sum) >= Math.abs(double);
    const lost = isLarger ? this.#sum - sum + double : double - sum + this.#sum;
    this.#lost += lost;
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
