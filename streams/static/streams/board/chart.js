// Records a second over the last 5 minutes, as bars on a canvas. Drawn once a second, or when the page changes shape. A span
// of it can be dragged over, or chosen by keys: its records are loaded then; meanwhile the bars stand still.

import { SECONDS_SHOWN } from "../live/meter.js";
import { chosenClock, timeText } from "../page/clock.js";
import { grouped, rate } from "../page/format.js";
import { stepped } from "../page/stepping.js";
import { tokenValue } from "../page/tokens.js";

// A screen reader's label need not change every second.
const LABEL_MS = 10_000;
const LEAST_BAR_PX = 1;
// A small mark each minute tells the time from left to right.
const MINUTE = 60;
const TICK_PX = 6;
// A pointer that moved less was not dragged.
const DRAGGED_PX = 4;
const BAND = 0.18; // of the accent's colour

/** @typedef {{ from: number, to: number }} Span ms of the server's clock, whole seconds */

export class Chart {
  #canvas;
  #caption;
  /** @type {(number | null)[]} */
  #series = [];
  #lastMs = 0;
  // The server's clock where the series ends, ms; this browser's, until there is one.
  #endMs = Math.floor(Date.now() / 1000) * 1000;
  #spanned;
  /** @type {{ from: number, to: number, x: number | null } | null} what is dragged over: seconds, by their place in the series; x: px, null by keys */
  #drag = null;
  /** @type {Span | null} */
  #marked = null;
  #labelledAt = 0;
  #what = "records/s";
  /** @type {number | null} index of the second under the pointer, or where the keys stand */
  #pointed = null;

  /**
   * @param {HTMLElement} figure
   * @param {HTMLElement} caption
   * @param {(span: Span) => void} spanned a span was dragged over
   */
  constructor(figure, caption, spanned) {
    const canvas = figure.querySelector("canvas");
    if (!canvas) throw new Error("The chart lacks its canvas.");
    this.#canvas = canvas;
    this.#caption = caption;
    this.#spanned = spanned;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    document.addEventListener("themechange", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    canvas.addEventListener("pointermove", (event) => this.#moved(event));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("pointerdown", (event) => this.#pressed(event));
    canvas.addEventListener("pointerup", (event) => this.#released(event));
    canvas.addEventListener("pointercancel", () => this.#let());
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "slider");
    canvas.setAttribute("aria-valuemin", "0");
    canvas.setAttribute("aria-valuemax", String(SECONDS_SHOWN - 1));
    canvas.addEventListener("keydown", (event) => this.#keyed(event));
    canvas.addEventListener("blur", () => {
      if (this.#drag?.x === null) this.#let();
      this.#point(null);
    });
    this.#tell();
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#drag === null) return;
      event.preventDefault();
      this.#let();
    });
  }

  /** @param {Span | null} span whose records are shown elsewhere */
  mark(span) {
    this.#marked = span;
    this.#draw();
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const before = this.#pointed ?? -1;
    const second = stepped(event.key, before, SECONDS_SHOWN);
    const span = this.#drag?.x === null ? this.#spanOf(this.#drag) : null;
    if (second === null && !(event.key === "Enter" && span)) return;
    event.preventDefault();
    if (second === null) {
      this.#let();
      if (span) this.#spanned(span);
      return;
    }
    this.#drag = event.shiftKey ? { from: this.#drag?.from ?? (before < 0 ? second : before), to: second, x: null } : null;
    this.#pointed = second;
    this.#draw();
    this.#tell();
  }

  /** What stands where the keys are, for who does not see it. */
  #tell() {
    this.#canvas.setAttribute("aria-valuenow", String(this.#pointed ?? SECONDS_SHOWN - 1));
    this.#canvas.setAttribute("aria-valuetext", this.#caption.textContent ?? "");
  }

