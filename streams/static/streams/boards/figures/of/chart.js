// The figures of a chart: a figure over time, or each record as a point.

import { Counted } from "../counted.js";
import { labelOf, namesOf } from "../cells.js";
import { POINTS, Points } from "../points.js";
import { Series, fitting, widthFor } from "../series.js";
import { doubleOf } from "../numbers.js";
import { isMoving, secondsOf } from "../span.js";
import { numOf, scalarOf, tagOf } from "../values.js";
import { pathOf } from "../paths.js";

/**
 * @typedef {import("../window.js").Entry} Entry
 * @typedef {import("../window.js").Window} Window
 * @typedef {import("../paths.js").Path} Path
 */

export class ChartFigures {
  counted = new Counted();
  /** @type {Path | null} */
  #path;
  /** @type {Path | null} */
  #split;
  #series;
  #asked;

  /**
   * @param {{ y: string, aggregate: string, split: string | null, bucket_seconds?: number | null }} options
   * @param {import("../span.js").WindowJson} window
   */
  constructor({ y, aggregate, split, bucket_seconds: asked = null }, window) {
    this.#path = y === "count" ? null : pathOf(y);
    this.#split = split ? pathOf(split) : null;
    this.#asked = asked;
    const figure = /** @type {import("../series.js").Aggregate} */ (y === "count" ? "count" : aggregate);
    const seconds = secondsOf(window);
    const width = asked === null ? widthFor(seconds) : fitting(asked, seconds);
    this.#series = new Series(figure, { width, isCoarse: !isMoving(window), isAsked: asked !== null });
  }

  /** @param {Entry} entry */
  add({ fields, bucket, second }) {
    const value = this.#path ? numOf(fields.at(this.#path)) : 1;
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    const by = this.#split ? scalarOf(fields.at(this.#split)) : undefined;
    if (by === undefined) this.#series.add(second, "", value);
    else this.#series.add(second, tagOf(by), value, labelOf(by));
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#series.expire(second);
  }

  /**
   * @param {Window} window
   * @param {number} now
   */
  read(window, now) {
    const { starts, lines, outside, isAbout } = this.#series.read(...window.seconds(now));
    const { width } = this.#series;
    const gaps = starts.map((start) => window.isTouched(start * 1000, (start + width) * 1000));
    for (const line of lines) line.values = line.values.map((value, place) => (gaps[place] ? null : value));
    return { starts, width, isWidened: this.#asked !== null && width !== this.#asked, lines, gaps, outside, isAbout };
  }
}

/** Each record as a point of a chart. */
export class PointsFigures {
  counted = new Counted();
  #path;
  /** @type {Path | null} */
  #split;
  /** @type {Points<{ time: number, y: number, name: string, hue: string, key: string | null, partition: number, offset: number }>} */
  #points = new Points(POINTS);

  /** @param {{ y: string, split: string | null }} options */
  constructor({ y, split }) {
    this.#path = pathOf(y);
    this.#split = split ? pathOf(split) : null;
  }

  /** @param {Entry} entry */
  add({ fields, bucket, time }) {
    const value = numOf(fields.at(this.#path));
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    this.#points.add(bucket, { time, y: doubleOf(value), ...namesOf(fields, this.#split), key: fields.record.key, partition: fields.partition, offset: fields.record.offset });
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#points.expire(second);
  }

  read() {
    return { points: this.#points.all(), leftOut: this.#points.leftOut };
  }
}
