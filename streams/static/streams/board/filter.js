// What the board is asked to find: words that occur in the records it holds, one key exactly, or a filter of the server's
// language. It stands in the address, so that it survives a reload and other pages can link to it. Pure functions.

import { readAs } from "../record/expression.js";
import { Source, leavesOf } from "../live/json.js";
import { counted, grouped, sinceClock } from "../page/format.js";
import { formatsOf, headersOf } from "../live/protocol.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {{ text: string, key: string | null }} Filter text: each of its words has to occur, in any case, or it is a
 *   filter for the server; key: exactly this one, null for any
 *
 * @typedef {object} Sifted what the server's filter did
 * @property {import("../live/protocol.js").Subscribed["last"] | null} last the past that the stream began with, where it
 *   began with the newest
 * @property {number} since ms, when it began
 * @property {number} records that came since then, whether or not they match
 * @property {import("../live/protocol.js").Outcomes} outcomes of those
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
 * @param {string} search of an address
 * @returns {import("../live/protocol.js").Formats} by which the topic is to be read; {}: by its own
 */
export function formatsIn(search) {
  const asked = new URLSearchParams(search);
  return formatsOf({ value_format: asked.get("value_format"), key_format: asked.get("key_format") });
}

/**
 * @param {import("../live/protocol.js").Formats} formats
 * @returns {string} in words for people; "" where they are the topic's
 */
export function formatsSentence({ value_format: value, key_format: key }) {
  const said = [value && `values as ${value}`, key && `keys as ${key}`].filter(Boolean).join(", ");
  return said && `Only for you: ${said}.`;
}

/**
 * @param {string} href
 * @param {import("../live/protocol.js").Formats} formats
 * @returns {string} the same address with those formats
 */
export function addressReadAs(href, formats) {
  const address = new URL(href);
  for (const name of /** @type {const} */ (["value_format", "key_format"])) {
    if (formats[name]) address.searchParams.set(name, formats[name]);
    else address.searchParams.delete(name);
  }
  return address.href;
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

/**
 * @param {Filter} filter
 * @returns {string} what of it the server looks for; "" where that is everything
 */
export function serversPart({ text }) {
  return readAs(text) === "filter" ? text.trim() : "";
}

/** @param {Filter} filter whether the tab itself leaves anything out of what comes */
export function isSifting(filter) {
  return filter.key !== null || (filter.text.trim() !== "" && serversPart(filter) === "");
}

/** @param {Filter} filter whether it leaves anything out */
export function isNarrow({ text, key }) {
  return key !== null || text.trim() !== "";
}

/**
 * @param {Filter} filter
 * @returns {(entry: Entry) => boolean} whether it fits, as far as that is the tab's to say: of a filter for the server only
 *   what matches comes. Gaps and notes always fit: what is missing stays in sight
 */
export function fitting({ text, key }) {
  const words = readAs(text) === "filter" ? [] : text.toLowerCase().split(/\s+/).filter(Boolean);
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

/**
 * @param {Sifted} sifted
 * @param {number} now ms
 * @returns {string} what the server looked at, what came of it, and what it did not look at
 */
export function siftedSentence({ last, since, records, outcomes }, now) {
  const { matched, failed, unchecked } = outcomes;
  const when = `Since ${sinceClock(since, now)}`;
  const live = records === 0 ? `${when} no record came.` : [
    `${when} ${grouped(matched)} of ${counted(records, "record")} ${matched === 1 ? "matches" : "match"}`,
    failed > 0 ? `, ${grouped(failed)} failed` : "",
    unchecked > 0 ? `, ${grouped(unchecked)} ${unchecked === 1 ? "was" : "were"} too large to look into` : "",
    ".",
  ].join("");
  return last ? `${live} ${pastSentence(last)}` : live;
}

/** @param {NonNullable<Sifted["last"]>} last */
function pastSentence({ records, stopped }) {
  const fit = `${grouped(records)} ${records === 1 ? "matches" : "match"}`;
  if (stopped === "beginning") return `Before that ${fit}, since the beginning of the topic.`;
  if (stopped === "enough") return `Before that the newest ${grouped(records)} that match; older ones are in history.`;
  return `Before that ${fit}, as far back as the server looked at once; older ones are in history.`;
}
