// The records before and after one: in its partition, and of its key. What lies close by comes from the records API, the
// rest from a search in history, which is bounded: where it ends without an answer, asking again goes on there.

import { conditionOf } from "./expression.js";
import { LoadError } from "../live/records_api.js";
import { search } from "./search_api.js";
import { counted, grouped } from "../page/format.js";

// Offsets that are read at once on the way to the next record; holes of compaction and transactions are mostly shorter.
const CLOSE_BY = 20;
// Records next to one that are looked at for its key, before a search is begun: it costs a process its start.
const NEXT_TO = 100;
// Matches of one search: keys that read alike (base64, and the same as a text) are told apart here.
const FEW = 5;
// Characters of a key that can be looked for: a filter has a bound.
const LONGEST_KEY = 100;

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {1 | -1} Step newer, older
 * @typedef {{ record: KafkaRecord, epoch: string, doubt: string } | string} Neighbour doubt: why another record may lie
 *   between, "" when none does; or why there is none, in words for people
 */

export class Neighbours {
  #api;
  #root;
  #formats;
  /** @type {{ place: string, cursor: unknown, looked: Looked } | null} where the last search ended without an answer */
  #left = null;

  /**
   * @param {import("../live/records_api.js").RecordsApi} api
   * @param {string} root address of the topics API, ending with a slash
   * @param {() => import("../live/protocol.js").Formats} [formats] by which records are read now
   */
  constructor(api, root, formats = () => ({})) {
    this.#api = api;
    this.#root = root;
    this.#formats = formats;
  }

  /**
   * @param {RecordEntry} entry
   * @param {Step} step
   * @param {AbortSignal} signal
   * @returns {Promise<Neighbour>} the nearest record of the same partition
   */
  async inPartition(entry, step, signal) {
    const { topic, partition, record } = entry;
    const from = step > 0 ? record.offset + 1 : Math.max(0, record.offset - CLOSE_BY);
    const to = step > 0 ? record.offset + 1 + CLOSE_BY : record.offset;
    const page = from < to ? await this.#page(topic, partition, from, to) : null;
    const next = page?.records.at(step > 0 ? 0 : -1);
    if (page && next) return lived(entry, { record: next, epoch: page.epoch, doubt: "" });
    const isEnd = page === null || (step > 0 ? page.next === null && page.to < to : from === 0);
    if (isEnd) return noneSentence(step, false, nothingLooked());
    return this.#search(entry, step, "", () => true, signal, record.offset, nothingLooked());
  }

