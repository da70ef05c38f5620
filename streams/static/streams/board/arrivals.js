// What has arrived and is not drawn yet, for as long as the view is held too: bounded. Records that fall over the edge
// are counted as skipped, not lost: they are in Kafka, and a row stands in their place that loads them.

import { recordsAmong } from "./kept.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").GapEntry} GapEntry
 */

export class Arrivals {
  /** records that were never drawn */
  skipped = 0;
  #most;
  /** @type {Entry[]} oldest first */
  #entries = [];
  #passedOver = 0;
  /** @type {Map<string, GapEntry>} life and partition → what was passed over of it since the last drawing */
  #passed = new Map();

  /** @param {number} most records that are worth drawing at once */
  constructor(most) {
    this.#most = most;
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  /** @param {Entry[]} entries in the order of arrival */
  add(entries) {
    this.#entries.push(...entries);
    // Room for a while: cutting the front off for each record would be work without end.
    if (this.#entries.length > 2 * this.#most) this.#shorten();
  }

  /** @returns {Entry[]} what is to be drawn now, oldest first; it is forgotten here */
  take() {
    this.#shorten();
    const taken = [...this.#passed.values(), ...this.#entries];
    this.#entries = [];
    this.#passed.clear();
    this.#passedOver = 0;
    return taken;
  }

  /**
   * How many of the records that wait somebody has not seen.
   *
   * @param {(entry: Entry) => boolean} fits
   * @param {boolean} isSifting whether some may not
   * @returns {{ count: number, isLeast: boolean }} isLeast: of those that were passed over nobody knows any more
   */
  fresh(fits, isSifting) {
    const count = recordsAmong(this.#entries.filter(fits));
    return isSifting ? { count, isLeast: this.#passedOver > 0 } : { count: count + this.#passedOver, isLeast: false };
  }

  /** @returns {Iterable<Entry>} what waits, oldest first */
  waiting() {
    return this.#entries;
  }

  #shorten() {
    const over = this.#entries.length - this.#most;
    if (over <= 0) return;
    const dropped = this.#entries.splice(0, over);
    // Gaps and notes are no records: they stay, however fast the stream.
    const kept = dropped.filter((entry) => entry.kind !== "record").slice(-this.#most / 2);
    for (const entry of dropped) if (entry.kind === "record") this.#pass(entry);
    this.#entries.unshift(...kept);
  }

  /** @param {import("./row.js").RecordEntry} entry that will not be drawn */
  #pass({ topic, epoch, partition, record }) {
    this.skipped += 1;
    this.#passedOver += 1;
    const place = `${epoch} ${partition}`;
    const passed = this.#passed.get(place);
    if (passed) passed.range.to = record.offset + 1;
    else {
      const range = { partition, from: record.offset, to: record.offset + 1, reason: "passed" };
      this.#passed.set(place, { kind: "gap", topic, epoch, range, note: "", loading: false });
    }
  }
}
