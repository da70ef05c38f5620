// The records API: what was missed, and records uncut. Same rights as the socket, by the session cookie.

import { Silence, piecesOfBody } from "../page/answers.js";
import { parseMessage } from "./json.js";

// The server says within some ten seconds that Kafka does not answer. A large record on a slow line takes its time, and
// comes in pieces.
export const SILENT_MS = 30_000; // without a piece of an answer

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
  #silentMs;
  #formats;

  /**
   * @param {string} root address of the topics API, ending with a slash
   * @param {number} [silentMs] ms without a piece of an answer after which it is given up
   * @param {() => import("./protocol.js").Formats} [formats] by which records are read now; {}: by the topic's
   */
  constructor(root, silentMs = SILENT_MS, formats = () => ({})) {
    this.#root = root;
    this.#silentMs = silentMs;
    this.#formats = formats;
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
    const query = new URLSearchParams({ partition: String(partition), from: String(from), to: String(to), ...this.#formats() });
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
    return this.#get(`${encodeURIComponent(topic)}/newest?${new URLSearchParams({ before: positions, limit: String(limit), ...this.#formats() })}`);
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
    const query = new URLSearchParams({ ...this.#formats() });
    return this.#get(`${encodeURIComponent(topic)}/records/${partition}/${offset}${query.size > 0 ? `?${query}` : ""}`);
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} offset
   * @param {string} format of the value, instead of the topic's
   * @returns {Promise<KafkaRecord>} uncut
   * @throws {LoadError}
   */
  async readAs(topic, partition, offset, format) {
    return this.#get(`${encodeURIComponent(topic)}/records/${partition}/${offset}?value_format=${format}`);
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
    return this.#get(`${encodeURIComponent(topic)}/records/${partition}/${offset}/schema?${new URLSearchParams({ part, ...this.#formats() })}`);
  }

  /**
   * @param {string} path
   * @returns {Promise<any>}
   */
  async #get(path) {
    const silence = new Silence(this.#silentMs);
    /** @type {Response} */
    let response;
    let text = "";
    try {
      response = await silence.during(fetch(this.#root + path, { headers: { Accept: "application/json" }, signal: silence.signal }));
      text = await textOf(response, silence);
    } catch {
      throw new LoadError(silence.signal.aborted ? LATE : AWAY);
    }
    if (response.ok) return parseMessage(text);
    throw new LoadError(REFUSALS[response.status] ?? `The server answered ${response.status}.`, nextOf(text));
  }
}

/**
 * @param {Response} response
 * @param {Silence} silence
 */
async function textOf(response, silence) {
  const decoder = new TextDecoder();
  let text = "";
  if (response.body) for await (const piece of piecesOfBody(response.body, silence)) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** @param {string} refusal as it came */
function nextOf(refusal) {
  try {
    const { next } = JSON.parse(refusal);
    return typeof next === "number" ? next : null;
  } catch {
    return null;
  }
}

export const AWAY = "The server cannot be reached. Try again when the board is connected.";
export const LATE = "The server did not answer in time. Try again.";

/** @type {Record<number, string>} */
export const REFUSALS = {
  401: "You are signed out.",
  403: "You may not read this topic any more.",
  404: "It is not in Kafka any more.",
  410: "Kafka does not keep it any more.",
  503: "Kafka cannot be reached. Try again later.",
};
