// Records a second over the last 5 minutes, as bars on a canvas. Drawn once a second, or when the page changes shape.

import { SECONDS_SHOWN } from "../live/meter.js";
import { grouped, rate, sinceClock } from "../page/format.js";

// A screen reader's label need not change every second.
const LABEL_MS = 10_000;
const LEAST_BAR_PX = 1;
// A small mark each minute tells the time from left to right.
const MINUTE = 60;
const TICK_PX = 6;

export class Chart {
  #figure;
  #canvas;
  #caption;
  /** @type {(number | null)[]} */
  #series = [];
  #lastSecond = 0;
  #labelledAt = 0;
  #what = "records/s";
  /** @type {number | null} index of the second under the pointer */
  #pointed = null;

  /**
   * @param {HTMLElement} figure
   * @param {HTMLElement} caption
   */
  constructor(figure, caption) {
    const canvas = figure.querySelector("canvas");
    if (!canvas) throw new Error("The chart lacks its canvas.");
    this.#figure = figure;
    this.#canvas = canvas;
    this.#caption = caption;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    document.addEventListener("themechange", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
    canvas.addEventListener("pointermove", (event) => this.#point(event.offsetX / canvas.clientWidth));
    canvas.addEventListener("pointerleave", () => this.#point(null));
  }

  /**
   * @param {(number | null)[]} series records a second, oldest first; null where nothing was measured
   * @param {number} lastMs this browser's clock at the last of them
   * @param {string} [what] is counted, in words
   */
  show(series, lastMs, what = "records/s") {
    this.#series = series;
    this.#what = what;
    this.#lastSecond = lastMs;
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
    if (at === null) {
      const highest = highestOf(this.#series);
      this.#caption.textContent = `${this.#what}, last 5 minutes${highest ? ` · highest ${grouped(highest)}` : ""}`;
    } else {
      const ms = this.#lastSecond - (SECONDS_SHOWN - 1 - at) * 1000;
      const records = this.#series[at] ?? null;
      this.#caption.textContent = `${sinceClock(ms, Date.now())} · ${records === null ? "not measured" : `${grouped(records)}/s`}`;
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
    const style = getComputedStyle(this.#figure);
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--border");
    context.fillRect(0, height - ratio, width, ratio);
    for (let second = MINUTE; second < SECONDS_SHOWN; second += MINUTE) {
      context.fillRect(Math.round((second / SECONDS_SHOWN) * width), height - TICK_PX * ratio, ratio, TICK_PX * ratio);
    }
    context.fillStyle = style.getPropertyValue("--accent");
    const highest = Math.max(1, highestOf(this.#series));
    const step = width / SECONDS_SHOWN;
    this.#series.forEach((records, index) => {
      if (!records) return;
      const bar = Math.max(LEAST_BAR_PX * ratio, (records / highest) * (height - 2 * ratio));
      const left = Math.floor(index * step);
      context.fillRect(left, height - bar, Math.max(1, Math.floor((index + 1) * step) - left), bar);
    });
    this.#say();
  }
}

/** @param {(number | null)[]} series */
function highestOf(series) {
  return Math.max(0, ...series.map((records) => records ?? 0));
}
