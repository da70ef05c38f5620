// How the numbers of a field are spread over a window: bins of equal width whose edges are round, the last one closed.
// Counts are kept in fine cells whose edges are decimal, so that every round bin is a sum of whole cells: exact.

import { doubleOf } from "./numbers.js";

// Fine enough for what people measure; numbers that would need larger indexes than doubles hold get wider cells.
const FINEST = -9; // cells of 10^-9
const LARGEST_INDEX = 2 ** 52;
const CELLS = 100_000; // occupied ones; beyond that cells become ten times as wide
const USUAL_BINS = 20;
const ROUND = [1, 2, 5];

/**
 * @param {number} index
 * @param {number} exponent
 * @returns {number} index × 10^exponent, rounded once: the double that its decimal text means
 */
function decimal(index, exponent) {
  return exponent < -22 || exponent > 22 ? Number(`${index}e${exponent}`) : exponent < 0 ? index / 10 ** -exponent : index * 10 ** exponent;
}

/**
 * @param {number} index
 * @param {number} exponent
 * @returns {number} the edge index × 10^exponent; one beyond all doubles is the last of them
 */
function edgeOf(index, exponent) {
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, decimal(index, exponent)));
}

/**
 * @param {number} value
 * @param {number} exponent
 * @returns {number} the cell [decimal(index), decimal(index + 1)) it lies in
 */
function cellOf(value, exponent) {
  let index = Math.floor(exponent < 0 ? value * 10 ** -exponent : value / 10 ** exponent);
  while (decimal(index + 1, exponent) <= value) index += 1;
  while (decimal(index, exponent) > value) index -= 1;
  return index;
}

/** @typedef {{ from: number, to: number, count: number }} Bin */

export class Histogram {
  #exponent = FINEST;
  /** @type {Map<number, number>} cell → count */
  #cells = new Map();
  /** @type {Map<number, Map<number, number>>} second → its cells */
  #seconds = new Map();
  #bound;

  /** @param {number} [bound] cells that may be occupied */
  constructor(bound = CELLS) {
    this.#bound = bound;
  }

  /**
   * @param {number} second
   * @param {import("./numbers.js").Num} value
   */
  add(second, value) {
    const double = doubleOf(value);
    while (Math.abs(double) / 10 ** this.#exponent >= LARGEST_INDEX) this.#widen();
    const cell = cellOf(double, this.#exponent);
    let cells = this.#seconds.get(second);
    if (!cells) this.#seconds.set(second, (cells = new Map()));
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
    this.#cells.set(cell, (this.#cells.get(cell) ?? 0) + 1);
    while (this.#cells.size > this.#bound) this.#widen();
  }

  /** @param {number} second */
  expire(second) {
    for (const [cell, count] of this.#seconds.get(second) ?? []) {
      const left = (this.#cells.get(cell) ?? 0) - count;
      if (left > 0) this.#cells.set(cell, left);
      else this.#cells.delete(cell);
    }
    this.#seconds.delete(second);
    if (this.#cells.size === 0) this.#exponent = FINEST;
  }

  /**
   * @param {number} min of what is in the window
   * @param {number} max
   * @param {number} [wanted] at most so many bins
   * @returns {Bin[]} all of one width, from the one with the smallest value to the one with the largest
   */
  bins(min, max, wanted = USUAL_BINS) {
    if (this.#cells.size === 0) return [];
    const { factor, exponent, first, last } = this.#grid(min, max, wanted);
    const bins = Array.from({ length: last - first + 1 }, (_, place) => ({
      from: edgeOf((first + place) * factor, exponent),
      to: edgeOf((first + place + 1) * factor, exponent),
      count: 0,
    }));
    const cells = factor * 10 ** (exponent - this.#exponent);
    for (const [cell, count] of this.#cells) {
      const bin = bins[Math.min(last, Math.floor(cell / cells)) - first];
      if (bin) bin.count += count;
    }
    return bins;
  }

  /**
   * @param {number} min
   * @param {number} max
   * @param {number} wanted
   * @returns {{ factor: number, exponent: number, first: number, last: number }} bins of factor × 10^exponent; the
   *   largest value is in the last one, also where it is its upper edge
   */
  #grid(min, max, wanted) {
    let exponent = this.#exponent;
    // Divided first: what lies between −1e308 and 1e308 is more than a double holds.
    if (max > min) exponent = Math.max(exponent, Math.floor(Math.log10(max / wanted - min / wanted)) - 1);
    else exponent = Math.max(exponent, min === 0 ? 0 : Math.floor(Math.log10(Math.abs(min))) - 1);
    for (; ; exponent += 1) {
      for (const factor of ROUND) {
        const first = Math.floor(cellOf(min, exponent) / factor);
        const end = cellOf(max, exponent);
        const isEdge = end % factor === 0 && decimal(end, exponent) === max;
        const last = Math.max(first, Math.floor(end / factor) - Number(isEdge));
        if (last - first < wanted) return { factor, exponent, first, last };
      }
    }
  }

  #widen() {
    this.#exponent += 1;
    this.#cells = tenfold(this.#cells);
    for (const [second, cells] of this.#seconds) this.#seconds.set(second, tenfold(cells));
  }
}

/**
 * @param {Map<number, number>} cells
 * @returns {Map<number, number>} of ten times the width
 */
function tenfold(cells) {
  const wider = new Map();
  for (const [cell, count] of cells) {
    const index = Math.floor(cell / 10);
    wider.set(index, (wider.get(index) ?? 0) + count);
  }
  return wider;
}
