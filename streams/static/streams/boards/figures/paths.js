// Fields of a record by their path, written as in filters: `value.a["b-c"].items[0].x`, `key`, `headers.x`, `size`.

import { Source, compact } from "../../live/json.js";
import { numberOf } from "./numbers.js";

/**
 * @typedef {import("../../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {{ text: string, root: Root, steps: (string | number)[] }} Path
 * @typedef {"value" | "key" | "headers" | "topic" | "partition" | "offset" | "timestamp" | "size"} Root
 */

/** @type {readonly string[]} */
const ROOTS = ["value", "key", "headers", "topic", "partition", "offset", "timestamp", "size"];
const NAME = /[\p{L}_$][\p{L}\p{N}_$]*/u;
const STEP = /\.([\p{L}_$][\p{L}\p{N}_$]*)|\[(\d{1,9})\]|\[("(?:[^"\\]|\\.)*")\]/uy;
// What JSON consists of; white space is between the parts.
const PART = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gy;
const SPACE = /\s*/y;

export class BadPath extends Error {}

/**
 * @param {string} text
 * @returns {Path}
 * @throws {BadPath} in a sentence
 */
export function pathOf(text) {
  const root = NAME.exec(text)?.[0] ?? "";
  if (!text.startsWith(root) || !ROOTS.includes(root)) {
    throw new BadPath(`“${text}” names no field: write value.name, key, headers.name, size, offset, timestamp or partition.`);
  }
  /** @type {(string | number)[]} */
  const steps = [];
  STEP.lastIndex = root.length;
  for (let end = root.length; end < text.length; end = STEP.lastIndex) {
    const match = STEP.exec(text);
    if (!match) throw new BadPath(`“${text}” cannot be read from its character ${end + 1} on; names with other signs are written ["like this"].`);
    const [, name, index, quoted] = match;
    steps.push(name ?? (index === undefined ? quotedName(quoted ?? '""', text) : Number(index)));
  }
  if (steps.length > 0 && root !== "value" && root !== "headers") throw new BadPath(`“${root}” has no fields of its own.`);
  return { text, root: /** @type {Root} */ (root), steps };
}

/**
 * @param {string} quoted
 * @param {string} text
 */
function quotedName(quoted, text) {
  try {
    return String(JSON.parse(quoted));
  } catch {
    throw new BadPath(`“${text}” has a name that is not written as JSON writes it.`);
  }
}

/**
 * @param {string} root
 * @param {(string | number)[]} steps
 * @returns {string} the path as it is written
 */
export function writtenPath(root, steps) {
  const isName = (/** @type {string} */ step) => NAME.exec(step)?.[0] === step;
  const written = steps.map((step) => {
    if (typeof step === "number") return `[${step}]`;
    return isName(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
  });
  return root + written.join("");
}

/** A record whose fields are asked for; its value is parsed once, however many ask. */
export class Fields {
  /** @type {unknown} */
  #document;
  #isParsed = false;

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {KafkaRecord} record
   */
  constructor(topic, partition, record) {
    this.topic = topic;
    this.partition = partition;
    this.record = record;
  }

  /**
   * @param {Path} path
   * @returns {unknown} undefined when it is absent; a number as a Num; lists and objects as JSON.parse makes them
   */
  at({ root, steps }) {
    const { record } = this;
    switch (root) {
      case "value":
        return this.#inValue(steps);
      case "headers": {
        const [name] = steps;
        const found = typeof name === "string" && steps.length === 1 && Object.hasOwn(record.headers, name) ? record.headers[name] : undefined;
        return typeof found === "string" ? found : undefined;
      }
      case "key":
        return record.key_encoding ? undefined : (record.key ?? undefined);
      case "timestamp":
        return typeof record.timestamp === "string" ? numberOf(record.timestamp) : (record.timestamp ?? undefined);
      case "topic":
        return this.topic;
      case "partition":
        return this.partition;
      case "offset":
        return record.offset;
      case "size":
        return record.encoding === "none" ? undefined : record.size;
    }
  }

  /**
   * @param {Path} path to a list or an object in the value
   * @returns {string} its JSON with the digits that the record has, without white space between its parts
   */
  jsonAt({ steps }) {
    const { value } = this.record;
    return value instanceof Source ? compact(sourceAt(value.text, steps)) : JSON.stringify(value);
  }

  /** @returns {unknown} the whole value, parsed */
  get document() {
    if (!this.#isParsed) {
      this.#isParsed = true;
      const { value } = this.record;
      this.#document = value instanceof Source ? JSON.parse(value.text) : (value ?? undefined);
    }
    return this.#document;
  }

  /** @param {(string | number)[]} steps */
  #inValue(steps) {
    /** @type {any} */
    let found = this.document;
    for (const step of steps) {
      if (found === null || typeof found !== "object") return undefined;
      const fits = Array.isArray(found) ? typeof step === "number" : typeof step === "string";
      if (!fits || !Object.hasOwn(found, step)) return undefined;
      found = found[step];
    }
    const { value } = this.record;
    const isLong = typeof found === "number" && Math.abs(found) > Number.MAX_SAFE_INTEGER;
    return isLong && value instanceof Source ? numberOf(sourceAt(value.text, steps)) : found;
  }
}

/**
 * @param {string} text JSON
 * @param {(string | number)[]} steps to something that is there
 * @returns {string} its source; of names that stand there twice the last, as JSON.parse takes them
 */
export function sourceAt(text, steps) {
  let source = text;
  for (const step of steps) source = memberOf(source, step);
  return source.trim();
}

/**
 * @param {string} text of an object or a list
 * @param {string | number} step
 */
function memberOf(text, step) {
  let at = skipSpace(text, 0) + 1;
  let found = "";
  for (let index = 0; ; index += 1) {
    /** @type {string | number} */
    let name = index;
    if (typeof step === "string") {
      const start = skipSpace(text, at);
      at = endOfPart(text, start);
      name = String(JSON.parse(text.slice(start, at)));
      at = skipSpace(text, at) + 1; // the colon
    }
    const start = skipSpace(text, at);
    at = endOfMember(text, start);
    if (name === step) found = text.slice(start, at);
    if (name === step && typeof step === "number") return found;
    at = skipSpace(text, at);
    if (text[at] !== ",") return found;
    at += 1;
  }
}

/**
 * @param {string} text
 * @param {number} at
 */
function skipSpace(text, at) {
  SPACE.lastIndex = at;
  SPACE.exec(text);
  return SPACE.lastIndex;
}

/**
 * @param {string} text
 * @param {number} at
 */
function endOfPart(text, at) {
  PART.lastIndex = at;
  PART.exec(text);
  return PART.lastIndex;
}

/**
 * @param {string} text
 * @param {number} start of a value
 * @returns {number} the place behind it
 */
function endOfMember(text, start) {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const sign = text[at] ?? "";
    at = endOfPart(text, at);
    if (sign === "{" || sign === "[") depth += 1;
    if (sign === "}" || sign === "]") depth -= 1;
    if (depth === 0) return at;
    at = skipSpace(text, at);
  }
  return text.length;
}
