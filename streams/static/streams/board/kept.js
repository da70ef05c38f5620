// The newest entries, in sight or not: what a filter looks through. Bounded.

// As many as the protocol gives of the past: what a board began with and what came since are treated alike.
export const MOST_KEPT = 2_000;
// Gaps that are still open outlive the records around them, here and in sight: what is missing stays there.
export const MOST_GAPS = 50;

/** @typedef {import("./row.js").Entry} Entry */

export class Kept {
  /** @type {Entry[]} oldest first */
  #entries = [];
  #most = MOST_KEPT;

  /** @param {Entry[]} entries in the order of arrival */
  add(entries) {
    this.#entries.push(...entries);
    const gone = this.#entries.splice(0, Math.max(0, this.#entries.length - this.#most));
    this.#entries.unshift(...gone.filter(({ kind }) => kind === "gap").slice(-MOST_GAPS));
  }

  /**
   * Puts what was loaded where a gap is, beside all that is kept already.
   *
   * @param {Entry} gap
   * @param {Entry[]} loaded oldest first
   * @param {boolean} isDone the gap itself goes
   * @param {number} mostLoaded how many loaded entries are kept besides
   */
  fill(gap, loaded, isDone, mostLoaded) {
    this.#most = Math.min(this.#most + loaded.length, MOST_KEPT + mostLoaded);
    const place = this.#entries.indexOf(gap);
    if (place >= 0) this.#entries.splice(place, isDone ? 1 : 0, ...loaded);
  }

  /** @param {Entry[]} entries older than all that is kept, oldest first; they stay until `forgetOlder` */
  addOlder(entries) {
    this.#entries.unshift(...entries);
    this.#most += entries.length;
  }

  /** Keeps the newest alone again. */
  forgetOlder() {
    this.#most = MOST_KEPT;
    this.add([]);
  }

  /** @returns {number} entries that are kept now */
  get size() {
    return this.#entries.length;
  }

  /**
   * @param {(entry: Entry) => boolean} fits
   * @returns {Entry[]} oldest first
   */
  fitting(fits) {
    return this.#entries.filter(fits);
  }
}

/**
 * @param {Entry[]} entries
 * @returns {number} how many of them are records
 */
export function recordsAmong(entries) {
  return entries.reduce((sum, { kind }) => sum + Number(kind === "record"), 0);
}
