// Which part of a topic is meant: all of it, the last hours, from one time to another, offsets of a partition, or what
// follows a time or an offset. What the form says, as the search API wants it. Pure functions.

import { grouped } from "../page/format.js";

/**
 * @typedef {"all" | "hour" | "day" | "time" | "offsets" | "at"} Where
 *
 * @typedef {object} Said as it stands in the form
 * @property {Where} where
 * @property {string} from date and time, or an offset; "" for the beginning; where it is `at`, a place as `placeOf` reads it
 * @property {string} to likewise, "" for the end
 * @property {string} partition
 * @property {boolean} [isUtc] whether times are in UTC, else they are local
 *
 * @typedef {Pick<import("../record/search_api.js").Asked, "from" | "to" | "partitions">} Bounds
 * @typedef {{ timestamp: number } | { partition: number, offset: number }} Place
 */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What the form says cannot be used; in words for people. */
export class NoSuchPart extends Error {}

/**
 * @param {Said} said
 * @param {number} now ms
 * @returns {Bounds}
 * @throws {NoSuchPart}
 */
export function boundsOf({ where, from, to, partition, isUtc = false }, now) {
  if (where === "hour") return { from: { timestamp: now - HOUR_MS } };
  if (where === "day") return { from: { timestamp: now - DAY_MS } };
  if (where === "offsets") return offsetsOf(partition, from, to);
  if (where === "time") return timesOf(from, to, isUtc);
  if (where === "at") {
    const place = placeOf(from, now, isUtc);
    if ("timestamp" in place) return { from: place };
    return { partitions: [place.partition], from: { positions: { [place.partition]: place.offset } } };
  }
  return {};
}

const OFFSET = /^(?:p(?:artition)?\s*)?(\d{1,10})\s*[:/,]\s*(?:offset\s*)?(\d{1,15})$/i;
const CLOCK = /^(?:(today|yesterday)\s+(?:at\s+)?)?(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,3}))?)?$/i;
const AGO = /^[-−]\s*(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d)$/i;
const DATE = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?\s*(Z|UTC)?$/i;
const MS = /^\d{12,15}$/;
/** @type {Record<string, number>} */
const UNITS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, min: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/**
 * @param {string} text a time (`14:03:22.118`, `yesterday 14:00`, `2026-01-31 12:00 UTC`, `-15m`, milliseconds since 1970)
 *   or a partition and an offset (`2:18402`; `p14:30`, since `14:30` is a time)
 * @param {number} now ms
 * @param {boolean} isUtc whether times without a zone are in UTC, else they are local
 * @returns {Place}
 * @throws {NoSuchPart}
 */
export function placeOf(text, now, isUtc) {
  const typed = text.trim();
  const place = timeIn(typed, now, isUtc);
  if (place !== null && !Number.isNaN(place)) return { timestamp: Math.max(0, Math.round(place)) };
  const [, partition, offset] = OFFSET.exec(typed) ?? [];
  if (place === null && partition !== undefined && offset !== undefined) return { partition: Number(partition), offset: Number(offset) };
  throw new NoSuchPart("Write a time (14:03:22, yesterday 14:00, 2026-01-31 12:00, -15m) or a partition and an offset (2:18402).");
}

/**
 * @param {Place} place that was gone to
 * @param {import("../live/protocol.js").Range[]} ranges that Kafka has from there on
 * @param {number | null} first the offset of the first record that was found there; null while none was
 * @param {boolean} isFiltered
 * @returns {string} what stands there instead of a record, and which one is the next; "" where there is nothing to be said
 */
export function placeSentence(place, ranges, first, isFiltered) {
  if ("timestamp" in place) return ranges.length === 0 ? "No record is of that time or later." : "";
  const { partition, offset } = place;
  const range = ranges.find((each) => each.partition === partition);
  if (!range) return `Partition ${partition} does not reach offset ${grouped(offset)} yet.`;
  const next = first === null ? "" : ` The next ${isFiltered ? "match" : "record"} is ${partition}:${grouped(first)}.`;
  if (range.from > offset) return `Retention took offset ${grouped(offset)} of partition ${partition}.${next}`;
  if (first === null || first === offset) return "";
  return (isFiltered ? `What stands at offset ${grouped(offset)} does not match.` : `No record stands at offset ${grouped(offset)}: compaction took it, or it was none of a record.`) + next;
}

