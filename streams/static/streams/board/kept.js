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
    this.#entries = newest([...this.#entries, ...entries], this.#most);
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

/**
 * @param {readonly Entry[]} entries newest first
 * @param {number} most
 * @returns {number} how many of them there is room for, where gaps, the newest MOST_GAPS of them, take nobody's place
 */
export function roomFor(entries, most) {
  let [gaps, others] = [0, 0];
  for (const [place, { kind }] of entries.entries()) {
    if (kind === "gap" && gaps < MOST_GAPS) gaps += 1;
    else if (others < most) others += 1;
    else return place;
  }
  return entries.length;
}

/**
 * @param {Entry[]} entries oldest first
 * @param {number} most beside gaps
 * @returns {Entry[]} the newest of them, and the newest gaps among the others
 */
export function newest(entries, most) {
  if (entries.length <= most) return entries;
  const start = entries.length - roomFor(entries.toReversed(), most);
  const gaps = entries.slice(0, start).filter(({ kind }) => kind === "gap");
  return [...gaps.slice(-MOST_GAPS), ...entries.slice(start)];
}
