// What somebody asks for by hand of what lies in Kafka: the records of a gap, older ones, one record whole.

import { LoadError, RecordsApi } from "../live/records_api.js";
import { Older } from "./older.js";
import { loadGap } from "./gaps.js";

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("./row.js").GapEntry} GapEntry
 */

export class Past {
  api;

  /**
   * @param {string} root address of the topics API
   * @param {() => import("../live/protocol.js").Formats} formats by which records are read now
   */
  constructor(root, formats) {
    this.api = new RecordsApi(root, undefined, formats);
  }

  /**
   * @param {string} topic
   * @param {string} epoch
   * @param {Record<string, number>} floors partition → position where what is known begins
   */
  older(topic, epoch, floors) {
    return new Older(this.api, topic, epoch, floors);
  }

  /**
   * @param {GapEntry} gap
   * @param {Omit<import("./gaps.js").GapTools, "api">} tools
   */
  fill(gap, tools) {
    return loadGap(gap, { ...tools, api: this.api });
  }

  /**
   * @param {RecordEntry} entry
   * @param {string} epoch of the topic's present life
   * @throws {LoadError}
   */
  async whole(entry, epoch) {
    if (entry.epoch !== epoch) throw new LoadError("It belongs to an earlier life of the topic and is not in Kafka any more.");
    return this.api.whole(entry.topic, entry.partition, entry.record.offset);
  }
}
