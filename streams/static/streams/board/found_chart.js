// How what a search found lies in time: bars on a canvas, with the first and the last time in words.

import { chosenClock, dateText } from "../page/clock.js";
import { counted } from "../page/format.js";
import { tokenValue } from "../page/tokens.js";

const BINS = 60;

/**
 * @param {number[]} times ms
 * @param {number} [bins]
 * @returns {{ from: number, to: number, counts: number[] }} from, to: of the first and the last of them
 */
export function binsOf(times, bins = BINS) {
  const counts = Array.from({ length: bins }, () => 0);
  if (times.length === 0) return { from: 0, to: 0, counts };
  const from = times.reduce((least, time) => Math.min(least, time), Infinity);
  const to = times.reduce((most, time) => Math.max(most, time), -Infinity);
  for (const time of times) {
    const bin = to === from ? bins - 1 : Math.min(bins - 1, Math.floor(((time - from) / (to - from)) * bins));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { from, to, counts };
}

export class FoundChart {
  #figure;
  #canvas;
  #caption;
  /** @type {number[]} */
  #times = [];

  /** @param {HTMLElement} figure with a canvas and a caption */
  constructor(figure) {
    const canvas = figure.querySelector("canvas");
    const caption = figure.querySelector("figcaption");
    if (!canvas || !caption) throw new Error("The chart lacks its canvas or caption.");
    this.#figure = figure;
    this.#canvas = canvas;
    this.#caption = caption;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    document.addEventListener("themechange", () => this.#draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** @param {number[]} times ms, of what was found */
  show(times) {
    this.#times = times;
    this.#figure.hidden = times.length < 2;
    const { from, to } = binsOf(times);
    const written = times.length < 2 ? "" : `${said(from)} – ${said(to)}`;
    this.#caption.textContent = written && `found over time: ${written}`;
    this.#canvas.setAttribute("aria-label", `${counted(times.length, "record")} found between ${written.replace(" – ", " and ")}`);
    this.#draw();
  }

  #draw() {
    const context = this.#canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    const width = Math.round(this.#canvas.clientWidth * ratio);
    const height = Math.round(this.#canvas.clientHeight * ratio);
    if (!context || width === 0) return;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const { counts } = binsOf(this.#times);
    const highest = counts.reduce((most, count) => Math.max(most, count), 1);
    context.clearRect(0, 0, width, height);
    context.fillStyle = tokenValue("--border");
    context.fillRect(0, height - ratio, width, ratio);
    context.fillStyle = tokenValue("--accent");
    const step = width / counts.length;
    counts.forEach((count, index) => {
      if (count === 0) return;
      const bar = Math.max(ratio, (count / highest) * (height - 2 * ratio));
      context.fillRect(Math.floor(index * step), height - bar, Math.max(1, Math.floor(step) - ratio), bar);
    });
  }
}

/** @param {number} ms @returns {string} date and time; how long ago says nothing of a span that stays */
function said(ms) {
  return dateText(ms, 0, chosenClock() === "relative" ? "local" : chosenClock());
}
