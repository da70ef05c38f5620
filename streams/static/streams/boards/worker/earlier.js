// The window before the one that a board opened with. What is compared with it is seen only beside what is there now, so its
// records come second: over a connection of their own, which ends where the board's own stream began.

import { SUBPROTOCOL } from "../../live/protocol.js";
import { Streams } from "./streams.js";
import { parseMessage } from "../../live/json.js";

// Without them nothing is compared until the board was open for long enough.
const LONGEST_MS = 60_000;

/**
 * @typedef {object} Part
 * @property {string} topic
 * @property {string} filter
 * @property {import("../../live/protocol.js").Formats} formats
 * @property {number} from ms: the first record that is wanted is the first of its partition at or after it
 * @property {string} epoch of these positions
 * @property {Record<string, number>} until partition → position behind the last record that is wanted
 * @property {(partition: number, record: import("../../live/protocol.js").KafkaRecord) => void} take is given each
 */

/** Reads parts of streams, one after the other. */
export class Earlier {
  #url;
  #connect;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /**
   * @param {string} url of /ws/live/
   * @param {(url: string) => WebSocket} [connect]
   */
  constructor(url, connect = (address) => new WebSocket(address, [SUBPROTOCOL])) {
    this.#url = url;
    this.#connect = connect;
  }

  /**
   * @param {Part} part
   * @returns {Promise<boolean>} whether all of it came; false when it could not be had, or not whole
   */
  read(part) {
    const read = this.#last.then(() => this.#readNow(part));
    this.#last = read;
    return read;
  }

  /**
   * @param {Part} part
   * @returns {Promise<boolean>}
   */
  #readNow({ topic, filter, formats, from, epoch, until, take }) {
    return new Promise((resolve) => {
      const socket = this.#connect(this.#url);
      const end = (/** @type {boolean} */ isWhole) => {
        clearTimeout(timer);
        streams.disconnected();
        socket.close();
        resolve(isWhole);
      };
      const fail = () => end(false);
      const timer = setTimeout(fail, LONGEST_MS);
      const isWanted = (/** @type {number} */ partition, /** @type {number} */ offset) => offset < (until[partition] ?? 0);
      const streams = new Streams({ send: (message) => socket.send(JSON.stringify(message)), distrust: fail });
      const nothing = () => {};
      const stream = streams.add(filter, {
        ...{ began: nothing, counted: nothing, filtered: nothing, changed: nothing, reset: fail, refused: fail },
        arrived: (arrived) => {
          for (const { partition, record } of arrived) if (isWanted(partition, record.offset)) take(partition, record);
        },
        missed: (missing) => {
          if (missing.some((range) => isWanted(range.partition, range.from))) fail();
        },
      });
      socket.addEventListener("close", fail);
      socket.addEventListener("message", ({ data }) => {
        const message = messageOf(String(data));
        if (!message) {
          fail();
          return;
        }
        if (message.type === "welcome") {
          stream.watch(topic, { timestamp: from }, "", formats);
          streams.connected();
          return;
        }
        streams.heard(message, String(data).length);
        const reached = stream.stream.cursor();
        if (stream.phase === "retrying" || (reached.epoch !== "" && reached.epoch !== epoch)) fail();
        else if (reached.epoch === epoch && Object.entries(until).every(([partition, position]) => (reached.positions[partition] ?? 0) >= position)) end(true);
      });
    });
  }
}

/**
 * @param {string} text
 * @returns {import("../../live/protocol.js").ServerMessage | null} null when it is none
 */
function messageOf(text) {
  try {
    return parseMessage(text);
  } catch {
    return null;
  }
}
