// What lies further down than the board began: loaded from Kafka as somebody scrolls there, newest first.

import { LoadError } from "../live/records_api.js";
import { mergedByTime } from "../live/stream.js";

// Records in one step.
const STEP = 200;

/**
 * @typedef {import("../live/stream.js").Arrived} Arrived
 * @typedef {"more" | "loading" | "beginning" | "failed"} OlderState
 */

export class Older {
  /** @type {OlderState} */
  state = "more";
  /** why it failed, or how far it has looked, in words for people */
  note = "";
  #api;
  #topic;
  #epoch;
  #floors;

  /**
   * @param {import("../live/records_api.js").RecordsApi} api
   * @param {string} topic
   * @param {string} epoch
   * @param {Record<string, number>} floors partition → position where what is known begins
   */
  constructor(api, topic, epoch, floors) {
    this.#api = api;
    this.#topic = topic;
    this.#epoch = epoch;
    this.#floors = floors;
    if (Object.values(floors).every((position) => position === 0)) this.state = "beginning";
  }

  /** @returns {Promise<Arrived[]>} the next older records, oldest first; none when there are none or it failed */
  async load() {
    if (this.state === "loading" || this.state === "beginning") return [];
    this.state = "loading";
    this.note = "";
    try {
      const { epoch, ranges, stopped } = await this.#api.newest(this.#topic, this.#floors, STEP);
      if (epoch !== this.#epoch) throw new LoadError("What lies further down belongs to an earlier life of the topic.");
      for (const { partition, from } of ranges) this.#floors[partition] = from;
      this.state = stopped === "beginning" ? "beginning" : "more";
      const runs = ranges.map(({ partition, records }) => records.map((record) => ({ partition, record })));
      if (stopped === "bound") this.note = "Many offsets without a record were looked through; there may be older ones.";
      return mergedByTime(runs);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.state = "failed";
      this.note = error.message;
      return [];
    }
  }
}
