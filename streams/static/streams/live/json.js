// JSON as it came: a record's value stays its source text, so that digits, the order of names and names that stand there
// twice are shown, searched and copied as they are in Kafka. Strict input only, which the server promises.

/** JSON of a record, as it stands in Kafka. */
export class Source {
  /**
   * @param {string} text
   * @param {boolean} [isStrict] whether strict parsers take it: to the server it is JSON only then, and else a text
   */
  constructor(text, isStrict = true) {
    this.text = text;
    this.isStrict = isStrict;
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
      if (this.#text[start] === "{") return this.#object(name === "headers");
      if (this.#text[start] === "[") return this.#array();
    }
    this.at = endOf(this.#text, start);
    const source = this.#text.slice(start, this.at);
    return name === "value" ? new Source(source) : scalar(source);
  }

  /**
   * @param {boolean} isHeaders whose names are anybody's: `value` and `encoding` are two more of them
   * @returns {Record<string, unknown>}
   */
  #object(isHeaders) {
    /** @type {Record<string, unknown>} */
    const found = {};
    this.#members("}", () => {
      const start = this.at;
      this.at = endOf(this.#text, start);
      const name = JSON.parse(this.#text.slice(start, this.at));
      this.space();
      this.#expect(":");
      const value = this.value(isHeaders ? "" : name);
      if (name === "__proto__") Object.defineProperty(found, name, { value, enumerable: true });
      else found[name] = value;
    });
    if (isHeaders) return found;
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
  return new Source(text, false);
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

/** What JSON consists of; white space between the parts is left out. */
export const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * @param {string} json
 * @returns {string} without white space between its parts
 */
export function compact(json) {
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

const [QUOTE, BACKSLASH, COMMA, COLON, SPACE, NEW_LINE] = [0x22, 0x5c, 0x2c, 0x3a, 0x20, 0x0a];
const [OPENS, CLOSES] = [new Set([0x7b, 0x5b]), new Set([0x7d, 0x5d])];

/** A text that is written sign by sign: joining as many pieces takes several times as long. */
class Written {
  #units;
  #length = 0;

  /** @param {number} size signs that there is room for at first */
  constructor(size) {
    this.#units = new Uint16Array(size);
  }

  /** @param {number} unit */
  put(unit) {
    if (this.#length === this.#units.length) {
      const more = new Uint16Array(2 * this.#length);
      more.set(this.#units);
      this.#units = more;
    }
    this.#units[this.#length++] = unit;
  }

  /** @param {number} depth of the line that begins */
  line(depth) {
    this.put(NEW_LINE);
    for (let space = 0; space < 2 * depth; space += 1) this.put(SPACE);
  }

  text() {
    return new TextDecoder("utf-16le", { ignoreBOM: true }).decode(this.#units.subarray(0, this.#length));
  }
}

/**
 * @param {Source} source
 * @returns {string} on lines of their own, digits and names as they came
 */
export function prettyText({ text }) {
  const out = new Written(2 * text.length + 64);
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = putText(text, at, out);
    else if (unit <= SPACE) continue;
    else if (OPENS.has(unit)) {
      out.put(unit);
      const end = spaceAfter(text, at + 1);
      if (CLOSES.has(text.charCodeAt(end))) {
        out.put(text.charCodeAt(end));
        at = end;
      } else out.line((depth += 1));
    } else if (CLOSES.has(unit)) {
      out.line((depth -= 1));
      out.put(unit);
    } else {
      out.put(unit);
      if (unit === COMMA) out.line(depth);
      if (unit === COLON) out.put(SPACE);
    }
  }
  return out.text();
}

/**
 * @param {string} text
 * @param {number} start of a text in it
 * @param {Written} out
 * @returns {number} the place of its last quote
 */
function putText(text, start, out) {
  out.put(QUOTE);
  for (let at = start + 1; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    out.put(unit);
    if (unit === QUOTE) return at;
    if (unit === BACKSLASH) out.put(text.charCodeAt((at += 1)));
  }
  return text.length;
}

/**
 * @param {string} text
 * @param {number} at
 * @returns {number} the place behind white space
 */
function spaceAfter(text, at) {
  let end = at;
  while (text.charCodeAt(end) <= SPACE) end += 1;
  return end;
}
