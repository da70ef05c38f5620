// Parts of a board in words, for who chooses between two of them. Pure.

import { windowText } from "../tiles/words.js";

const LONGEST = 300; // characters

/** @type {Record<string, string>} */
const AUDIENCES = { private: "nobody else", groups: "groups", everyone: "everyone" };

/**
 * @param {string} part of a board or a tile; `place` is where a tile stands, `tile` the whole of one
 * @param {any} value undefined where there is none
 * @param {any} [other] with which it is compared: of options only what differs is said
 * @returns {string}
 */
export function spoken(part, value, other) {
  const words = value === undefined ? "not there" : wordsOf(part, value, other);
  return words.length > LONGEST ? `${words.slice(0, LONGEST)}…` : words;
}

/**
 * @param {string} part
 * @param {any} value
 * @param {any} other
 * @returns {string}
 */
function wordsOf(part, value, other) {
  switch (part) {
    case "window":
      return "from" in value ? `${new Date(value.from).toISOString()} – ${new Date(value.to).toISOString()}` : windowText(value);
    case "sharing":
      return [`seen by ${AUDIENCES[value.read]}, changed by ${AUDIENCES[value.edit]}`, ...value.groups].join(", ");
    case "place":
      return `column ${value.x + 1}, row ${value.y + 1}, ${value.w} wide, ${value.h} high`;
    case "tile":
      return "there";
    case "options":
      return Object.keys({ ...value, ...other }).filter((name) => plain(value[name]) !== plain(other?.[name])).map((name) => `${name}: ${plain(value[name])}`).join("; ");
    default:
      return plain(value);
  }
}

/** @param {unknown} value @returns {string} */
function plain(value) {
  if (value === null || value === undefined || value === "") return "none";
  if (Array.isArray(value)) return value.map(plain).join(", ") || "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
