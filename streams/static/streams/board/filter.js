// What the board is asked to find among its records: words that occur, or one key exactly. It stands in the address, so
// that it survives a reload and other pages can link to it. Pure functions.

import { Source, leavesOf } from "../live/json.js";
import { counted, grouped } from "../page/format.js";
import { headersOf } from "../live/protocol.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {{ text: string, key: string | null }} Filter text: each of its words has to occur, in any case; key: exactly
 *   this one, null for any
 */

/** @type {Filter} */
export const EVERYTHING = { text: "", key: null };

/**
 * @param {string} search of an address
 * @returns {Filter}
 */
export function filterIn(search) {
  const asked = new URLSearchParams(search);
  return { text: asked.get("filter") ?? "", key: asked.get("key") };
}

/**
 * @param {string} href
 * @param {Filter} filter
 * @returns {string} the same address with that filter
 */
export function addressWith(href, { text, key }) {
  const address = new URL(href);
  for (const [name, value] of [["filter", text.trim() || null], ["key", key]]) {
    if (name && value !== null && value !== undefined) address.searchParams.set(name, value);
    else if (name) address.searchParams.delete(name);
  }
  return address.href;
}

/** @param {Filter} filter whether it leaves anything out */
export function isNarrow({ text, key }) {
  return key !== null || text.trim() !== "";
}

/**
 * @param {Filter} filter
 * @returns {(entry: Entry) => boolean} gaps and notes always fit: what is missing stays in sight
 */
export function fitting({ text, key }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return (entry) => {
    if (entry.kind !== "record") return true;
    if (key !== null && entry.record.key !== key) return false;
    if (words.length === 0) return true;
    const searched = (entry.searchText ??= searchTextOf(entry));
    return words.every((word) => searched.includes(word));
  };
}

/**
 * What is searched is what is shown: rows write `name: text`, the detail writes JSON, and headers stand there too.
 *
 * @param {import("./row.js").RecordEntry} entry
 */
function searchTextOf({ partition, record, event }) {
  const said = [`${partition}:${record.offset}`, record.key ?? "", event?.happened ?? ""];
  if (record.value instanceof Source) {
    said.push(record.value.text);
    for (const { name, string, json } of leavesOf(record.value, { intoLists: true })) {
      const text = string ?? json;
      said.push(name ? `${name}: ${text} ${name}:${text}` : text);
    }
  } else if (typeof record.value === "string") said.push(record.value);
  for (const [name, value] of headersOf(record)) {
    const text = value === null ? "null" : typeof value === "string" ? value || "empty" : `base64 ${value.base64}`;
    said.push(`${name}: ${text} ${name}:${text}`);
  }
  return said.join(" ").toLowerCase();
}

/**
 * @param {{ shown: number, searched: number, isFull: boolean }} found isFull: more would fit than there are rows
 * @returns {string} how much was looked through, and what was not
 */
export function foundSentence({ shown, searched, isFull }) {
  if (searched === 0) return "";
  const looked = isFull
    ? `The newest ${grouped(shown)} that fit, of ${grouped(searched)} records searched.`
    : `${grouped(shown)} of the newest ${counted(searched, "record")} ${shown === 1 ? "fits" : "fit"}.`;
  return `${looked} Nothing older is searched.`;
}
