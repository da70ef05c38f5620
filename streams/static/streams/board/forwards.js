// A search straight on from a place. The server goes through one partition after another; people want what follows a time
// in the order of time. So each partition is asked for some, and they are told as far as all of them reach.

import { joined, offsetsIn } from "./looked.js";
import { search } from "../record/search_api.js";

// Matches of one partition at least, however many there are.
const LEAST_EACH = 20;

/**
 * @typedef {import("../record/search_api.js").Asked} Asked
 * @typedef {import("../record/search_api.js").Line} Line
 * @typedef {import("../live/protocol.js").Range} Range
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {Extract<Line, { type: "end" }>} End
 * @typedef {{ partition: number, records: KafkaRecord[], end: End }} Run of one partition, in the order of its offsets
 */

/**
 * @param {string} root address of the topics API, ending with a slash
 * @param {string} topic
 * @param {Asked} asked as for `search`; `limit` matches of all partitions together, about
 * @param {number[]} partitions of the topic
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Line>} as of `search`
 */
export async function* forwards(root, topic, asked, partitions, signal) {
  const cursor = /** @type {{ epoch: string, ranges: Range[] } | undefined} */ (asked.cursor);
  const wanted = cursor ? [...new Set(cursor.ranges.map(({ partition }) => partition))] : (asked.partitions ?? partitions);
  const limit = Math.max(LEAST_EACH, Math.ceil(asked.limit / Math.max(1, wanted.length)));
  /** @type {Run[]} */
  const runs = [];
  /** @type {Range[]} */
  const ranges = [];
  let epoch = cursor?.epoch ?? "";
  for (const partition of wanted) {
    const part = cursor ? { cursor: { ...cursor, ranges: cursor.ranges.filter((range) => range.partition === partition) } } : { partitions: [partition] };
    /** @type {KafkaRecord[]} */
    const records = [];
    for await (const line of search(root, topic, { ...asked, ...part, newest_first: false, limit }, signal)) {
      if (line.type === "begin") {
        epoch = line.epoch;
        ranges.push(...line.ranges);
      } else if (line.type === "records") records.push(...line.records);
      else if (line.type === "end") runs.push({ partition, records, end: line });
      else if (line.type === "broken") {
        yield line;
        return;
      } else if (line.type === "waiting") yield line;
    }
    if (signal.aborted) return;
  }
  yield { type: "begin", epoch, ranges, offsets: 0 };
  const told = runs.map((run) => toldOf(run, frontierOf(runs)));
  for (const { partition, records } of told) if (records.length > 0) yield { type: "records", partition, records };
  yield ended(told, epoch);
}

/**
 * @param {Run[]} runs
 * @returns {number} ms: up to here all partitions were looked at that have more
 */
export function frontierOf(runs) {
  return runs.reduce((least, { records, end }) => {
    const last = end.reason === "limit" ? records.at(-1)?.timestamp : null;
    return last === null || last === undefined ? least : Math.min(least, Number(last));
  }, Infinity);
}

/**
 * @param {Run} run
 * @param {number} frontier
 * @returns {Run} without the records beyond; the offsets from the first of them on count as not looked at
 */
export function toldOf({ partition, records, end }, frontier) {
  const first = records.findIndex(({ timestamp }) => Number(timestamp ?? 0) > frontier);
  const beyond = first < 0 ? undefined : records[first]?.offset;
  if (beyond === undefined) return { partition, records, end };
  const scanned = end.scanned_ranges.filter(({ from }) => from < beyond).map((range) => ({ ...range, to: Math.min(range.to, beyond) }));
  const again = end.scanned_ranges.filter(({ to }) => to > beyond).map((range) => ({ ...range, from: Math.max(range.from, beyond) }));
  const left = /** @type {{ epoch: string, ranges: Range[] } | null} */ (end.cursor);
  const cursor = { epoch: left?.epoch ?? "", ranges: joined([...again, ...(left?.ranges ?? [])]) };
  return { partition, records: records.slice(0, first), end: { ...end, reason: "limit", matched: first, scanned: Math.max(first, end.scanned - offsetsIn(again)), scanned_ranges: scanned, cursor } };
}

/**
 * @param {Run[]} runs as they are told
 * @param {string} epoch
 * @returns {End}
 */
function ended(runs, epoch) {
  const ends = runs.map(({ end }) => end);
  const sum = (/** @type {"scanned" | "matched" | "failed" | "unchecked" | "undecodable" | "bytes"} */ name) => ends.reduce((all, end) => all + end[name], 0);
  const left = ends.flatMap(({ cursor }) => /** @type {{ ranges: Range[] } | null} */ (cursor)?.ranges ?? []);
  const scanned = ends.flatMap((end) => end.scanned_ranges);
  const done = left.length === 0 ? 1 : offsetsIn(scanned) / Math.max(1, offsetsIn(scanned) + offsetsIn(left));
  const odd = ends.find(({ reason }) => reason !== "complete" && reason !== "limit");
  return {
    type: "end", reason: odd?.reason ?? (left.length > 0 ? "limit" : "complete"), ...(odd?.message && { message: odd.message }),
    done, scanned_ranges: scanned, lost_ranges: ends.flatMap((end) => end.lost_ranges ?? []),
    cursor: left.length > 0 ? { epoch, ranges: left } : null,
    scanned: sum("scanned"), matched: sum("matched"), failed: sum("failed"), unchecked: sum("unchecked"), undecodable: sum("undecodable"), bytes: sum("bytes"),
  };
}
