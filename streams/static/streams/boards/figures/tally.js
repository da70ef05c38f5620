// How often each value of a field stands in a window: exactly, of so many values as it is made for; what lies beyond is
// counted together as "others". A value that is counted has none of its records among the others.

import { hashOf } from "./hyperloglog.js";
import { tagOf } from "./values.js";

// Of others it is remembered which they were (as hashes), so that none of them is counted later as if it were new.
const OTHERS_REMEMBERED = 200_000;

/** @typedef {import("./values.js").Scalar} Scalar */

/** What one second holds: what has to be taken away when it leaves the window. */
class Second {
  /** @type {Map<string, number>} tag → count */
  counts = new Map();
  /** @type {Map<number, number>} hash of an other that is remembered → count */
  hashes = new Map();
  /** others that are not */
  forgotten = 0;
  others = 0;
}

export class Tally {
  /** @type {Map<string, { value: Scalar, count: number }>} */
  #values = new Map();
  /** @type {Map<number, Second>} */
  #seconds = new Map();
  /** @type {Map<number, number>} hash of an other → count */
  #hashes = new Map();
  #forgotten = 0;
  #bound;
  /** records of values that are not counted one by one */
  others = 0;

  /** @param {number} bound how many values are counted one by one */
  constructor(bound) {
    this.#bound = bound;
  }

  get size() {
    return this.#values.size;
  }

  /** @returns {IterableIterator<{ value: Scalar, count: number }>} */
  values() {
    return this.#values.values();
  }

  /**
   * @param {number} second
   * @param {Scalar} value
   */
  add(second, value) {
    let bucket = this.#seconds.get(second);
    if (!bucket) this.#seconds.set(second, (bucket = new Second()));
    const tag = tagOf(value);
    const counted = this.#values.get(tag);
    if (counted) counted.count += 1;
    else if (this.#values.size < this.#bound && this.#isNew(tag)) this.#values.set(tag, { value, count: 1 });
    else {
      this.#addOther(bucket, tag);
      return;
    }
    bucket.counts.set(tag, (bucket.counts.get(tag) ?? 0) + 1);
  }

  /** @param {number} second */
  expire(second) {
    const bucket = this.#seconds.get(second);
    if (!bucket) return;
    this.#seconds.delete(second);
    for (const [tag, count] of bucket.counts) {
      const counted = this.#values.get(tag);
      if (!counted) continue;
      counted.count -= count;
      if (counted.count === 0) this.#values.delete(tag);
    }
    this.others -= bucket.others;
    this.#forgotten -= bucket.forgotten;
    for (const [hash, count] of bucket.hashes) {
      const left = (this.#hashes.get(hash) ?? 0) - count;
      if (left > 0) this.#hashes.set(hash, left);
      else this.#hashes.delete(hash);
    }
  }

  /** @param {string} tag not counted one by one; whether none of its records is among the others */
  #isNew(tag) {
    return this.others === 0 || (this.#forgotten === 0 && !this.#hashes.has(hashOf(tag)));
  }

  /**
   * @param {Second} bucket
   * @param {string} tag
   */
  #addOther(bucket, tag) {
    this.others += 1;
    bucket.others += 1;
    const hash = hashOf(tag);
    const known = this.#hashes.get(hash);
    if (known === undefined && this.#hashes.size >= OTHERS_REMEMBERED) {
      this.#forgotten += 1;
      bucket.forgotten += 1;
      return;
    }
    this.#hashes.set(hash, (known ?? 0) + 1);
    bucket.hashes.set(hash, (bucket.hashes.get(hash) ?? 0) + 1);
  }
}
