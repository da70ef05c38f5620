// Conditions that narrow a board, made of what was pressed: a value, or a bin. Written as filters are, and said in words.

import { pathOf } from "../figures/paths.js";
import { shortPath } from "./words.js";

// Names that a filter reads behind a dot; all others it reads in brackets.
const PLAIN = /^[A-Za-z_][A-Za-z0-9_]*$/;
const RESERVED = new Set("as break const continue else false for function if import in let loop namespace null package return true var void while".split(" "));
// What a filter can hold as a whole number.
const LARGEST = 2n ** 63n;
// As many characters come of a value: of a longer one nobody knows the rest.
const WHOLE = 300;

/**
 * @typedef {"number" | "text" | "boolean" | "json" | "none"} ValueType
 */

/**
 * @param {string} path of a field
 * @param {string} text the value, as it is written
 * @param {ValueType} type
 * @returns {string | null} the condition that a record has exactly this value there; null where none can say it, and of a
 *   value that may have been cut
 */
export function equals(path, text, type) {
  const value = text.length < WHOLE ? literalOf(text, type) : null;
  return value === null ? null : `${fieldOf(path)} == ${value}`;
}

/**
 * @param {string} path of a field
 * @param {number} from
 * @param {number} to
 * @param {boolean} isClosed whether `to` belongs to it
 * @returns {string} the condition that a record's number lies there
 */
export function within(path, from, to, isClosed) {
  const field = fieldOf(path);
  return `${field} >= ${from} && ${field} ${isClosed ? "<=" : "<"} ${to}`;
}

/**
 * @param {string} condition
 * @returns {string} for people: "net = ci", "2 ≤ mag < 3"; others as they are written
 */
export function wordsOf(condition) {
  const one = /^(.+?) == ("(?:[^"\\]|\\.)*"|\S+)$/.exec(condition);
  if (one) return `${nameOf(one[1] ?? "")} = ${unquoted(one[2] ?? "")}`;
  const two = /^(.+?) >= (\S+) && \1 (<=?) (\S+)$/.exec(condition);
  if (!two) return condition;
  const [, field = "", from = "", sign, to = ""] = two;
  return `${minus(from)} ≤ ${nameOf(field)} ${sign === "<" ? "<" : "≤"} ${minus(to)}`;
}

/**
 * @param {string} text
 * @param {ValueType} type
 */
function literalOf(text, type) {
  if (type === "text") return JSON.stringify(text);
  if (type === "boolean") return text;
  if (type !== "number") return null;
  if (!/^-?\d+$/.test(text)) return text;
  const whole = BigInt(text);
  return whole >= -LARGEST && whole < LARGEST ? text : null;
}

/** @param {string} path @returns {string} as a filter writes it */
function fieldOf(path) {
  const { root, steps } = pathOf(path);
  const isPlain = (/** @type {string | number} */ step) => typeof step === "string" && PLAIN.test(step) && !RESERVED.has(step);
  const field = root + steps.map((step) => (isPlain(step) ? `.${step}` : `[${JSON.stringify(step)}]`)).join("");
  // Of a header that is there twice a board takes the last, where a filter has the list.
  return root === "headers" ? `${field}[size(${field}) - 1]` : field;
}

/** @param {string} field */
function nameOf(field) {
  return shortPath(field.replace(/^(headers.*)\[size\(\1\) - 1\]$/, "$1"));
}

/** @param {string} literal */
function unquoted(literal) {
  if (!literal.startsWith('"')) return minus(literal);
  try {
    return JSON.parse(literal) || "“”";
  } catch {
    return literal;
  }
}

/** @param {string} number */
function minus(number) {
  return number.replace(/^-/, "−");
}
