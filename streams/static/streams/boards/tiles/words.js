// How a board writes figures, times, and what figures stand on. Pure functions.

import { timeText as clockText } from "../../page/clock.js";
import { counted, grouped } from "../../page/format.js";

// Decimals of what is no whole number, as far as people compare them at a glance; the exact value stands beside.
const DECIMALS = 2;
const SIGNIFICANT = 3;
// A change that is no whole percent; one that is said as so many times as much.
export const SAME = 0.005;
const MANIFOLD = 2;
// What lies beyond all doubles.
const MOST = "1.79e+308";

/** @typedef {import("../../page/clock.js").Clock} Clock */

/**
 * @param {string | null} text a figure's digits
 * @returns {string} for people: thin group spaces, few decimals; a dash for nothing
 */
export function figureText(text) {
  if (text === null) return "–";
  if (/^-?\d+$/.test(text)) return group(text.replace("-", "−"));
  // Few decimals are shown as they stand in the record.
  const short = /^(-?)(\d+)(\.\d{1,3})$/.exec(text);
  if (short) return `${short[1] ? "−" : ""}${group(short[2] ?? "")}${short[3]}`;
  const number = Number(text);
  if (!Number.isFinite(number)) return number > 0 ? `> ${MOST}` : `< −${MOST}`;
  const size = Math.abs(number);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return number.toExponential(2).replace("-", "−");
  const decimals = size >= 100 ? 1 : size >= 1 ? DECIMALS : Math.min(6, SIGNIFICANT - 1 - Math.floor(Math.log10(size || 1)));
  const [whole = "", fraction] = number.toFixed(decimals).replace("-", "−").split(".");
  return group(whole) + (fraction ? `.${fraction}` : "");
}

/** @param {string} digits @returns {string} in groups of three */
function group(digits) {
  return digits.replace(/\B(?=(\d{3})+(?!\d))/g, "\u202F");
}

/**
 * @param {number} seconds
 * @returns {string} "15 min", "1 h"
 */
export function spanText(seconds) {
  if (seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/**
 * @param {number} part
 * @param {number} whole
 * @returns {string} "23 %"
 */
export function share(part, whole) {
  if (whole === 0) return "";
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 1 ? "<1" : Math.round(percent)} %`;
}

/**
 * @param {number} change by which part a figure is larger than before
 * @returns {string} "▲ 8 %", "▼ 8 %", "▲ 3.4 ×", "±0 %"
 */
export function changeText(change) {
  if (Math.abs(change) < SAME) return "±0 %";
  if (change >= MANIFOLD) return `▲ ${figureText((change + 1).toFixed(1).replace(/\.0$/, ""))} ×`;
  return `${change > 0 ? "▲" : "▼"} ${Math.round(100 * Math.abs(change))} %`;
}

/**
 * @param {number} ms since 1970
 * @param {Clock} clock
 * @param {number} now ms
 * @returns {string} to the second
 */
export function timeText(ms, clock, now) {
  return clock === "relative" ? fromNow(ms - now) : clockText(ms, now, clock).slice(0, 8);
}

/**
 * @param {number} ms from now; whole minutes and hours are said as such
 * @returns {string} "now", "−30 s", "−1:30", "−5 min", "−2 h"
 */
export function fromNow(ms) {
  const seconds = Math.abs(Math.round(ms / 1000));
  const sign = ms < 0 ? "−" : "+";
  if (seconds === 0) return "now";
  if (seconds % 3_600 === 0) return `${sign}${seconds / 3_600} h`;
  if (seconds % 60 === 0) return `${sign}${seconds / 60} min`;
  if (seconds < 60) return `${sign}${seconds} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), String(seconds % 60).padStart(2, "0")];
  return minutes < 60 ? `${sign}${minutes}:${rest}` : `${sign}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/**
 * @param {number} ms since 1970
 * @param {Clock} clock
 * @param {number} now ms
 * @returns {string} with milliseconds
 */
export function exactTime(ms, clock, now) {
  return clockText(ms, now, clock);
}

/**
 * @param {import("../figures/window.js").Basis} basis
 * @param {number | null} since ms
 * @param {Clock} clock
 * @returns {string} what the figures stand on, in a line
 */
export function basisText(basis, since, clock) {
  const parts = [counted(basis.records, "record")];
  if (since !== null) parts[0] += ` since ${timeText(since, clock === "relative" ? "local" : clock, since)}`;
  if (basis.without_value > 0) parts.push(`${grouped(basis.without_value)} without a value`);
  if (basis.late > 0) parts.push(`${grouped(basis.late)} too late for the window`);
  if (basis.ahead > 0) parts.push(`${grouped(basis.ahead)} of a time that has not come`);
  if (basis.gaps > 0) parts.push(`${counted(basis.gaps, "gap")}, ${counted(basis.missing, "offset")} missing`);
  return parts.join(" · ");
}

/**
 * @param {import("../../live/protocol.js").Formats} formats
 * @returns {string} by which a tile reads its records; "" where these are the topic's
 */
export function formatsText({ value_format: value, key_format: key }) {
  return [value && `values read as ${value}`, key && `keys read as ${key}`].filter(Boolean).join(", ");
}

/**
 * @param {string} kind of a tile
 * @param {any} figures
 * @returns {string[]} how its drawing differs from what its figures stand on, or from what was asked for
 */
export function drawnWords(kind, figures) {
  const parts = [];
  // A figure counts all; a drawing of single records has the newest.
  if ((kind === "map" || kind === "chart") && figures?.leftOut > 0) parts.push(`the newest ${grouped(figures.points.length)} drawn`);
  if (kind === "chart" && figures?.isWidened) parts.push(`in buckets of ${spanText(figures.width)}, the asked ones would be too many`);
  if (kind === "chart" && figures?.isAbout) parts.push("percentiles ≈");
  return parts;
}

/**
 * @param {string} path of a field
 * @returns {string} its last name, with the places in lists behind it
 */
export function shortPath(path) {
  const [, dotted, quoted, places = ""] = /(?:\.?([^.[\]"]+)|\["(.*)"\])((?:\[\d+\])*)$/.exec(path) ?? [];
  return dotted === undefined && quoted === undefined ? path : `${dotted ?? quoted}${places}`;
}

/**
 * @param {import("../figures/span.js").WindowJson} window
 * @returns {string} in words: "in the last 15 min"
 */
export function windowText(window) {
  if ("since" in window) return "since this board was opened";
  return "from" in window ? "in the chosen time" : `in the last ${spanText(window.last_seconds)}`;
}
