// Bytes as people read them: offset, hex digits, and what of them is ASCII. Each line is made when it is asked for.

import { MOST_MATCHES } from "./long_text.js";

const LEAST_A_LINE = 4;
const MOST_A_LINE = 16;
const OFFSET_DIGITS = 4;
// What a line has besides three characters a byte for the digits and one for the text: two double spaces, less one.
const BETWEEN = 3;

/**
 * @param {string} base64
 * @returns {Uint8Array}
 */
export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/**
 * @param {number} byte
 * @returns {string} two digits
 */
const digitsOf = (byte) => byte.toString(16).padStart(2, "0");

/** Lines of a hex dump; as a source of `LongText` (long_text.js). */
export class HexLines {
  #bytes;
  #each;
  #offsetDigits;

  /**
   * @param {Uint8Array} bytes
   * @param {number} columns characters that a line has room for
   */
  constructor(bytes, columns) {
    this.#bytes = bytes;
    this.#offsetDigits = Math.max(OFFSET_DIGITS, bytes.length.toString(16).length);
    const room = Math.floor((columns - this.#offsetDigits - BETWEEN) / 4);
    this.#each = Math.max(LEAST_A_LINE, Math.min(MOST_A_LINE, room - (room % LEAST_A_LINE)));
  }

  get count() {
    return Math.ceil(this.#bytes.length / this.#each);
  }

  get #length() {
    return this.#offsetDigits + BETWEEN + 4 * this.#each;
  }

  /** @param {number} index */
  line(index) {
    const from = index * this.#each;
    const line = [...this.#bytes.subarray(from, from + this.#each)];
    const text = line.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    const offset = from.toString(16).padStart(this.#offsetDigits, "0");
    return `${offset}  ${line.map(digitsOf).join(" ").padEnd(this.#each * 3 - 1)}  ${text}`;
  }

  /** @param {number} index */
  startOf(index) {
    return index * (this.#length + 1);
  }

  /** @param {number} place */
  lineAt(place) {
    return Math.floor(place / (this.#length + 1));
  }

  /**
   * @param {string} query hex digits, whole bytes, with or without spaces; else a text, as UTF-8
   * @returns {import("./long_text.js").Match[]} of each byte sequence that is found its part in the first line
   */
  matches(query) {
    const wanted = wantedBytes(query);
    /** @type {import("./long_text.js").Match[]} */
    const found = [];
    if (wanted.length === 0) return found;
    const first = wanted[0] ?? 0;
    for (let at = this.#bytes.indexOf(first); at >= 0; at = this.#bytes.indexOf(first, at + 1)) {
      if (!wanted.every((byte, index) => this.#bytes[at + index] === byte)) continue;
      const column = at % this.#each;
      const length = Math.min(wanted.length, this.#each - column);
      const from = this.startOf(Math.floor(at / this.#each)) + this.#offsetDigits + 2 + column * 3;
      found.push([from, from + length * 3 - 1]);
      if (found.length === MOST_MATCHES) break;
    }
    return found;
  }
}

/** @param {string} query */
function wantedBytes(query) {
  const digits = query.replace(/\s/g, "");
  if (digits !== "" && digits.length % 2 === 0 && /^[\da-f]+$/i.test(digits)) {
    return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  }
  return new TextEncoder().encode(query);
}
