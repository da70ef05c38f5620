// Numbers of records, digit for digit: a double where that says it all, and its digits where it does not (beyond 2^53).

/** A number that no double holds exactly; or not at all, and then its double is an infinity. */
export class Digits {
  /** @param {string} text as it stands in the record */
  constructor(text) {
    this.text = text;
    this.number = Number(text);
  }
}

/** @typedef {number | Digits} Num */

// So many significant digits come back from a double as they were.
const SURE_DIGITS = 15;
// The scale at which two long numbers are compared stays small enough to write them out.
const MOST_EXPONENT = 400;
const PARTS = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/**
 * @param {string} text a JSON number
 * @returns {Num}
 */
export function numberOf(text) {
  const number = Number(text);
  if (!Number.isFinite(number)) return new Digits(text);
  if (text.length <= SURE_DIGITS || Number.isSafeInteger(number)) return number;
  return Math.abs(number) > Number.MAX_SAFE_INTEGER ? digitsOrDouble(text, number) : number;
}

/**
 * @param {string} text
 * @param {number} number
 */
function digitsOrDouble(text, number) {
  const exact = decimalOf(text);
  const printed = decimalOf(String(number));
  return exact && printed && !isSame(exact, printed) ? new Digits(text) : number;
}

/** @param {Num} value */
export function doubleOf(value) {
  return typeof value === "number" ? value : value.number;
}

/** @param {Num} value its digits, as it is shown and sent on */
export function textOf(value) {
  return typeof value === "number" ? String(value) : value.text;
}

/**
 * @param {Num} value
 * @returns {bigint | null} the whole number that it is, null when it has a fraction
 */
export function wholeOf(value) {
  if (typeof value === "number" && !Number.isInteger(value)) return null;
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  // A double beyond that stands for the digits that it is written with, as the record has them; its own may be others.
  const decimal = decimalOf(textOf(value));
  return decimal && decimal.exponent >= 0 ? decimal.digits * 10n ** BigInt(decimal.exponent) : null;
}

/**
 * @param {Num} a
 * @param {Num} b
 * @returns {number} below 0 when a is the smaller, 0 when they are equal: exactly, not by their doubles
 */
export function compareNumbers(a, b) {
  const [x, y] = [doubleOf(a), doubleOf(b)];
  if (x !== y || (typeof a === "number" && typeof b === "number")) return x < y ? -1 : Number(x > y);
  const [one, other] = [decimalOf(textOf(a)), decimalOf(textOf(b))];
  if (!one || !other) return 0;
  const exponent = Math.min(one.exponent, other.exponent);
  const [left, right] = [scaled(one, exponent), scaled(other, exponent)];
  return left < right ? -1 : Number(left > right);
}

/** @typedef {{ digits: bigint, exponent: number }} Decimal digits × 10^exponent, without zeros at the end */

/**
 * @param {string} text
 * @returns {Decimal | null}
 */
function decimalOf(text) {
  const match = PARTS.exec(text);
  if (!match) return null;
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  const trimmed = (whole + fraction).replace(/0+$/, "");
  const exponent = Number(power) - fraction.length + (whole.length + fraction.length - trimmed.length);
  if (trimmed.replace(/^0+/, "") === "") return { digits: 0n, exponent: 0 };
  if (Math.abs(exponent) > MOST_EXPONENT) return null;
  const digits = BigInt(trimmed);
  return { digits: sign ? -digits : digits, exponent };
}

/**
 * @param {Decimal} a
 * @param {Decimal} b
 */
function isSame(a, b) {
  return a.digits === b.digits && a.exponent === b.exponent;
}

/**
 * @param {Decimal} decimal
 * @param {number} exponent at most its own
 */
function scaled({ digits, exponent: own }, exponent) {
  return digits * 10n ** BigInt(own - exponent);
}
