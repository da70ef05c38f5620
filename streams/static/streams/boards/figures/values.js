// Single values of fields, as tallies and tables need them: told apart, ordered, written.

import { Digits, compareNumbers, doubleOf, textOf } from "./numbers.js";

/** @typedef {string | boolean | import("./numbers.js").Num} Scalar */

/**
 * @param {unknown} value of a field
 * @returns {Scalar | undefined} undefined for null, lists and objects, and for numbers that no double can hold
 */
export function scalarOf(value) {
  return typeof value === "string" || typeof value === "boolean" ? value : numOf(value);
}

/**
 * @param {unknown} value of a field
 * @returns {import("./numbers.js").Num | undefined} undefined for everything but numbers, and for those that no double can
 *   hold (1e400): nothing can be added to them or drawn with them
 */
export function numOf(value) {
  const isNumber = typeof value === "number" || value instanceof Digits;
  return isNumber && Number.isFinite(doubleOf(value)) ? value : undefined;
}

/**
 * @param {Scalar} value
 * @returns {string} the same for equal values, and for no others: the text "1" is not the number 1
 */
export function tagOf(value) {
  if (typeof value === "string") return `t${value}`;
  if (typeof value === "boolean") return `b${value}`;
  return `n${value === 0 ? "0" : textOf(value)}`;
}

// Characters of a tag that a colour goes by: longer ones are not sent with each of thousands of points.
const HUE = 300;

/**
 * @param {string} tag
 * @returns {string} what the colour of its value goes by
 */
export function hueOf(tag) {
  return tag.slice(0, HUE);
}

/** @param {Scalar} value as it is shown */
export function writtenOf(value) {
  return typeof value === "string" ? value : typeof value === "boolean" ? String(value) : textOf(value);
}

/** @param {Scalar} value */
function rankOf(value) {
  if (typeof value === "string") return 1;
  return typeof value === "boolean" ? 2 : 0;
}

/**
 * Numbers by size, then texts by their characters, then false and true.
 *
 * @param {Scalar} a
 * @param {Scalar} b
 * @returns {number}
 */
export function compareValues(a, b) {
  const ranks = rankOf(a) - rankOf(b);
  if (ranks !== 0) return ranks;
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  if (typeof a === "boolean") return Number(a) - Number(b);
  return compareNumbers(/** @type {import("./numbers.js").Num} */ (a), /** @type {import("./numbers.js").Num} */ (b));
}

/**
 * By code points, as most languages do it; `<` compares halves of pairs.
 *
 * @param {string} a
 * @param {string} b
 */
export function compareTexts(a, b) {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let place = 0; place < length; place += 1) {
    const [one, other] = [a.charCodeAt(place), b.charCodeAt(place)];
    if (one === other) continue;
    const isHalf = one >= 0xd800 && other >= 0xd800;
    return isHalf ? pointAt(a, place) - pointAt(b, place) : one - other;
  }
  return a.length - b.length;
}

/**
 * @param {string} text
 * @param {number} place
 */
function pointAt(text, place) {
  const unit = text.charCodeAt(place);
  const isSecondHalf = unit >= 0xdc00 && unit <= 0xdfff && place > 0;
  return text.codePointAt(isSecondHalf ? place - 1 : place) ?? 0;
}
