// Makes rows' entries of records: reads item events, remembers their versions, learns what a topic's values look like.

import { SeenVersions, itemEventOf } from "../live/itemevent.js";
import { Source } from "../live/json.js";
import { Preview } from "./preview.js";

/**
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("../live/itemevent.js").ItemEvent} ItemEvent
 *
 * @typedef {object} RecordEntry
 * @property {"record"} kind
 * @property {string} topic
 * @property {string} epoch
 * @property {number} partition
 * @property {KafkaRecord} record
 * @property {ItemEvent | null} event
 * @property {boolean} repeated an item version seen before
 * @property {string} [searchText] lower case, made when a filter first asks
 */

export class Entries {
  #itemsTopic;
  #seen = new SeenVersions();
  #preview = new Preview();

  /** @param {string} itemsTopic whose records are item events */
  constructor(itemsTopic) {
    this.#itemsTopic = itemsTopic;
  }

  /** Another topic: its values look different. */
  forget() {
    this.#preview = new Preview();
    this.#seen = new SeenVersions();
  }

  /** @param {Source} value */
  fields(value) {
    return this.#preview.fields(value);
  }

  /**
   * @param {string} topic
   * @param {string} epoch
   * @param {number} partition
   * @param {KafkaRecord} record
   * @returns {RecordEntry}
   */
  of(topic, epoch, partition, record) {
    const event = topic === this.#itemsTopic ? itemEventOf(record) : null;
    if (record.value instanceof Source && !event) this.#preview.learn(record.value, record.key);
    const repeated = event !== null && this.#seen.isRepeated(event, `${epoch} ${partition}:${record.offset}`);
    return { kind: "record", topic, epoch, partition, record, event, repeated };
  }
}
