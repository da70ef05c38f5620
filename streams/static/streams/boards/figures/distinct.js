// How many different values stand in a window: exact up to 100,000, beyond that by HyperLogLog.

import { HyperLogLog, hashOf } from "./hyperloglog.js";
import { tagOf } from "./values.js";

export const EXACT_VALUES = 100_000;

export class Distinct {
  /** @type {Map<string, number>} tag → in how many seconds it stands */
  #tags = new Map();
  /** @type {Map<number, Set<string>>} */
  #seconds = new Map();
  /** @type {HyperLogLog | null} there is one once there were too many */
  #about = null;
  #exactValues;
  /** the first second from which on all values are among the tags */
  #wholeFrom = -Infinity;
  #newest = -Infinity;

  /** @param {number} [exactValues] */
  constructor(exactValues = EXACT_VALUES) {
    this.#exactValues = exactValues;
  }

  /**
   * @param {number} second
   * @param {import("./values.js").Scalar} value
   */
  add(second, value) {
    this.#addTag(second, tagOf(value));
  }

  /**
   * @param {number} second
   * @param {string} tag
   */
  #addTag(second, tag) {
    this.#newest = Math.max(this.#newest, second);
    this.#about?.add(second, hashOf(tag));
    if (second < this.#wholeFrom) return;
    let tags = this.#seconds.get(second);
    if (!tags) this.#seconds.set(second, (tags = new Set()));
    if (tags.has(tag)) return;
    tags.add(tag);
    this.#tags.set(tag, (this.#tags.get(tag) ?? 0) + 1);
    if (this.#tags.size > this.#exactValues) this.#giveUp();
  }

  /**
   * @param {number} second
   * @param {Iterable<string>} tags that another one had of it
   */
  put(second, tags) {
    for (const tag of tags) this.#addTag(second, tag);
  }

  /**
   * @param {number} second
   * @returns {Set<string> | undefined} the tags of its values, where they were counted one by one
   */
  expire(second) {
    const tags = this.#seconds.get(second);
    if (!tags) return undefined;
    this.#seconds.delete(second);
    for (const tag of tags) {
      const left = (this.#tags.get(tag) ?? 0) - 1;
      if (left > 0) this.#tags.set(tag, left);
      else this.#tags.delete(tag);
    }
    return tags;
  }

  /**
   * @param {number} from the first second of the window
   * @returns {{ value: number, isAbout: boolean }}
   */
  read(from) {
    if (this.#about === null) return { value: this.#tags.size, isAbout: false };
    if (this.#wholeFrom > from) return { value: this.#about.estimate(from), isAbout: true };
    this.#about = null; // what made it too many has left the window
    return { value: this.#tags.size, isAbout: false };
  }

  /** Counts about from now on, and begins to count exactly with the next second: after a window that is whole again. */
  #giveUp() {
    if (this.#about === null) {
      this.#about = new HyperLogLog();
      for (const [second, tags] of this.#seconds) for (const tag of tags) this.#about.add(second, hashOf(tag));
    }
    this.#tags.clear();
    this.#seconds.clear();
    this.#wholeFrom = this.#newest + 1;
  }
}
