// The newest records of a window, each kept by itself: points of a map or a chart, rows of a stream. Bounded; what was
// left out is told.

// Points of a map and of a chart that are kept.
export const POINTS = 5_000;

/** @template T */
export class Points {
  /** @type {T[]} oldest first; those before #start have gone */
  #kept = [];
  /** @type {number[]} the second of each */
  #seconds = [];
  #start = 0;
  #bound;
  /** @type {Map<number, number>} second → how many of its points were left out */
  #left = new Map();
  /** points of the window that are not kept */
  leftOut = 0;

  /** @param {number} bound */
  constructor(bound) {
    this.#bound = bound;
  }

  /**
   * @param {number} second
   * @param {T} point
   */
  add(second, point) {
    this.#kept.push(point);
    this.#seconds.push(second);
    if (this.#kept.length - this.#start <= this.#bound) return;
    const gone = this.#seconds[this.#start] ?? 0;
    this.#left.set(gone, (this.#left.get(gone) ?? 0) + 1);
    this.leftOut += 1;
    this.#start += 1;
    this.#tidy();
  }

  /** @param {number} second */
  expire(second) {
    this.leftOut -= this.#left.get(second) ?? 0;
    this.#left.delete(second);
    while (this.#start < this.#kept.length && this.#seconds[this.#start] === second) this.#start += 1;
    // Those of a record that came late lie further back, seldom; they are looked for among the kept ones only.
    const isLate = this.#seconds.indexOf(second, this.#start) >= 0;
    if (isLate) {
      const staying = this.#seconds.map((each, place) => place >= this.#start && each !== second);
      this.#kept = this.#kept.filter((_, place) => staying[place]);
      this.#seconds = this.#seconds.filter((_, place) => staying[place]);
      this.#start = 0;
    }
    this.#tidy();
  }

  /** @returns {T[]} oldest first */
  all() {
    return this.#kept.slice(this.#start);
  }

  /** Gives the room of gone ones back now and then, so that each costs a constant. */
  #tidy() {
    if (this.#start <= this.#bound) return;
    this.#kept = this.#kept.slice(this.#start);
    this.#seconds = this.#seconds.slice(this.#start);
    this.#start = 0;
  }
}
