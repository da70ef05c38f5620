// What a page knows of the filter language (docs/protocol.md, "Filters"): which text is one, how conditions are written
// and joined, which texts a filter looks for. Whether a filter is right, and what it does, only the server knows. Pure
// functions.

/**
 * @typedef {import("../live/json.js").Leaf} Leaf
 * @typedef {{ kind: "text" | "name" | "number" | "sign" | "comment", source: string, at: number }} Token
 */

/** What every record has, for filters. */
export const NAMES = ["value", "key", "headers", "topic", "partition", "offset", "timestamp", "size", "format"];
const FUNCTIONS = ["text", "has", "size", "int", "double", "string", "timestamp", "duration"];
const METHODS = ["startsWith", "endsWith", "contains", "matches", "lowerAscii", "exists", "exists_one", "all", "filter", "map", "size"];
// Functions whose texts are looked for in the record as they stand there.
const LOOKING = new Set(["text", "contains", "startsWith", "endsWith"]);
// A text longer than this is compared by its beginning: a condition is read by people.
const LONGEST_LITERAL = 120;
// A filter may hold numbers of so many digits, and whole ones between these.
const DIGITS = 40;
const [SMALLEST, LARGEST] = [-(2n ** 63n), 2n ** 63n - 1n];
// More texts than this are not looked for in a row.
const MOST_MARKS = 24;

const SPACE = /(?:[ \t\n\f\r])+/y;
const TOKENS =
  /(?<comment>\/\/[^\n]*)|(?<text>[rR]?(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<name>[A-Za-z_]\w*)|(?<number>0x[\da-fA-F]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<sign>==|!=|<=|>=|&&|\|\||[^])/y;

/**
 * @param {string} text as it is typed, complete or not
 * @returns {Token[]} without the white space between them; a text that is not closed yet goes to the end
 */
export function tokensOf(text) {
  /** @type {Token[]} */
  const found = [];
  for (let at = 0; at < text.length; ) {
    SPACE.lastIndex = at;
    at += SPACE.exec(text)?.[0].length ?? 0;
    TOKENS.lastIndex = at;
    const match = TOKENS.exec(text);
    if (!match) break;
    const kind = Object.entries(match.groups ?? {}).find(([, source]) => source !== undefined)?.[0];
    found.push({ kind: /** @type {Token["kind"]} */ (kind), source: match[0], at });
    at += match[0].length;
  }
  return found;
}

const names = NAMES.join("|");
// On a text whose own texts are emptied: a comparison with something on both sides, one of a record's names with what
// can only follow it in a filter, or a call of a function of the language.
const EXPRESSION = new RegExp(
  [
    String.raw`\S\s*(?:==|!=|<=|>=|&&|\|\|)\s*\S`,
    String.raw`(?<![\w.])(?:${names})\s*[.[<>=!]`,
    String.raw`(?<![\w.])(?:${names})\s+in\s*[[\w]`,
    String.raw`["']\s+in\s+(?:${names})\b`,
    String.raw`(?<![\w.])(?:${FUNCTIONS.join("|")})\(`,
    String.raw`\.(?:${METHODS.join("|")})\(`,
  ].join("|"),
);

/**
 * How a text in the field is read. Words are looked for in the records that the tab holds; a filter goes to the server.
 *
 * @param {string} text
 * @returns {"words" | "filter"}
 */
export function readAs(text) {
  const emptied = tokensOf(text).some(({ kind }) => kind === "text")
    ? text.replace(/[rR]?"(?:\\.|[^"\\])*"?|[rR]?'(?:\\.|[^'\\])*'?/g, '""')
    : text;
  return EXPRESSION.test(emptied) ? "filter" : "words";
}

