// The latest record of each key in a window: the one with the highest offset, of several partitions the one with the
// latest time. A tombstone takes its key's row away.

export const KEYS = 10_000;

/**
 * @template T
 * @typedef {{ second: number, time: number, partition: number, offset: number, row: T | null }} Version row: null for a
 *   tombstone
 */

/** @template T what is kept of a record */
export class Latest {
  /** @type {Map<string, Version<T>[]>} tag of the key → those that are the latest, or will be when later ones have left the
   *   window; the latest last. The most recently changed keys stand last */
  #keys = new Map();
  /** @type {Map<number, Set<string>>} second → keys that have a version in it */
  #seconds = new Map();
  #bound;
  /** how often a key was left out because there were too many */
  leftOut = 0;
  /** keys with a row */
  count = 0;

  /** @param {number} [bound] of keys */
  constructor(bound = KEYS) {
    this.#bound = bound;
  }

  /**
   * @param {string} key its tag
   * @param {Version<T>} version
   */
  add(key, version) {
    const before = this.#keys.get(key) ?? [];
    const hadRow = Boolean(before.at(-1)?.row);
    const isLatest = !before.some((each) => isLater(each, version));
    // One that is neither later nor stays longer will never be the latest.
    if (before.some((each) => isLater(each, version) && each.second >= version.second)) return;
    const kept = before.filter((each) => isLater(each, version) || each.second > version.second);
    const place = kept.findIndex((each) => isLater(each, version));
    kept.splice(place < 0 ? kept.length : place, 0, version);
    if (isLatest) this.#keys.delete(key); // to the end: it changed now
    this.#keys.set(key, kept);
    this.count += Number(Boolean(kept.at(-1)?.row)) - Number(hadRow);
    let keys = this.#seconds.get(version.second);
    if (!keys) this.#seconds.set(version.second, (keys = new Set()));
    keys.add(key);
    if (this.#keys.size > this.#bound) this.#leaveOut();
  }

  /** @param {number} second */
  expire(second) {
    const keys = this.#seconds.get(second);
    this.#seconds.delete(second);
    for (const key of keys ?? []) {
      const before = this.#keys.get(key) ?? [];
      const kept = before.filter((each) => each.second !== second);
      this.count += Number(Boolean(kept.at(-1)?.row)) - Number(Boolean(before.at(-1)?.row));
      if (kept.length === 0) this.#keys.delete(key);
      else this.#keys.set(key, kept);
    }
  }

  /** @returns {Version<T>[]} the latest of each key that has a row, the most recently changed last */
  rows() {
    /** @type {Version<T>[]} */
    const rows = [];
    for (const versions of this.#keys.values()) {
      const latest = versions.at(-1);
      if (latest?.row) rows.push(latest);
    }
    return rows;
  }

  #leaveOut() {
    for (const [key, versions] of this.#keys) {
      this.#keys.delete(key);
      if (versions.at(-1)?.row) {
        this.count -= 1;
        this.leftOut += 1;
      }
      return;
    }
  }
}

/**
 * @param {Version<any>} a
 * @param {Version<any>} b
 */
function isLater(a, b) {
  if (a.partition === b.partition) return a.offset > b.offset;
  return a.time === b.time ? a.partition > b.partition : a.time > b.time;
}
