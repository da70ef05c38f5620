// The search API: looks through what Kafka keeps of a topic, and says what it found and what it looked at, line by line.

import { csrfToken } from "./filters_api.js";
import { NotLines, linesOf } from "./ndjson.js";
import { AWAY, LATE, LoadError, REFUSALS, SILENT_MS } from "../live/records_api.js";
import { Silence, piecesOfBody } from "../page/answers.js";

/**
 * @typedef {import("../live/protocol.js").Range} Range
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {{ timestamp: number } | { positions: Record<string, number> }} Bound
 *
 * @typedef {object} Asked
 * @property {string} [filter]
 * @property {string} [value_format]
 * @property {string} [key_format]
 * @property {Bound} [from]
 * @property {Bound} [to]
 * @property {number[]} [partitions]
 * @property {boolean} newest_first
 * @property {boolean} [by_time] from the oldest on: of all partitions, else one after another
 * @property {number} limit
 * @property {unknown} [cursor] of a search that ended: it goes on there
 *
 * @typedef {object} Totals
 * @property {number} scanned
 * @property {number} matched
 * @property {number} failed
 * @property {number} unchecked
 * @property {number} undecodable
 * @property {number} bytes
 * @property {number} done from 0 to 1
 *
 * @typedef {{ type: "waiting", place: number }
 *   | { type: "begin", epoch: string, ranges: Range[], offsets: number }
 *   | { type: "records", partition: number, records: KafkaRecord[] }
 *   | ({ type: "progress" } & Totals)
 *   | { type: "restarted", message: string }
 *   | ({ type: "end", reason: string, message?: string, scanned_ranges: Range[], lost_ranges?: Range[], cursor: unknown } & Omit<Totals, "done"> & { done?: number })
 *   | { type: "broken", message: string }} Line broken: the answer ended without an end
 */

/** A filter that the server does not take. */
export class WrongFilter extends LoadError {
  /**
   * @param {string} message
   * @param {number} at character
   */
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

const BROKE_OFF = "The connection to the server broke off.";

/**
 * @param {string} root address of the topics API, ending with a slash
 * @param {string} topic
 * @param {Asked} asked
 * @param {AbortSignal} signal ends the search on the server, too
 * @returns {AsyncGenerator<Line>} the last one is `end` or `broken`, unless the signal was given
 * @throws {LoadError} when it is refused
 */
export async function* search(root, topic, asked, signal) {
  const silence = new Silence(SILENT_MS); // a server says something each second
  /** @type {Response} */
  let response;
  try {
    response = await silence.during(fetch(`${root}${encodeURIComponent(topic)}/search`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken(), Accept: "application/x-ndjson" },
      body: JSON.stringify(asked),
      signal: AbortSignal.any([signal, silence.signal]),
    }));
  } catch {
    if (signal.aborted) return;
    throw new LoadError(silence.signal.aborted ? LATE : AWAY);
  }
  if (!response.ok || !response.body) throw await silence.during(refusalOf(response));
  yield* answered(linesOf(piecesOfBody(response.body, silence)), signal);
}

/**
 * @param {AsyncIterable<Line>} lines
 * @param {AbortSignal} signal
 * @returns {AsyncGenerator<Line>} until the end, or `broken` where there is none
 */
export async function* answered(lines, signal) {
  try {
    for await (const line of lines) {
      yield line;
      if (line.type === "end") return;
    }
  } catch (error) {
    if (signal.aborted) return;
    yield { type: "broken", message: error instanceof NotLines ? error.message : BROKE_OFF };
    return;
  }
  if (!signal.aborted) yield { type: "broken", message: BROKE_OFF };
}

/**
 * @param {Response} response
 * @returns {Promise<LoadError>}
 */
async function refusalOf(response) {
  /** @type {any} */
  const answer = await response.json().catch(() => ({}));
  if (answer.code === "bad_filter") return new WrongFilter(answer.message, answer.at);
  if (answer.code === "epoch") return new LoadError("The topic was made anew in the meantime; begin the search again.");
  if (response.status === 429) return new LoadError("Too many searches of yours wait already. End one of them first.");
  const said = typeof answer.detail === "string" ? answer.detail : "";
  return new LoadError(said || REFUSALS[response.status] || `The server answered ${response.status}.`);
}
