// How many records of a window a figure used, and how many had no value that it could use.

export class Counted {
  used = 0;
  withoutValue = 0;
  /** @type {Map<number, [number, number]>} second → used, without value */
  #seconds = new Map();

  /**
   * @param {number} second
   * @param {boolean} isUsed
   */
  add(second, isUsed) {
    let counts = this.#seconds.get(second);
    if (!counts) this.#seconds.set(second, (counts = [0, 0]));
    counts[isUsed ? 0 : 1] += 1;
    if (isUsed) this.used += 1;
    else this.withoutValue += 1;
  }

  /** @param {number} second */
  expire(second) {
    const [used, withoutValue] = this.#seconds.get(second) ?? [0, 0];
    this.used -= used;
    this.withoutValue -= withoutValue;
    this.#seconds.delete(second);
  }
}
