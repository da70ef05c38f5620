// What has arrived and is not drawn yet, for as long as the view is held too: bounded. Records that fall over the edge
// are counted as skipped, not lost: they are in Kafka.

/** @typedef {import("./row.js").Entry} Entry */

export class Arrivals {
  /** records that were never drawn */
  skipped = 0;
  #most;
  /** @type {Entry[]} oldest first */
  #entries = [];

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
    const taken = this.#entries;
    this.#entries = [];
    return taken;
  }

  #shorten() {
    const over = this.#entries.length - this.#most;
    if (over <= 0) return;
    const dropped = this.#entries.splice(0, over);
    // Gaps and notes are no records: they stay, however fast the stream.
    const kept = dropped.filter((entry) => entry.kind !== "record").slice(-this.#most / 2);
    this.skipped += dropped.reduce((sum, entry) => sum + Number(entry.kind === "record"), 0);
    this.#entries.unshift(...kept);
  }
}
