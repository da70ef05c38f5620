// JSON, digit for digit: a number that JavaScript would print differently (beyond 2^53, 1.0, 1e5) is kept as its source
// text. Strict input only, which the server promises for `encoding: "json"`.

// Stands before the digits of such a number, in a string nobody else can have written: it is drawn anew for every page.
const MARK = `\uE000${Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("")}:`;

// A cheap look before the walk: digits so many that they may not survive, a trailing zero of a fraction, an exponent.
const SUSPECT = /\d[\d.]{15}|\.\d*0(?!\d)|\d[eE][+-]?\d|-0(?![.\d])/;
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * @param {string} text strict JSON
 * @returns {any} as JSON.parse, except that numbers whose digits would change are marked strings (see `digitsOf`)
 * @throws {SyntaxError}
 */
export function parseExact(text) {
  return JSON.parse(SUSPECT.test(text) ? text.replace(TOKENS, keepDigits) : text);
}

/** @param {string} token */
function keepDigits(token) {
  return token.startsWith('"') || String(Number(token)) === token ? token : `"${MARK}${token}"`;
}

/**
 * @param {unknown} value
 * @returns {string | null} a marked number's digits, or null for everything else
 */
export function digitsOf(value) {
  return typeof value === "string" && value.startsWith(MARK) ? value.slice(MARK.length) : null;
}

/**
 * @param {unknown} value
 * @returns {number | null} a number, marked or not
 */
export function numberOf(value) {
  if (typeof value === "number") return value;
  const digits = digitsOf(value);
  return digits === null ? null : Number(digits);
}

/**
 * @param {unknown} value as parseExact returned it
 * @param {number} [indent] spaces a level; 0 for one line
 * @returns {string} JSON with the digits as they came
 */
export function exactText(value, indent = 0) {
  const text = JSON.stringify(value, null, indent) ?? "null";
  return text.includes(MARK) ? text.replace(TOKENS, restoreDigits) : text;
}

/** @param {string} token */
function restoreDigits(token) {
  return token.startsWith(`"${MARK}`) ? token.slice(MARK.length + 1, -1) : token;
}
