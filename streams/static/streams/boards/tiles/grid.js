// What tables and streams have in common: the head of columns, and cells that show what kind of value they hold.

import { element, say } from "../../page/dom.js";
import { exactTime, figureText, shortPath } from "./words.js";

/**
 * @typedef {import("../figures/cells.js").Cell} Cell
 * @typedef {import("../figures/cells.js").Row} Row
 */

// Between these a number under `time` or `timestamp` is read as milliseconds: 1990 to 2100.
const TIMES = [631_152_000_000, 4_102_444_800_000];

/**
 * @param {string} path
 * @param {number} value
 */
function isTime(path, value) {
  const [from = 0, to = 0] = TIMES;
  return /time|date|_at$/i.test(shortPath(path)) && value > from && value < to;
}

/**
 * Shows a value in a cell, and returns whether it changed.
 *
 * @param {HTMLElement} node
 * @param {string} path of its column
 * @param {Cell} cell
 * @param {{ clock: import("./words.js").Clock, now: number }} when
 * @returns {boolean}
 */
export function showCell(node, path, cell, { clock, now }) {
  const before = node.dataset["value"];
  node.dataset["field"] = path;
  node.dataset["value"] = cell.text;
  node.className = cell.type === "number" ? "number" : cell.type === "text" ? "text" : "mono";
  let text = cell.text;
  if (cell.type === "number") text = isTime(path, Number(cell.text)) ? exactTime(Number(cell.text), clock, now) : numberText(cell.text);
  say(node, text);
  if (node.title !== cell.text) node.title = cell.text;
  return before !== undefined && before !== cell.text;
}

/** @param {string} text digits */
function numberText(text) {
  // As it stands: a column of one field compares digits.
  return /^-?\d{5,}$/.test(text) ? figureText(text) : text.replace("-", "−");
}

/**
 * @param {string} text
 * @param {boolean} isNumber
 */
export function headOf(text, isNumber) {
  const node = element("th", isNumber ? "number" : "", text);
  node.setAttribute("scope", "col");
  return node;
}

/** @param {string} path of a column */
export function columnHead(path) {
  const node = headOf(shortPath(path), false);
  node.title = path;
  node.dataset["column"] = path;
  return node;
}
