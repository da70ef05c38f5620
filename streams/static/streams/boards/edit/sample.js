// The newest records of a topic, of those that pass a filter: what fields are found in, and what a tile is shown on before it
// is added. Read once for each topic, filter and formats.

import { LoadError, REFUSALS } from "../../live/records_api.js";
import { mergedByTime } from "../../live/stream.js";
import { parseMessage } from "../../live/json.js";

// All that the records API gives at once.
const RECORDS = 500;
// A search ends by itself after ten seconds; one that does not is given up.
const SEARCH_MS = 15_000;
// Samples that are kept: of the topics and filters that somebody tried last.
const KEPT = 4;

/**
 * @typedef {import("../../live/protocol.js").Formats} Formats
 * @typedef {import("../../live/stream.js").Arrived} Arrived
 * @typedef {{ topic: string, epoch: string, records: Arrived[] }} Sample records: by time, those of a partition in their order
 */

export class Samples {
  #recordsBy;
  #topicsApi;
  #csrf;
  /** @type {Map<string, Promise<Sample>>} */
  #read = new Map();

  /**
   * @param {(formats: Formats) => Pick<import("../../live/records_api.js").RecordsApi, "newest">} recordsBy
   * @param {string} topicsApi its address, ending with a slash
   * @param {string} csrf token
   */
  constructor(recordsBy, topicsApi, csrf) {
    this.#recordsBy = recordsBy;
    this.#topicsApi = topicsApi;
    this.#csrf = csrf;
  }

  /**
   * @param {string} topic
   * @param {string} filter as the server reads it, "" for everything
   * @param {Formats} formats by which records are read; {}: by the topic's
   * @returns {Promise<Sample>} of 500 records at most
   * @throws {LoadError}
   */
  of(topic, filter, formats) {
    const name = JSON.stringify([topic, filter, formats]);
    let sample = this.#read.get(name);
    if (!sample) {
      sample = filter === "" ? this.#newest(topic, formats) : this.#found(topic, filter, formats);
      this.#read.set(name, sample);
      const again = () => this.#read.delete(name); // the next one who asks may have more luck
      sample.then(({ records }) => records.length > 0 || again(), again);
      const [oldest] = this.#read.keys();
      if (this.#read.size > KEPT && oldest !== undefined) this.#read.delete(oldest);
    }
    return sample;
  }

  /**
   * @param {string} topic
   * @param {Formats} formats
   * @returns {Promise<Sample>}
   */
  async #newest(topic, formats) {
    const { epoch, ranges } = await this.#recordsBy(formats).newest(topic, {}, RECORDS);
    return sampleOf(topic, epoch, ranges.map(({ partition, records }) => records.map((record) => ({ partition, record }))));
  }

  /**
   * Only the server reads filters: it looks for the newest that pass.
   *
   * @param {string} topic
   * @param {string} filter
   * @param {Formats} formats
   * @returns {Promise<Sample>}
   */
  async #found(topic, filter, formats) {
    /** @type {Response} */
    let response;
    let text = "";
    try {
      response = await fetch(`${this.#topicsApi}${encodeURIComponent(topic)}/search`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": this.#csrf, Accept: "application/x-ndjson" },
        body: JSON.stringify({ filter, ...formats, newest_first: true, limit: RECORDS }),
        signal: AbortSignal.timeout(SEARCH_MS),
      });
      text = await response.text();
    } catch {
      throw new LoadError("The server did not answer in time. Try again.");
    }
    if (!response.ok) throw new LoadError(refusalOf(response.status, text));
    return searched(topic, text);
  }
}

/**
 * @param {string} topic
 * @param {string} text what a search answered, a line of JSON each
 * @returns {Sample}
 * @throws {LoadError} when it looked at nothing
 */
export function searched(topic, text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "").map(parseMessage);
  const begin = lines.find(({ type }) => type === "begin");
  if (!begin) throw new LoadError(lines.findLast(({ message }) => message)?.message ?? "The records could not be looked through. Try again.");
  /** @type {Map<number, Arrived[]>} */
  const runs = new Map();
  for (const { type, partition, records } of lines) {
    if (type !== "records") continue;
    const run = runs.get(partition) ?? [];
    runs.set(partition, run);
    for (const record of records) run.push({ partition, record });
  }
  return sampleOf(topic, begin.epoch, [...runs.values()]);
}

/**
 * @param {string} topic
 * @param {string} epoch
 * @param {Arrived[][]} runs of each partition, in any order
 * @returns {Sample}
 */
function sampleOf(topic, epoch, runs) {
  return { topic, epoch, records: mergedByTime(runs.map((run) => run.toSorted((a, b) => a.record.offset - b.record.offset))) };
}

/**
 * @param {number} status
 * @param {string} text
 */
function refusalOf(status, text) {
  try {
    const { code, message, detail } = JSON.parse(text);
    if (code === "bad_filter") return `The filter cannot be used: ${message}`;
    if (typeof detail === "string") return detail;
  } catch {
    // No sentence of the server's: one of ours.
  }
  return REFUSALS[status] ?? `The server answered ${status}.`;
}
