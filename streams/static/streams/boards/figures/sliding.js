// A total over the seconds of a window, for what can be added up and not taken away again (a minimum, a compensated
// sum): seconds are added up to minutes, minutes to the whole, and only minutes in which something changed anew.

const MINUTE = 60;

/**
 * @template T
 * @typedef {{ merge(other: T): void }} Mergeable
 */

/** @template {Mergeable<any>} T */
export class Sliding {
  /** @type {Map<number, Map<number, T>>} minute → second → what was added in it */
  #minutes = new Map();
  /** @type {Map<number, T>} minute → its total, where it is known */
  #totals = new Map();
  #make;

  /** @param {() => T} make an empty one */
  constructor(make) {
    this.#make = make;
  }

  /**
   * @param {number} second
   * @returns {T} that second's own; whoever takes it, changes it
   */
  at(second) {
    const minute = Math.floor(second / MINUTE);
    this.#totals.delete(minute);
    let seconds = this.#minutes.get(minute);
    if (!seconds) this.#minutes.set(minute, (seconds = new Map()));
    let found = seconds.get(second);
    if (!found) seconds.set(second, (found = this.#make()));
    return found;
  }

  /**
   * @param {number} second
   * @param {T} part that was another one's, and is ours now unless there is one already
   * @returns {T} the one that is there
   */
  put(second, part) {
    const minute = Math.floor(second / MINUTE);
    this.#totals.delete(minute);
    let seconds = this.#minutes.get(minute);
    if (!seconds) this.#minutes.set(minute, (seconds = new Map()));
    const found = seconds.get(second) ?? part;
    seconds.set(second, found);
    return found;
  }

  /**
   * @param {number} second
   * @returns {T | undefined} what was in it
   */
  expire(second) {
    const minute = Math.floor(second / MINUTE);
    const seconds = this.#minutes.get(minute);
    const gone = seconds?.get(second);
    if (!seconds || !gone) return undefined;
    seconds.delete(second);
    this.#totals.delete(minute);
    if (seconds.size === 0) this.#minutes.delete(minute);
    return gone;
  }

  /** @returns {IterableIterator<T>} each second's own */
  *seconds() {
    for (const seconds of this.#minutes.values()) yield* seconds.values();
  }

  /** @returns {T} */
  total() {
    const whole = this.#make();
    for (const [minute, seconds] of this.#minutes) {
      let total = this.#totals.get(minute);
      if (!total) {
        total = this.#make();
        for (const each of seconds.values()) total.merge(each);
        this.#totals.set(minute, total);
      }
      whole.merge(total);
    }
    return whole;
  }
}
