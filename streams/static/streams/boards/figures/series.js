// A figure over time, split into series: buckets aligned to the clock, the ten largest series and the others.

import { compareTexts } from "./values.js";
import { Values, percentileOf } from "./quantiles.js";
import { Summary } from "./summary.js";

// Widths of buckets in seconds; each divides the next, so that buckets become wider by joining whole ones.
export const WIDTHS = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 21_600, 86_400, 604_800];
const SHOWN = 10;
// Series that are told apart; what comes later is among the others.
const SERIES = 1_000;
// Without a width of its own a chart has about so many buckets.
const BUCKETS = 90;
// Percentiles keep so many values in all, exactly; beyond that a cell keeps so many and sums the rest up.
const EXACT_VALUES = 100_000;
const CELL_VALUES = 100;

export const OTHERS = "\u0000others";

/**
 * @typedef {"count" | "sum" | "mean" | "min" | "max" | "p50" | "p95"} Aggregate
 * @typedef {import("./numbers.js").Num} Num
 * @typedef {{ name: string, isOthers: boolean, count: number, values: (number | null)[] }} Line one value a bucket; null
 *   where there is nothing to say
 */

/**
 * @param {number} seconds of the window
 * @returns {number} seconds a bucket
 */
export function widthFor(seconds) {
  return WIDTHS.find((width) => seconds / width <= BUCKETS) ?? 604_800;
}

/** What one series has in one second. */
class Cell {
  summary = new Summary();
  values = new Values();
}

export class Series {
  /** @type {Map<number, Map<string, Cell>>} second (or bucket, where nothing leaves) → series → its cell */
  #seconds = new Map();
  /** @type {Map<string, number>} series → records in the window */
  #counts = new Map();
  #aggregate;
  #width;
  #isCoarse;
  #kept = 0;

  /**
   * @param {Aggregate} aggregate
   * @param {{ width: number, isCoarse?: boolean }} buckets width: seconds; isCoarse: nothing leaves the window, so that
   *   whole buckets are enough
   */
  constructor(aggregate, { width, isCoarse = false }) {
    this.#aggregate = aggregate;
    this.#width = width;
    this.#isCoarse = isCoarse;
  }

  get width() {
    return this.#width;
  }

  /**
   * @param {number} second of the record
   * @param {string} name of its series
   * @param {Num} value
   */
  add(second, name, value) {
    const key = this.#isCoarse ? Math.floor(second / this.#width) * this.#width : second;
    let cells = this.#seconds.get(key);
    if (!cells) this.#seconds.set(key, (cells = new Map()));
    const series = this.#counts.has(name) || this.#counts.size < SERIES ? name : OTHERS;
    let cell = cells.get(series);
    if (!cell) cells.set(series, (cell = new Cell()));
    cell.summary.add(value);
    if (this.#isPercentile) {
      cell.values.add(value);
      this.#kept += 1;
      if (this.#kept > EXACT_VALUES && cell.values.collected > CELL_VALUES) cell.values.sumUp();
    }
    this.#counts.set(series, (this.#counts.get(series) ?? 0) + 1);
    if (this.#isCoarse && this.#seconds.size > 4 * BUCKETS) this.#widen();
  }

  /** @param {number} second */
  expire(second) {
    for (const [name, { summary, values }] of this.#seconds.get(second) ?? []) {
      const left = (this.#counts.get(name) ?? 0) - summary.count;
      this.#kept -= values.count;
      if (left > 0) this.#counts.set(name, left);
      else this.#counts.delete(name);
    }
    this.#seconds.delete(second);
  }

  /**
   * @param {number} from the first second of the window
   * @param {number} to the second behind its last
   * @returns {{ starts: number[], lines: Line[], outside: number, isAbout: boolean }} starts: the second each bucket begins
   *   with; the first and the last may reach out of the window. outside: records whose time is not among them
   */
  read(from, to) {
    const first = Math.floor(from / this.#width) * this.#width;
    const buckets = Math.max(0, Math.ceil((to - first) / this.#width));
    const starts = Array.from({ length: buckets }, (_, place) => first + place * this.#width);
    const names = this.#largest();
    /** @type {Map<string, (Cell[] | undefined)[]>} */
    const found = new Map();
    let outside = 0;
    for (const [second, cells] of this.#seconds) {
      const place = Math.floor((second - first) / this.#width);
      if (place < 0 || place >= buckets) {
        for (const { summary } of cells.values()) outside += summary.count;
        continue;
      }
      for (const [name, cell] of cells) {
        const line = names.has(name) ? name : OTHERS;
        let row = found.get(line);
        if (!row) found.set(line, (row = new Array(buckets)));
        const there = row[place];
        if (there) there.push(cell);
        else row[place] = [cell];
      }
    }
    const lines = [...names.keys(), OTHERS].flatMap((name) => {
      const row = found.get(name);
      if (!row) return [];
      const values = Array.from(row, (cells) => this.#valueOf(cells));
      const count = row.reduce((sum, cells) => sum + (cells ?? []).reduce((some, { summary }) => some + summary.count, 0), 0);
      return [{ name: name === OTHERS ? "others" : name, isOthers: name === OTHERS, count, values }];
    });
    return { starts, lines, outside, isAbout: this.#isPercentile && this.#kept > EXACT_VALUES };
  }

  get #isPercentile() {
    return this.#aggregate === "p50" || this.#aggregate === "p95";
  }

  /** @returns {Map<string, number>} the largest series by records, ties in order of their names */
  #largest() {
    const named = [...this.#counts].filter(([name]) => name !== OTHERS);
    return new Map(named.sort(([a, one], [b, other]) => other - one || compareTexts(a, b)).slice(0, SHOWN));
  }

  /**
   * @param {Cell[] | undefined} cells of one bucket
   * @returns {number | null}
   */
  #valueOf(cells) {
    if (!cells) return this.#aggregate === "count" ? 0 : null;
    if (this.#isPercentile) {
      const { value } = percentileOf(cells.map(({ values }) => values), this.#aggregate === "p50" ? 50 : 95);
      return value === null ? null : Number(typeof value === "number" ? value : value.number);
    }
    const total = new Summary();
    for (const { summary } of cells) total.merge(summary);
    const value = this.#aggregate === "mean" ? total.mean : total[/** @type {"count" | "sum" | "min" | "max"} */ (this.#aggregate)];
    return value === null ? null : Number(typeof value === "object" ? value.number : value);
  }

  #widen() {
    this.#width = WIDTHS.find((width) => width > this.#width && width % this.#width === 0) ?? this.#width * 2;
    const before = this.#seconds;
    this.#seconds = new Map();
    for (const [second, cells] of before) {
      const key = Math.floor(second / this.#width) * this.#width;
      const there = this.#seconds.get(key);
      if (!there) this.#seconds.set(key, cells);
      else {
        for (const [name, cell] of cells) {
          const same = there.get(name);
          if (!same) there.set(name, cell);
          else {
            same.summary.merge(cell.summary);
            same.values.merge(cell.values);
          }
        }
      }
    }
  }
}
