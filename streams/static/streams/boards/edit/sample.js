// The newest records of a topic, of those that pass a filter: what fields are found in, and what a tile is shown on before it
// is added. Read once for each topic, filter and formats.

import { LATE, LoadError } from "../../live/records_api.js";
import { mergedByTime } from "../../live/stream.js";
import { WrongFilter, search } from "../../record/search_api.js";

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
  /** @type {Map<string, Promise<Sample>>} */
  #read = new Map();

  /**
   * @param {(formats: Formats) => Pick<import("../../live/records_api.js").RecordsApi, "newest">} recordsBy
   * @param {string} topicsApi its address, ending with a slash
   */
  constructor(recordsBy, topicsApi) {
    this.#recordsBy = recordsBy;
    this.#topicsApi = topicsApi;
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
    const late = AbortSignal.timeout(SEARCH_MS);
    const asked = { filter, ...formats, newest_first: true, limit: RECORDS };
    try {
      const sample = await searched(topic, search(this.#topicsApi, topic, asked, late));
      if (!late.aborted) return sample;
    } catch (error) {
      if (error instanceof WrongFilter) throw new LoadError(`The filter cannot be used: ${error.message}`);
      if (!late.aborted) throw error;
    }
    throw new LoadError(LATE);
  }
}

/**
 * @param {string} topic
 * @param {AsyncIterable<import("../../record/search_api.js").Line>} lines what a search answered
 * @returns {Promise<Sample>}
 * @throws {LoadError} when it broke off, or looked at nothing
 */
export async function searched(topic, lines) {
  /** @type {Map<number, Arrived[]>} */
  const runs = new Map();
  let epoch = "";
  for await (const line of lines) {
    if (line.type === "begin") epoch = line.epoch;
    else if (line.type === "records") {
      const run = runs.get(line.partition) ?? [];
      runs.set(line.partition, run);
      for (const record of line.records) run.push({ partition: line.partition, record });
    } else if (line.type === "broken" || (line.type === "end" && epoch === "")) {
      throw new LoadError(line.message ?? "The records could not be looked through. Try again.");
    }
  }
  return sampleOf(topic, epoch, [...runs.values()]);
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