  /** @param {PointerEvent} event */
  #pressed(event) {
    if (event.button !== 0) return;
    const second = this.#secondAt(event);
    this.#drag = { from: second, to: second, x: event.offsetX };
    this.#canvas.setPointerCapture(event.pointerId);
  }

  /** @param {PointerEvent} event */
  #moved(event) {
    this.#point(event.offsetX / this.#canvas.clientWidth);
    if (this.#drag === null || this.#drag.x === null) return;
    this.#drag.to = this.#secondAt(event);
    this.#draw();
  }

  /** @param {PointerEvent} event */
  #released(event) {
    const drag = this.#drag;
    if (drag === null || drag.x === null) return;
    this.#let();
    if (Math.abs(event.offsetX - drag.x) < DRAGGED_PX) return;
    this.#spanned(this.#spanOf({ ...drag, to: this.#secondAt(event) }));
  }

  #let() {
    this.#drag = null;
    this.#draw();
  }

  /** @param {PointerEvent} event @returns {number} the place in the series that is under the pointer */
  #secondAt(event) {
    const share = event.offsetX / Math.max(1, this.#canvas.clientWidth);
    return Math.min(SECONDS_SHOWN - 1, Math.max(0, Math.floor(share * SECONDS_SHOWN)));
  }

  /** @param {{ from: number, to: number }} drag @returns {Span} with its first and its last second */
  #spanOf({ from, to }) {
    const at = (/** @type {number} */ second) => this.#endMs - (SECONDS_SHOWN - second) * 1000;
    return { from: at(Math.min(from, to)), to: at(Math.max(from, to) + 1) };
  }

  /**
   * @param {(number | null)[]} series records a second, oldest first; null where nothing was measured
   * @param {number} lastMs this browser's clock at the last of them
   * @param {number} serverMs the server's at that time
   * @param {string} [what] is counted, in words
   */
  show(series, lastMs, serverMs, what = "records/s") {
    if (this.#drag !== null) return;
    this.#series = series;
    this.#what = what;
    this.#lastMs = lastMs;
    this.#endMs = Math.floor(serverMs / 1000) * 1000;
    if (!document.hidden) this.#draw();
    if (Date.now() - this.#labelledAt < LABEL_MS) return;
    this.#labelledAt = Date.now();
    const now = series.at(-1) ?? 0;
    const label = `Records a second, last 5 minutes: now ${rate(now)}, at most ${rate(highestOf(series))}`;
    this.#canvas.setAttribute("aria-label", label);
  }

  /** @param {number | null} share of the width, from 0 to 1 */
  #point(share) {
    this.#pointed = share === null ? null : Math.min(SECONDS_SHOWN - 1, Math.max(0, Math.floor(share * SECONDS_SHOWN)));
    this.#say();
  }

  #say() {
    const at = this.#pointed;
    if (this.#drag !== null) {
      const { from, to } = this.#spanOf(this.#drag);
      this.#caption.textContent = `${secondText(from)} – ${secondText(to)} · ${this.#drag.x === null ? "enter loads" : "let go to load"} its records`;
    } else if (at === null) {
      const highest = highestOf(this.#series);
      this.#caption.textContent = `${this.#what}, last 5 minutes${highest ? ` · highest ${grouped(highest)}` : ""}`;
    } else {
      const ms = this.#lastMs - (SECONDS_SHOWN - 1 - at) * 1000;
      const records = this.#series[at] ?? null;
      this.#caption.textContent = `${secondText(ms)} · ${records === null ? "not measured" : `${grouped(records)}/s`}`;
    }
  }

  #draw() {
    const canvas = this.#canvas;
    const context = canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!context || width === 0) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.clearRect(0, 0, width, height);
    context.fillStyle = tokenValue("--border");
    context.fillRect(0, height - ratio, width, ratio);
    for (let second = MINUTE; second < SECONDS_SHOWN; second += MINUTE) {
      context.fillRect(Math.round((second / SECONDS_SHOWN) * width), height - TICK_PX * ratio, ratio, TICK_PX * ratio);
    }
    context.fillStyle = tokenValue("--accent");
    const highest = Math.max(1, highestOf(this.#series));
    const step = width / SECONDS_SHOWN;
    this.#series.forEach((records, index) => {
      if (!records) return;
      const bar = Math.max(LEAST_BAR_PX * ratio, (records / highest) * (height - 2 * ratio));
      const left = Math.floor(index * step);
      context.fillRect(left, height - bar, Math.max(1, Math.floor((index + 1) * step) - left), bar);
    });
    this.#band(context, width, height);
    this.#say();
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   */
  #band(context, width, height) {
    const span = this.#drag ? this.#spanOf(this.#drag) : this.#marked;
    if (span === null) return;
    const at = (/** @type {number} */ ms) => Math.max(0, Math.min(1, 1 - (this.#endMs - ms) / (SECONDS_SHOWN * 1000))) * width;
    const [left, right] = [at(span.from), at(span.to)];
    if (right <= left) return;
    context.globalAlpha = BAND;
    context.fillRect(left, 0, right - left, height);
    context.globalAlpha = 1;
    context.fillRect(left, 0, 1, height);
    context.fillRect(right - 1, 0, 1, height);
  }
}

/** @param {number} ms @returns {string} time of the day, to the second */
function secondText(ms) {
  return timeText(ms, 0, chosenClock() === "utc" ? "utc" : "local").slice(0, 8);
}

/** @param {(number | null)[]} series */
function highestOf(series) {
  return Math.max(0, ...series.map((records) => records ?? 0));
}
