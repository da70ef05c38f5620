// JSON as it came: a record's value stays its source text, so that digits, the order of names and names that stand there
// twice are shown, searched and copied as they are in Kafka. Strict input only, which the server promises.

/** JSON of a record, as it stands in Kafka. */
export class Source {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

/**
 * @typedef {object} Leaf
 * @property {string} path the names that lead to it, each after U+0000; names that stand there twice have one path
 * @property {string} name
 * @property {string | null} string what a text says; null when it is none, and for half of a surrogate pair, which no
 *   screen can show: its source can
 * @property {string} json its source, without white space between its parts
 */

/**
 * A message of the server. Members named `value` become a Source where the object beside them says `"encoding":"json"`,
 * and where it says `text` and the text is JSON all the same (strict parsers refuse 1e400 and half of a surrogate pair, so
 * the server lets them travel as text). Other numbers that JavaScript would print differently (beyond 2^53, 1.0, 1e5) stay
 * texts of their digits.
 *
 * @param {string} text strict JSON
 * @returns {any}
 * @throws {SyntaxError}
 */
export function parseMessage(text) {
  const reader = new Reader(text);
  const value = reader.value("");
  reader.space();
  if (reader.at < text.length) throw new SyntaxError(`Something follows at ${reader.at}.`);
  return value;
}

class Reader {
  at = 0;
  #text;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  space() {
    while (this.at < this.#text.length && this.#text.charCodeAt(this.at) <= 0x20) this.at += 1;
  }

