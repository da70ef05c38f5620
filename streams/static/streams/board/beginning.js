// What a stream begins with: the past, which the server sends partition by partition. It is put in the order of time
// before anybody sees it.

import { mergedByTime } from "../live/stream.js";

// What is not complete after this long is shown as it is: a past of megabytes takes its time on a slow line.
const LONGEST_MS = 5_000;

/** @typedef {import("../live/stream.js").Arrived} Arrived */

export class Beginning {
  #ends;
  #until;
  /** @type {Map<number, Arrived[]>} partition → what arrived of it, in its order */
  #runs = new Map();
  /** whether all of it was given: what comes from now on is live */
  isOver = false;

  /**
   * @param {Record<string, number>} ends partition → position below which everything is the past
   * @param {number} now ms
   */
  constructor(ends, now) {
    this.#ends = ends;
    this.#until = now + LONGEST_MS;
  }

  /**
   * @param {Arrived[]} arrived
   * @param {Record<string, number>} positions after it
   * @param {number} now ms
   * @returns {Arrived[]} what is to be seen now
   */
  take(arrived, positions, now) {
    if (this.isOver) return arrived;
    for (const each of arrived) {
      const run = this.#runs.get(each.partition);
      if (run) run.push(each);
      else this.#runs.set(each.partition, [each]);
    }
    this.isOver =
      now > this.#until || Object.entries(this.#ends).every(([partition, end]) => (positions[partition] ?? 0) >= end);
    if (!this.isOver) return [];
    const merged = mergedByTime([...this.#runs.values()]);
    this.#runs.clear();
    return merged;
  }
}
