// What a search looked at, and what it did not: offsets, exactly, and the sentence for people. Pure functions.

import { counted, grouped } from "../page/format.js";

// Ranges that a sentence names before it only counts them.
const NAMED = 3;

/**
 * @typedef {import("../live/protocol.js").Range} Range
 *
 * @typedef {object} Looked
 * @property {Range[]} wanted what the search was to look at
 * @property {Range[]} scanned what it has looked at
 * @property {Range[]} lost what retention took meanwhile
 * @property {"complete" | "limit" | "bound" | "cancelled" | "broken" | string} reason why it ended, as in the protocol
 * @property {string} message of the server, with some reasons
 * @property {number} found
 * @property {number} records that were looked at
 * @property {number} unsure of those, records that were looked at in a part of which no end was told
 * @property {number} failed
 * @property {number} unchecked
 * @property {number} undecodable
 * @property {number} done of the last part, from 0 to 1
 */

/**
 * @param {Range[]} ranges
 * @returns {number} offsets in them
 */
export function offsetsIn(ranges) {
  return ranges.reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
}

/**
 * @param {Range[]} ranges in any order, overlapping or not
 * @returns {Range[]} the same offsets, as few ranges as there can be, by partition and offset
 */
export function joined(ranges) {
  const sorted = ranges.filter(({ from, to }) => to > from).sort((a, b) => a.partition - b.partition || a.from - b.from);
  /** @type {Range[]} */
  const found = [];
  for (const range of sorted) {
    const last = found.at(-1);
    if (last && last.partition === range.partition && range.from <= last.to) last.to = Math.max(last.to, range.to);
    else found.push({ partition: range.partition, from: range.from, to: range.to });
  }
  return found;
}

/**
 * @param {Range[]} ranges
 * @param {Range[]} taken
 * @returns {Range[]} what of `ranges` is not in `taken`
 */
export function without(ranges, taken) {
  const gone = joined(taken);
  return joined(ranges).flatMap(({ partition, from, to }) => {
    /** @type {Range[]} */
    const left = [];
    let at = from;
    for (const each of gone.filter((one) => one.partition === partition && one.to > from && one.from < to)) {
      if (each.from > at) left.push({ partition, from: at, to: each.from });
      at = Math.max(at, each.to);
    }
    if (at < to) left.push({ partition, from: at, to });
    return left;
  });
}

/**
 * @param {Looked} looked
 * @returns {string} what was looked at, what came of it and what was not looked at; always
 */
export function lookedSentence(looked) {
  const { wanted, scanned, lost, found, failed, unchecked, undecodable } = looked;
  const all = offsetsIn(wanted);
  const left = without(without(wanted, scanned), lost);
  const seen = offsetsIn(wanted) - offsetsIn(without(wanted, scanned));
  const what = all === 0 ? (looked.reason === "complete" ? "There are no offsets there to look at." : "Nothing was looked at.")
    : seen === all ? `All ${counted(all, "offset")} there ${all === 1 ? "was" : "were"} looked at: ${grouped(found)} found, and no other one matches.`
    : `${grouped(found)} found in the ${grouped(seen)} of ${counted(all, "offset")} that were looked at.`;
  const unknown = [
    failed > 0 ? `the filter failed with ${grouped(failed)} (no match)` : "",
    unchecked > 0 ? `${grouped(unchecked)} too large to look into` : "",
    undecodable > 0 ? `${grouped(undecodable)} that cannot be decoded` : "",
  ].filter(Boolean);
  return [
    endSentence(looked),
    what,
    left.length > 0 ? `Not looked at: ${rangesText(left)}.` : "",
    lost.length > 0 ? `Retention took ${rangesText(joined(lost))} before it could be looked at.` : "",
    unknown.length > 0 ? `Of the records: ${unknown.join(", ")}.` : "",
  ].filter(Boolean).join(" ");
}

/** @param {Looked} looked */
function endSentence({ reason, message, done, unsure }) {
  const about = unsure > 0 ? ` In the part it was at, ${counted(unsure, "record")} (${Math.round(done * 100)} % of it) were looked at, which ones is not known.` : "";
  if (reason === "cancelled") return `You ended it.${about}`;
  if (reason === "broken") return `${message}${about} Search again, or go on where that is offered.`;
  if (reason === "limit") return "It stopped since it had found as many as it shows at once.";
  if (reason === "bound") return "It stopped at the bound of one go (a million records, 256 MB or 10 s).";
  if (reason === "away") return message || "Kafka could not be reached any more; go on when it is back.";
  if (reason === "forbidden") return message || "You may not read this topic any more.";
  if (reason === "epoch") return message || "The topic was made anew meanwhile: what was looked for is gone.";
  return reason === "complete" ? "" : message || `It ended: ${reason}.`;
}

/** @param {Range[]} ranges */
function rangesText(ranges) {
  const named = ranges.slice(0, NAMED).map(({ partition, from, to }) => `partition ${partition}, ${grouped(from)}–${grouped(to - 1)}`);
  const rest = ranges.slice(NAMED);
  return named.join("; ") + (rest.length > 0 ? `; and ${counted(offsetsIn(rest), "offset")} in ${rest.length} more ranges` : "");
}