  /**
   * @param {RecordEntry} entry
   * @param {Step} step
   * @param {AbortSignal} signal
   * @returns {Promise<Neighbour>} the nearest record of the same key, in the same partition
   */
  async ofKey(entry, step, signal) {
    const { key, key_encoding: encoding, cut } = entry.record;
    if (key === null) return "This record has no key.";
    if (cut?.includes("key") || key.length > LONGEST_KEY) return "The key is too long to be looked for.";
    const filter = conditionOf("key", { string: key, json: "null" }, false) ?? "";
    const fits = (/** @type {KafkaRecord} */ record) => record.key === key && record.key_encoding === encoding;
    const looked = nothingLooked();
    if (this.#left?.place === placeOf(entry, step, filter)) return this.#search(entry, step, filter, fits, signal, entry.record.offset, looked);
    const next = await this.#nextTo(entry, step);
    const found = next.run.find(fits);
    if (found) return { record: found, epoch: entry.epoch, doubt: "" };
    looked.records = next.run.length;
    if (next.isEnd) return noneSentence(step, true, looked);
    return this.#search(entry, step, filter, fits, signal, next.run.at(-1)?.offset ?? entry.record.offset, looked);
  }

  /**
   * @param {RecordEntry} entry
   * @param {Step} step
   * @returns {Promise<{ run: KafkaRecord[], isEnd: boolean }>} the records next to it, the nearest first, up to the first
   *   offset without one: what stood there is not known here. isEnd: the partition has no more
   */
  async #nextTo({ topic, epoch, partition, record }, step) {
    const from = step > 0 ? record.offset + 1 : Math.max(0, record.offset - NEXT_TO);
    const to = step > 0 ? from + NEXT_TO : record.offset;
    const page = from < to ? await this.#page(topic, partition, from, to) : null;
    if (page === null) return { run: [], isEnd: true };
    if (page.epoch !== epoch || (step < 0 && page.next !== null)) return { run: [], isEnd: false }; // of another life; it breaks off before the nearest
    let at = record.offset;
    const run = [];
    for (const each of step > 0 ? page.records : [...page.records].reverse()) {
      if (each.offset !== at + step) break;
      at = each.offset;
      run.push(each);
    }
    const isBeginning = at === page.from && (page.from > from || page.from === 0);
    return { run, isEnd: step > 0 ? page.next === null && page.to < to && at === page.to - 1 : isBeginning };
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} from
   * @param {number} to
   */
  async #page(topic, partition, from, to) {
    try {
      return await this.#api.page(topic, { partition, from, to });
    } catch (error) {
      if (!(error instanceof LoadError) || error.next === null) throw error;
      return error.next < to ? this.#api.page(topic, { partition, from: error.next, to }) : null;
    }
  }

  /**
   * @param {RecordEntry} entry
   * @param {Step} step
   * @param {string} filter "" for every record
   * @param {(record: KafkaRecord) => boolean} fits
   * @param {AbortSignal} signal
   * @param {number} offset up to which it was looked already
   * @param {Looked} already what was looked at there
   * @returns {Promise<Neighbour>}
   */
  async #search(entry, step, filter, fits, signal, offset, already) {
    const { topic, partition } = entry;
    const place = placeOf(entry, step, filter);
    const left = this.#left?.place === place ? this.#left : null;
    this.#left = null;
    const bound = { positions: { [partition]: step > 0 ? offset + 1 : offset } };
    const begun = left ? { cursor: left.cursor } : { partitions: [partition], ...(step > 0 ? { from: bound } : { to: bound }) };
    /** @type {import("./search_api.js").Asked} */
    let asked = { ...(filter && { filter }), ...this.#formats(), ...begun, newest_first: step < 0, limit: FEW };
    const looked = left?.looked ?? already;
    for (;;) {
      /** @type {KafkaRecord[]} */
      const found = [];
      let { epoch } = entry;
      /** @type {Extract<import("./search_api.js").Line, { type: "end" }> | null} */
      let end = null;
      for await (const line of search(this.#root, topic, asked, signal)) {
        if (line.type === "begin") ({ epoch } = line);
        else if (line.type === "records") found.push(...line.records.filter(fits));
        else if (line.type === "end") end = line;
        else if (line.type === "broken") throw new LoadError(line.message);
      }
      const nearest = found.sort((a, b) => step * (a.offset - b.offset))[0];
      if (end) addTo(looked, end);
      const doubt = filter === "" ? "" : unreadSentence(looked);
      if (nearest) return lived(entry, { record: nearest, epoch, doubt });
      if (end === null) return "";
      if (end.reason === "complete") return noneSentence(step, filter !== "", looked);
      if (end.cursor === null || end.cursor === undefined) return end.message ?? "The search ended without an answer.";
      asked = { ...(filter && { filter }), ...this.#formats(), cursor: end.cursor, newest_first: step < 0, limit: FEW };
      if (end.reason === "limit") continue;
      this.#left = { place, cursor: end.cursor, looked };
      return said(`None in the ${counted(looked.records, "record")} that were looked at. Press again to go on.`, doubt);
    }
  }
}

/**
 * @param {RecordEntry} entry
 * @param {Step} step
 * @param {string} filter
 */
function placeOf({ topic, epoch, partition, record }, step, filter) {
  return `${topic} ${epoch} ${partition}:${record.offset} ${step} ${filter}`;
}

/**
 * @param {RecordEntry} entry
 * @param {Exclude<Neighbour, string>} found
 * @returns {Neighbour}
 */
function lived(entry, found) {
  return found.epoch === entry.epoch ? found : "The topic was made anew: this record belongs to an earlier life of it.";
}

/**
 * What searches looked at on the way.
 *
 * @typedef {object} Looked
 * @property {number} records that the filter saw
 * @property {number} large that it did not, since they are too large
 * @property {number} damaged that could not even be read
 */

/** @returns {Looked} */
function nothingLooked() {
  return { records: 0, large: 0, damaged: 0 };
}

/**
 * @param {Looked} looked
 * @param {{ scanned: number, unchecked: number, undecodable: number }} end
 */
function addTo(looked, { scanned, unchecked, undecodable }) {
  looked.records += scanned - unchecked;
  looked.large += unchecked;
  looked.damaged += undecodable;
}

/**
 * @param {Step} step
 * @param {boolean} isOfKey
 * @param {Looked} looked
 */
function noneSentence(step, isOfKey, looked) {
  if (!isOfKey) return step > 0 ? "This is the newest record of its partition." : "Kafka has nothing older of this partition.";
  const which = `${step > 0 ? "newer" : "older"} record of this key`;
  const where = looked.records === 0 ? "" : ` (${grouped(looked.records)} looked at)`;
  const unread = unreadSentence(looked);
  return unread === "" ? `Kafka has no ${which} in its partition${where}.` : said(`No ${which} was found in its partition${where}.`, unread);
}

/**
 * @param {Looked} looked
 * @returns {string} of which records it is not known whether they are of the key, "" where there is none
 */
function unreadSentence({ large, damaged }) {
  const unread = large + damaged;
  if (unread === 0) return "";
  const why = damaged === 0 ? "too large" : large === 0 ? "too damaged" : "too large or too damaged";
  return `${counted(unread, "record was", "records were")} ${why} to be looked into; ${unread === 1 ? "it" : "one of them"} may be of this key.`;
}

/** @param {string[]} sentences */
function said(...sentences) {
  return sentences.filter(Boolean).join(" ");
}
