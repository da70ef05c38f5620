// The records API: what was missed, and records uncut. Same rights as the socket, by the session cookie.

import { parseMessage } from "./json.js";

/**
 * @typedef {import("./protocol.js").KafkaRecord} KafkaRecord
 * @typedef {{ format: string, text: string, schema: import("./protocol.js").SchemaName }} SchemaText
 * @typedef {{ epoch: string, partition: number, from: number, to: number, records: KafkaRecord[], next: number | null }} Page
 */

/** A refusal in words for people. `next`: the first offset that is still kept, when retention took those before it. */
export class LoadError extends Error {
  /**
   * @param {string} message
   * @param {number | null} next
   */
  constructor(message, next = null) {
    super(message);
    this.next = next;
  }
}

export class RecordsApi {
  #root;

  /** @param {string} root address of the topics API, ending with a slash */
  constructor(root) {
    this.#root = root;
  }

  /**
   * One page of a gap, from its beginning.
   *
   * @param {string} topic
   * @param {import("./protocol.js").Range} range
   * @returns {Promise<Page>}
   * @throws {LoadError}
   */
  async page(topic, { partition, from, to }) {
    const query = new URLSearchParams({ partition: String(partition), from: String(from), to: String(to) });
    return this.#get(`${encodeURIComponent(topic)}/records?${query}`);
  }

  /**
   * The newest records before some positions, of all partitions by time.
   *
   * @param {string} topic
   * @param {Record<string, number>} before partition → position
   * @param {number} limit records
   * @returns {Promise<{ epoch: string, stopped: "enough" | "beginning" | "bound", ranges: import("./protocol.js").RecordRange[] }>}
   * @throws {LoadError}
   */
  async newest(topic, before, limit) {
    const positions = Object.entries(before).map(([partition, position]) => `${partition}:${position}`).join(",");
    return this.#get(`${encodeURIComponent(topic)}/newest?${new URLSearchParams({ before: positions, limit: String(limit) })}`);
  }

  /**
   * How many records came in each of the last seconds of the server's clock; `from` is the second of the first number.
   *
   * @param {string} topic
   * @returns {Promise<{ epoch: string, from: number, records: number[] }>}
   * @throws {LoadError}
   */
  async rates(topic) {
    return this.#get(`${encodeURIComponent(topic)}/rates`);
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} offset
   * @returns {Promise<KafkaRecord>} uncut
   * @throws {LoadError}
   */
  async whole(topic, partition, offset) {
    return this.#get(`${encodeURIComponent(topic)}/records/${partition}/${offset}`);
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} offset
   * @param {"value" | "key"} part
   * @returns {Promise<SchemaText>} the schema by which it was decoded
   * @throws {LoadError}
   */
  async schema(topic, partition, offset, part) {
    return this.#get(`${encodeURIComponent(topic)}/records/${partition}/${offset}/schema?part=${part}`);
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  async #get(path) {
    /** @type {Response} */
    let response;
    try {
      response = await fetch(this.#root + path, { headers: { Accept: "application/json" } });
    } catch {
      throw new LoadError("The server cannot be reached. Try again when the board is connected.");
    }
    if (response.ok) return parseMessage(await response.text());
    throw new LoadError(REFUSALS[response.status] ?? `The server answered ${response.status}.`, await nextOf(response));
  }
}

/** @param {Response} response a refusal */
async function nextOf(response) {
  try {
    const { next } = await response.json();
    return typeof next === "number" ? next : null;
  } catch {
    return null;
  }
}

/** @type {Record<number, string>} */
export const REFUSALS = {
  401: "You are signed out.",
  403: "You may not read this topic any more.",
  404: "It is not in Kafka any more.",
  410: "Kafka does not keep it any more.",
  503: "Kafka cannot be reached. Try again later.",
};
