// Nearest-rank percentiles of a window: exact up to 100,000 values, beyond that by t-digest.

import { Digits, compareNumbers } from "./numbers.js";
import { Sliding } from "./sliding.js";
import { compressed, quantileOf } from "./tdigest.js";

// So many values of a window are kept one by one: 800 KB.
export const EXACT_VALUES = 100_000;
// Beyond that so many are collected before they are summed up.
const COLLECTED = 500;
// When totals are put together, so many centroids are collected before they are made fewer: sorting is what costs.
const MERGED = 10_000;

/**
 * @typedef {import("./numbers.js").Num} Num
 * @typedef {import("./tdigest.js").Centroid} Centroid
 * @typedef {{ value: Num | null, isAbout: boolean }} Percentile isAbout: not exact
 */

/** Values of one second, one minute, one bucket: one by one, or summed up. */
export class Values {
  /** @type {number[]} */
  doubles = [];
  /** @type {Digits[]} */
  digits = [];
  /** @type {Centroid[]} what was summed up */
  centroids = [];
  count = 0;

  /** @param {Num} value */
  add(value) {
    if (value instanceof Digits) this.digits.push(value);
    else this.doubles.push(value);
    this.count += 1;
  }

  /** @param {Values} other whose values are summed up here, together with these */
  merge(other) {
    for (const centroid of other.centroids) this.centroids.push(centroid);
    for (const centroid of other.single()) this.centroids.push(centroid);
    this.count += other.count;
    if (this.centroids.length > MERGED) this.sumUp();
  }

  /** @param {Values} other whose values are kept here as they are there: one by one, or summed up */
  join(other) {
    for (const double of other.doubles) this.doubles.push(double);
    for (const digits of other.digits) this.digits.push(digits);
    for (const centroid of other.centroids) this.centroids.push(centroid);
    this.count += other.count;
  }

  /** @returns {Centroid[]} what is not summed up */
  single() {
    return [...this.doubles, ...this.digits.map(({ number }) => number)].map((mean) => ({ mean, weight: 1 }));
  }

  get collected() {
    return this.doubles.length + this.digits.length;
  }

  sumUp() {
    this.centroids = compressed([...this.centroids, ...this.single()]);
    this.doubles = [];
    this.digits = [];
  }
}

/**
 * @param {Values[]} parts none of which is summed up
 * @returns {ArrayLike<Num>} all of them in order
 */
function sorted(parts) {
  if (parts.some(({ digits }) => digits.length > 0)) {
    return parts.flatMap(({ doubles, digits }) => [...doubles, ...digits]).sort(compareNumbers);
  }
  const all = new Float64Array(parts.reduce((sum, { count }) => sum + count, 0));
  let place = 0;
  for (const { doubles } of parts) {
    all.set(doubles, place);
    place += doubles.length;
  }
  return all.sort();
}

/**
 * @param {ArrayLike<Num>} values in order
 * @param {number} percent 0 to 100
 * @returns {Num | null} the value of that rank, counted from 1 and rounded up
 */
function nearestRank(values, percent) {
  return values[Math.max(1, Math.ceil((percent * values.length) / 100)) - 1] ?? null;
}

/**
 * @param {Values[]} parts
 * @param {number} percent 0 to 100
 * @returns {Percentile}
 */
export function percentileOf(parts, percent) {
  if (parts.every(({ centroids }) => centroids.length === 0)) {
    return { value: nearestRank(sorted(parts), percent), isAbout: false };
  }
  const all = parts.flatMap((part) => [...part.centroids, ...part.single()]);
  return { value: quantileOf(compressed(all), percent / 100), isAbout: true };
}

export class Quantiles {
  /** @type {Sliding<Values>} */
  #values = new Sliding(() => new Values());
  #count = 0;
  #summedUp = 0;
  #exactValues;
  /** @type {ArrayLike<Num> | null} what was put in order for the last question */
  #sorted = null;

  /** @param {number} [exactValues] */
  constructor(exactValues = EXACT_VALUES) {
    this.#exactValues = exactValues;
  }

  /**
   * @param {number} second
   * @param {Num} value
   */
  add(second, value) {
    const values = this.#values.at(second);
    values.add(value);
    this.#count += 1;
    this.#sorted = null;
    this.#holdBound(values);
  }

  /**
   * @param {number} second
   * @param {Values} others that another one had of it, and has no more
   */
  put(second, others) {
    const values = this.#values.put(second, others);
    const wasSummedUp = values !== others && values.centroids.length > 0;
    if (values !== others) values.join(others);
    if (!wasSummedUp && values.centroids.length > 0) this.#summedUp += 1;
    this.#count += others.count;
    this.#sorted = null;
    this.#holdBound(values);
  }

  /**
   * @param {number} second
   * @returns {Values | undefined} what it had of that second
   */
  expire(second) {
    const gone = this.#values.expire(second);
    if (!gone) return undefined;
    this.#count -= gone.count;
    if (gone.centroids.length > 0) this.#summedUp -= 1;
    this.#sorted = null;
    return gone;
  }

  /**
   * @param {number} percent 0 to 100
   * @returns {Percentile}
   */
  at(percent) {
    if (this.#summedUp > 0) return percentileOf([this.#values.total()], percent);
    this.#sorted ??= sorted([...this.#values.seconds()]);
    return { value: nearestRank(this.#sorted, percent), isAbout: false };
  }

  /** @param {Values} values of the second that has grown */
  #holdBound(values) {
    if (this.#count <= this.#exactValues) return;
    if (this.#summedUp === 0) for (const each of this.#values.seconds()) this.#sumUp(each);
    else if (values.collected >= COLLECTED) this.#sumUp(values);
  }

  /** @param {Values} values */
  #sumUp(values) {
    if (values.centroids.length === 0) this.#summedUp += 1;
    values.sumUp();
  }
}