const ESCAPED = /["\\\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]/g;
/** @type {Record<string, string>} */
const SHORT = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * @param {string} text
 * @returns {string} the same as a text of the language
 */
export function quoted(text) {
  const escape = (/** @type {string} */ sign) => SHORT[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${text.replace(ESCAPED, escape)}"`;
}

const PLAIN = /^[A-Za-z_]\w*$/;
const RESERVED = new Set(["true", "false", "null", "in"]);

/**
 * @param {string} name of a field
 * @returns {string} how it follows what it is a field of
 */
export function fieldOf(name) {
  return PLAIN.test(name) && !RESERVED.has(name) ? `.${name}` : `[${quoted(name)}]`;
}

/**
 * @param {Pick<Leaf, "string" | "json">} leaf
 * @returns {string | null} it as a literal, digit for digit; null where the language has none for it
 */
export function literalOf({ string, json }) {
  if (string !== null) return quoted(string);
  if (json === "true" || json === "false" || json === "null") return json;
  if (!/^-?\d/.test(json)) return null;
  if (!Number.isFinite(Number(json)) || json.replace(/\D/g, "").length > DIGITS) return null;
  const isTooLarge = /^-?\d+$/.test(json) && (BigInt(json) < SMALLEST || BigInt(json) > LARGEST);
  return isTooLarge ? null : json;
}

/**
 * @param {string} path a place in the record, as the language writes it
 * @param {Pick<Leaf, "string" | "json">} leaf what stands there
 * @param {boolean} isNot whether records that have it are left out
 * @returns {string | null}
 */
export function conditionOf(path, leaf, isNot) {
  if (leaf.string !== null && leaf.string.length > LONGEST_LITERAL) {
    const beginning = [...leaf.string].slice(0, LONGEST_LITERAL).join("");
    return `${isNot ? "!" : ""}${path}.startsWith(${quoted(beginning)})`;
  }
  const literal = literalOf(leaf);
  return literal === null ? null : `${path} ${isNot ? "!=" : "=="} ${literal}`;
}

const INNER = ["each", "part"]; // as many loops as the language lets stand in each other

/**
 * @param {(string | number)[]} steps that lead to it in a value: names, and places in lists
 * @param {Pick<Leaf, "string" | "json">} leaf
 * @param {boolean} isNot
 * @returns {string | null} a condition; what stands in a list may stand at any place of it
 */
export function valueCondition(steps, leaf, isNot) {
  /** @type {{ over: string, name: string }[]} */
  const loops = [];
  let path = "value";
  for (const step of steps) {
    if (typeof step === "string") path += fieldOf(step);
    else {
      const name = INNER[loops.length];
      if (name === undefined) return null;
      loops.push({ over: path, name });
      path = name;
    }
  }
  const inner = conditionOf(path, leaf, isNot && loops.length === 0);
  if (inner === null) return null;
  const whole = loops.reduceRight((condition, { over, name }) => `${over}.exists(${name}, ${condition})`, inner);
  return isNot && loops.length > 0 ? `!${whole}` : whole;
}

/**
 * @param {string} words as they were typed
 * @returns {string} a filter that looks for each of them
 */
export function wordsFilter(words) {
  return `text(${quoted(words.trim())})`;
}

/**
 * @param {{ text: string, key: string | null }} asked as the field and the address have it
 * @returns {string} the one filter that says all of it; "" for everything
 */
export function filterOf({ text, key }) {
  const typed = text.trim();
  const conditions = typed === "" ? [] : [readAs(typed) === "filter" ? typed : wordsFilter(typed)];
  if (key !== null) conditions.unshift(`key == ${quoted(key)}`);
  return conditions.reduce((joined, condition) => joinedWith(joined, condition), "");
}

/**
 * @param {string} text of the field: words, a filter or nothing
 * @param {string} condition that has to hold besides
 * @returns {string} a filter. A condition that stands there already is not added, its opposite gives way
 */
export function joinedWith(text, condition) {
  const typed = withoutComments(text).trim();
  if (typed === "") return condition;
  if (readAs(typed) === "words") return `${wordsFilter(typed)} && ${condition}`;
  const parts = partsOf(typed);
  if (parts === null) return `(${typed}) && ${closed(condition)}`;
  const staying = parts.filter((part) => part !== condition && part !== oppositeOf(condition));
  return [...staying, closed(condition)].join(" && ");
}

/** @param {string} text */
function withoutComments(text) {
  const comments = tokensOf(text).filter(({ kind }) => kind === "comment");
  return comments.reduceRight((left, { at, source }) => left.slice(0, at) + left.slice(at + source.length), text);
}

/** @param {string} condition in parentheses where it would not hold together */
function closed(condition) {
  return partsOf(condition) === null ? `(${condition})` : condition;
}

/**
 * @param {string} filter
 * @returns {string[] | null} the conditions that `&&` joins; null where `||` or `?` stands between them
 */
function partsOf(filter) {
  /** @type {string[]} */
  const parts = [];
  let depth = 0;
  let from = 0;
  for (const { kind, source, at } of tokensOf(filter)) {
    if (kind !== "sign") continue;
    if ("([{".includes(source)) depth += 1;
    if (")]}".includes(source)) depth -= 1;
    if (depth === 0 && (source === "||" || source === "?")) return null;
    if (depth === 0 && source === "&&") {
      parts.push(filter.slice(from, at).trim());
      from = at + source.length;
    }
  }
  return [...parts, filter.slice(from).trim()];
}

/** @param {string} condition as written here */
function oppositeOf(condition) {
  if (condition.startsWith("!")) return condition.slice(1);
  const sign = tokensOf(condition).find(({ source }) => source === "==" || source === "!=");
  if (!sign || condition.includes(".exists(")) return `!${condition}`;
  const opposite = sign.source === "==" ? "!=" : "==";
  return condition.slice(0, sign.at) + opposite + condition.slice(sign.at + sign.source.length);
}

/**
 * What is looked for, to be marked where it stands.
 *
 * @param {string} text words or a filter
 * @returns {RegExp | null} that finds it in any case; null when there is nothing to mark
 */
export function marksOf(text) {
  const found = readAs(text) === "filter" ? literalsIn(text) : wordsIn(text);
  const texts = [...new Set(found)].filter((each) => each.trim() !== "").slice(0, MOST_MARKS);
  if (texts.length === 0) return null;
  texts.sort((a, b) => b.length - a.length);
  return new RegExp(texts.map((each) => (NUMBER.test(each) ? `(?<![\\w.])${escaped(each)}(?![\\w.])` : escaped(each))).join("|"), "giu");
}

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** @param {string} text for a pattern */
function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

/** @param {string} words */
function wordsIn(words) {
  // `name:text` finds a field; the name and the text do not stand beside each other in a row.
  return words.split(/\s+/).map((word) => /^[\w.-]+:(?<text>\D.*)$/.exec(word)?.groups?.["text"] ?? word);
}

/**
 * @param {string} filter
 * @returns {string[]} texts and numbers that a record has to have
 */
function literalsIn(filter) {
  const tokens = tokensOf(filter).filter(({ kind }) => kind !== "comment");
  /** @type {string[]} */
  const found = [];
  /** @type {string[]} the call or bracket that is open, the innermost last */
  const open = [];
  tokens.forEach(({ kind, source }, index) => {
    const before = tokens[index - 1];
    if (kind === "sign" && (source === "(" || source === "[")) {
      const isIndex = source === "[" && (before?.kind === "name" || before?.source === "]" || before?.source === ")") && before.source !== "in";
      open.push(source === "(" ? (before?.kind === "name" ? before.source : "(") : isIndex ? "index" : before?.source === "in" ? "in" : "[");
    } else if (kind === "sign" && (source === ")" || source === "]")) open.pop();
    else if (kind === "text" || kind === "number") {
      const inside = open.at(-1) ?? "";
      const isEqual = before?.source === "==" || tokens[index + 1]?.source === "==";
      if (inside === "index" || !(LOOKING.has(inside) || inside === "in" || isEqual || tokens[index + 1]?.source === "in")) return;
      const said = kind === "text" ? unquoted(source) : source;
      found.push(...(inside === "text" ? wordsIn(said) : [said]));
    }
  });
  return found;
}

/**
 * @param {string} source of a text of the language
 * @returns {string} what it says
 */
export function unquoted(source) {
  const raw = /^[rR]/.test(source);
  const bare = source.replace(/^[rR]/, "");
  const quote = /^("""|'''|"|')/.exec(bare)?.[0] ?? '"';
  const inner = bare.slice(quote.length, bare.length > quote.length && bare.endsWith(quote) ? -quote.length : undefined);
  return raw ? inner : inner.replace(/\\(?:u([\da-fA-F]{4})|x([\da-fA-F]{2})|([^]))/g, unescaped);
}

/**
 * @param {string} _
 * @param {string | undefined} four
 * @param {string | undefined} two
 * @param {string} sign
 */
function unescaped(_, four, two, sign) {
  const code = four ?? two;
  if (code !== undefined) return String.fromCharCode(parseInt(code, 16));
  return { n: "\n", r: "\r", t: "\t" }[sign] ?? sign;
}