/**
 * @param {{ partition: number, offset: number }} place
 * @returns {string} as `placeOf` reads it, in an address, too: `12:30` alone would be a time
 */
export function placeText({ partition, offset }) {
  return `p${partition}:${offset}`;
}

/**
 * @param {string} text
 * @param {number} now
 * @param {boolean} isUtc
 * @returns {number | null} ms; NaN for a time that there is not, null for what is none
 */
function timeIn(text, now, isUtc) {
  if (MS.test(text)) return Number(text);
  const [, amount, unit] = AGO.exec(text) ?? [];
  if (amount !== undefined && unit !== undefined) return now - Number(amount) * (UNITS[unit.toLowerCase()] ?? NaN);
  const [, date, time = "00:00", zone] = DATE.exec(text) ?? [];
  if (date !== undefined) return new Date(`${date}T${time}${zone || isUtc ? "Z" : ""}`).getTime();
  const clock = CLOCK.exec(text);
  if (!clock) return null;
  const [hour = 0, minute = 0, second = 0] = clock.slice(2, 5).map((digits) => Number(digits ?? 0));
  const ms = Number((clock[5] ?? "0").padEnd(3, "0"));
  if (hour > 23 || minute > 59 || second > 59) return clock[1] || clock[4] ? NaN : null; // 99:30 is an offset
  const day = new Date(now);
  const daysAgo = clock[1]?.toLowerCase() === "yesterday" ? 1 : 0;
  if (isUtc) return Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() - daysAgo, hour, minute, second, ms);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - daysAgo, hour, minute, second, ms).getTime();
}

/**
 * @param {string} from
 * @param {string} to
 * @param {boolean} isUtc
 * @returns {Bounds}
 */
function timesOf(from, to, isUtc) {
  const [first, last] = [from, to].map((text) => (text === "" ? null : new Date(isUtc ? `${text}Z` : text).getTime()));
  if (first === null && last === null) throw new NoSuchPart("Say from when, or until when.");
  if (Number.isNaN(first) || Number.isNaN(last)) throw new NoSuchPart("That is no time.");
  if (typeof first === "number" && typeof last === "number" && first >= last) throw new NoSuchPart("It ends before it begins.");
  return {
    ...(typeof first === "number" && { from: { timestamp: first } }),
    ...(typeof last === "number" && { to: { timestamp: last } }),
  };
}

/**
 * @param {number} ms since 1970
 * @param {boolean} isUtc
 * @returns {string} as a field for a date and a time holds it, to the millisecond
 */
export function fieldTime(ms, isUtc) {
  const shift = isUtc ? 0 : new Date(ms).getTimezoneOffset() * MINUTE_MS;
  return new Date(ms - shift).toISOString().slice(0, -1);
}

/**
 * @param {string} partition
 * @param {string} from
 * @param {string} to
 * @returns {Bounds}
 */
function offsetsOf(partition, from, to) {
  const whole = (/** @type {string} */ text) => /^\d{1,15}$/.test(text.trim());
  if (!whole(partition)) throw new NoSuchPart("Say which partition: a number, 0 for the first.");
  if (from !== "" && !whole(from)) throw new NoSuchPart("From which offset: a whole number, or nothing for the first.");
  if (to !== "" && !whole(to)) throw new NoSuchPart("Up to which offset: a whole number, or nothing for the last.");
  const number = Number(partition);
  const at = (/** @type {string} */ text) => ({ positions: { [number]: Number(text) } });
  if (from !== "" && to !== "" && Number(from) >= Number(to)) throw new NoSuchPart("It ends before it begins.");
  return { partitions: [number], ...(from !== "" && { from: at(from) }), ...(to !== "" && { to: at(to) }) };
}
