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
  /** @type {Map<string, Version<T>[]>} tag of a key that has a row → its versions that are the latest, or will be when later
   *   ones have left the window; the latest last. The most recently changed keys stand last */
  #rows = new Map();
  /** @type {Map<string, Version<T>[]>} the same of keys whose latest is a tombstone: they take no room from those with a row */
  #gone = new Map();
  /** @type {Map<number, Set<string>>} second → keys that have a version in it */
  #seconds = new Map();
  #bound;
  /** how often a key with a row was left out because there were too many */
  leftOut = 0;

  /** @param {number} [bound] of keys with a row, and of those without */
  constructor(bound = KEYS) {
    this.#bound = bound;
  }

  /** @returns {number} keys with a row */
  get count() {
    return this.#rows.size;
  }

  /**
   * @param {string} key its tag
   * @param {Version<T>} version
   */
  add(key, version) {
    const before = this.#versionsOf(key);
    // One that is neither later nor stays longer will never be the latest.
    if (before.some((each) => isLater(each, version) && each.second >= version.second)) return;
    const isLatest = !before.some((each) => isLater(each, version));
    const kept = before.filter((each) => isLater(each, version) || each.second > version.second);
    const place = kept.findIndex((each) => isLater(each, version));
    kept.splice(place < 0 ? kept.length : place, 0, version);
    this.#put(key, kept, isLatest);
    let keys = this.#seconds.get(version.second);
    if (!keys) this.#seconds.set(version.second, (keys = new Set()));
    keys.add(key);
    this.#leaveOut();
  }

  /** @param {number} second */
  expire(second) {
    const keys = this.#seconds.get(second);
    this.#seconds.delete(second);
    for (const key of keys ?? []) {
      const kept = this.#versionsOf(key).filter((each) => each.second !== second);
      if (kept.length > 0) this.#put(key, kept, false);
      else {
        this.#rows.delete(key);
        this.#gone.delete(key);
      }
    }
    this.#leaveOut();
  }

  /** @returns {Version<T>[]} the latest of each key that has a row, the most recently changed last */
  rows() {
    return [...this.#rows.values()].flatMap((versions) => versions.slice(-1));
  }

  /** @param {string} key */
  #versionsOf(key) {
    return this.#rows.get(key) ?? this.#gone.get(key) ?? [];
  }

  /**
   * @param {string} key
   * @param {Version<T>[]} versions one at least
   * @param {boolean} isChanged whether the key changed now: it stands last then
   */
  #put(key, versions, isChanged) {
    const [into, other] = versions.at(-1)?.row ? [this.#rows, this.#gone] : [this.#gone, this.#rows];
    other.delete(key);
    if (isChanged) into.delete(key);
    into.set(key, versions);
  }

  /** Of too many keys those that changed longest ago go; a tombstone shows nothing, so none is missed for it. */
  #leaveOut() {
    this.leftOut += this.#cut(this.#rows);
    this.#cut(this.#gone);
  }

  /**
   * @param {Map<string, Version<T>[]>} keys
   * @returns {number} how many went
   */
  #cut(keys) {
    const excess = Math.max(0, keys.size - this.#bound);
    let left = excess;
    for (const [key, versions] of keys) {
      if (left === 0) break;
      left -= 1;
      keys.delete(key);
      for (const { second } of versions) this.#seconds.get(second)?.delete(key);
    }
    return excess;
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
