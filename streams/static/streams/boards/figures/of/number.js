// The figures of a number: one of the window, the same of the window before, and its line.

import { Amount } from "../amount.js";
import { Counted } from "../counted.js";
import { Series } from "../series.js";
import { isMoving, secondsOf } from "../span.js";
import { numOf, scalarOf } from "../values.js";
import { pathOf } from "../paths.js";

// Buckets of the line beside a number.
const LINE_BUCKETS = 60;

/**
 * @typedef {import("../window.js").Entry} Entry
 * @typedef {import("../window.js").Window} Window
 * @typedef {import("../paths.js").Path} Path
 */

export class NumberFigures {
  counted = new Counted();
  #figure;
  /** @type {Path | null} */
  #path;
  #now;
  /** what has left the window, and not yet the one before it */
  #before;
  /** @type {import("../amount.js").Amounted | null} what it was when it was read last; null when it has changed */
  #beforeRead = null;
  /** a second that left it uncounted: as long as the window before has it, nothing is said of that */
  #uncounted = -Infinity;
  #line;
  #isMoving;

  /**
   * @param {{ figure: string, field: string | null }} options
   * @param {import("../span.js").WindowJson} window
   */
  constructor({ figure, field }, window) {
    this.#figure = /** @type {import("../amount.js").Figure} */ (figure);
    this.#isMoving = isMoving(window);
    const needsField = figure !== "count" && figure !== "rate";
    this.#path = field && needsField ? pathOf(field) : null;
    this.#now = new Amount(this.#figure);
    this.#before = new Amount(this.#figure);
    const seconds = secondsOf(window);
    const width = Math.max(1, Math.ceil(seconds / LINE_BUCKETS));
    const aggregate = figure === "rate" || figure === "distinct" ? "count" : /** @type {import("../series.js").Aggregate} */ (figure);
    this.#line = new Series(aggregate, { width, isCoarse: !("last_seconds" in window) });
  }

  /** @param {Entry} entry */
  add({ fields, bucket, second }) {
    const value = this.#valueOf(fields);
    this.counted.add(bucket, value !== undefined);
    if (value === undefined) return;
    this.#now.add(bucket, value);
    this.#line.add(second, "", typeof value === "string" || typeof value === "boolean" ? 1 : value);
  }

  /** @param {Entry} entry */
  earlier({ fields, second }) {
    const value = this.#valueOf(fields);
    if (value === undefined) return;
    this.#before.add(second, value);
    this.#beforeRead = null;
  }

  /** @param {number} second */
  expire(second) {
    this.counted.expire(second);
    this.#line.expire(second);
    const part = this.#now.expire(second);
    if (!part) return;
    this.#before.put(second, part);
    this.#beforeRead = null;
    if (this.#figure === "distinct" && !part.tags) this.#uncounted = second;
  }

  /** @param {number} second */
  forget(second) {
    if (this.#before.expire(second)) this.#beforeRead = null;
  }

  /**
   * @param {Window} window
   * @param {number} now
   */
  read(window, now) {
    const { starts, lines } = this.#line.read(...window.seconds(now));
    // Where nothing leaves, all stands under one bucket, whatever the window's own times are.
    const read = this.#now.read(this.#isMoving ? window.bounds.from / 1000 : -Infinity);
    if (this.#figure === "rate") read.value = rateOf(window.complete());
    const line = { starts, values: lines[0]?.values ?? [], width: this.#line.width };
    return { figure: this.#figure, ...read, ...this.#change(window, now, read.value), line };
  }

  /**
   * @param {Window} window
   * @param {number} now ms
   * @param {string | null} value of the window
   * @returns {{ before: string | null, change: number | null }} before: the same of the window before, null where that is not
   *   known; change: by which part of it the value is larger, null where that says nothing
   */
  #change({ before, bounds }, now, value) {
    if (!before || this.#uncounted * 1000 >= before.from) return { before: null, change: null };
    const length = (before.to - before.from) / 1000;
    // It changes with the seconds, and is read more often.
    const read = (this.#beforeRead ??= this.#before.read(before.from / 1000));
    if (this.#figure === "rate") read.value = rateOf({ records: this.#before.count, seconds: length });
    // The second under way is not over: what grows with time is compared with as much of it.
    const isGrowing = this.#figure === "count" || this.#figure === "sum";
    const share = isGrowing ? Math.min(1, (now - bounds.from) / 1000 / length) : 1;
    const size = Number(read.value) * share;
    const change = value !== null && read.value !== null && size > 0 ? Number(value) / size - 1 : NaN;
    return { before: read.value, change: Number.isFinite(change) ? change : null };
  }

  /** @param {import("../paths.js").Fields} fields */
  #valueOf(fields) {
    const found = this.#path ? fields.at(this.#path) : 1;
    return this.#figure === "distinct" ? scalarOf(found) : numOf(found);
  }
}

/** @param {{ records: number, seconds: number }} complete */
function rateOf({ records, seconds }) {
  return seconds > 0 ? String(records / seconds) : null;
}