  /**
   * @param {string} name under which it stands
   * @returns {unknown}
   */
  value(name) {
    this.space();
    const start = this.at;
    if (name !== "value") {
      if (this.#text[start] === "{") return this.#object();
      if (this.#text[start] === "[") return this.#array();
    }
    this.at = endOf(this.#text, start);
    const source = this.#text.slice(start, this.at);
    return name === "value" ? new Source(source) : scalar(source);
  }

  /** @returns {Record<string, unknown>} */
  #object() {
    /** @type {Record<string, unknown>} */
    const found = {};
    this.#members("}", () => {
      const start = this.at;
      this.at = endOf(this.#text, start);
      const name = JSON.parse(this.#text.slice(start, this.at));
      this.space();
      this.#expect(":");
      const value = this.value(name);
      if (name === "__proto__") Object.defineProperty(found, name, { value, enumerable: true });
      else found[name] = value;
    });
    const { value } = found;
    if (value instanceof Source && found["encoding"] !== "json") found["value"] = JSON.parse(value.text);
    if (found["encoding"] === "text" && !found["truncated"]) {
      const source = sourceIn(found["value"]);
      if (source) Object.assign(found, { encoding: "json", value: source });
    }
    return found;
  }

  #array() {
    /** @type {unknown[]} */
    const found = [];
    this.#members("]", () => found.push(this.value("")));
    return found;
  }

  /**
   * @param {string} end
   * @param {() => void} read one member
   */
  #members(end, read) {
    this.at += 1;
    this.space();
    if (this.#text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.space();
      read();
      this.space();
      if (this.#text[this.at] === end) break;
      this.#expect(",");
    }
    this.at += 1;
  }

  /** @param {string} sign */
  #expect(sign) {
    if (this.#text[this.at] !== sign) throw new SyntaxError(`“${sign}” is missing at ${this.at}.`);
    this.at += 1;
  }
}

/**
 * @param {string} source of a text, a number, true, false or null
 * @returns {string | number | boolean | null}
 */
function scalar(source) {
  const value = JSON.parse(source);
  return typeof value === "number" && String(value) !== source ? source : value;
}

// As deep as the server lets JSON be.
const DEPTH = 64;
// With what JSON begins that strict parsers refuse for a number or half of a surrogate pair within it.
const BEGINS = /^\s*[[{"\d-]/;

/**
 * @param {unknown} text the value of a record that came as text
 * @returns {Source | null} the same as JSON, when it is that by RFC 8259 and no deeper than the server's
 */
function sourceIn(text) {
  if (typeof text !== "string" || !BEGINS.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  let depth = 0;
  for (const [sign] of text.matchAll(PARTS)) {
    if (sign === "{" || sign === "[") depth += 1;
    if (sign === "}" || sign === "]") depth -= 1;
    if (depth > DEPTH) return null;
  }
  return new Source(text);
}

const BRACKETS = /["{}[\]]/g;
const AFTER_SCALAR = /[,\]}\s]|$/g;

/**
 * @param {string} text
 * @param {number} start where a value begins
 * @returns {number} the place behind it
 * @throws {SyntaxError} when it does not end
 */
function endOf(text, start) {
  const first = text[start];
  if (first === '"') return endOfText(text, start);
  if (first !== "{" && first !== "[") {
    AFTER_SCALAR.lastIndex = start;
    return AFTER_SCALAR.exec(text)?.index ?? text.length;
  }
  let depth = 0;
  BRACKETS.lastIndex = start;
  for (let match = BRACKETS.exec(text); match; match = BRACKETS.exec(text)) {
    if (match[0] === '"') BRACKETS.lastIndex = endOfText(text, match.index);
    else {
      depth += match[0] === "{" || match[0] === "[" ? 1 : -1;
      if (depth === 0) return match.index + 1;
    }
  }
  throw new SyntaxError(`What begins at ${start} does not end.`);
}

/**
 * @param {string} text
 * @param {number} start of a text's first quote
 * @returns {number} the place behind its last
 */
function endOfText(text, start) {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  throw new SyntaxError(`The text that begins at ${start} does not end.`);
}

// What JSON consists of; white space between the parts is left out.
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * @param {string} json
 * @returns {string} without white space between its parts
 */
function compact(json) {
  return /\s/.test(json) ? (json.match(PARTS) ?? []).join("") : json;
}

/**
 * The leaves of a value in the order of the document, each name as often as it stands there.
 *
 * @param {Source} source
 * @param {{ levels?: number, most?: number, intoLists?: boolean }} [bounds] objects deeper than `levels` are leaves
 *   themselves; after `most` leaves the rest is left out; lists are leaves unless `intoLists`, and then give their name to
 *   what is in them
 * @returns {Leaf[]}
 */
export function leavesOf({ text }, { levels = Infinity, most = Infinity, intoLists = false } = {}) {
  /** @type {Leaf[]} */
  const leaves = [];
  let at = 0;
  const space = () => {
    while (text.charCodeAt(at) <= 0x20) at += 1;
  };

  /**
   * @param {string} path
   * @param {string} name
   * @param {number} level
   */
  function visit(path, name, level) {
    space();
    const start = at;
    const first = text[start];
    const isOpen = first === "{" ? level < levels : first === "[" && intoLists;
    if (isOpen) {
      at += 1;
      space();
      if (text[at] !== "}" && text[at] !== "]") {
        descend(path, name, level, first === "{");
        return;
      }
      at += 1;
    } else at = endOf(text, start);
    const json = compact(text.slice(start, at));
    leaves.push({ path, name, string: first === '"' ? shownText(JSON.parse(json)) : null, json });
  }

  /**
   * @param {string} path
   * @param {string} name
   * @param {number} level
   * @param {boolean} isObject
   */
  function descend(path, name, level, isObject) {
    for (;;) {
      if (leaves.length >= most) {
        at = text.length;
        return;
      }
      if (isObject) {
        space();
        const start = at;
        at = endOfText(text, start);
        const key = JSON.parse(text.slice(start, at));
        space();
        at += 1; // the colon
        visit(`${path}\u0000${key}`, key, level + 1);
      } else visit(path, name, level + 1);
      if (at >= text.length) return;
      space();
      at += 1; // a comma, or the end
      if (text[at - 1] !== ",") return;
    }
  }

  visit("", "", 0);
  return leaves;
}

const HALF = /[\uD800-\uDFFF]/u;

/** @param {string} text */
function shownText(text) {
  return HALF.test(text) ? null : text;
}

/**
 * @param {Source} source
 * @returns {string} on lines of their own, digits and names as they came
 */
export function prettyText({ text }) {
  /** @type {string[]} */
  const out = [];
  let depth = 0;
  let before = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [sign] of text.matchAll(PARTS)) {
    const opens = before === "{" || before === "[";
    if (sign === "}" || sign === "]") {
      depth -= 1;
      if (!opens) out.push(line());
    } else if (opens || before === ",") out.push(line());
    out.push(sign === ":" ? ": " : sign);
    if (sign === "{" || sign === "[") depth += 1;
    before = sign;
  }
  return out.join("");
}
