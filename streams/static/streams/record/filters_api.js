// The filters API: whether a filter can be used, and what it does with the newest records of a topic.

import { parseMessage } from "../live/json.js";
import { REFUSALS } from "../live/records_api.js";

// The server takes a second at most, and a little to read the records; beyond this nobody waits for a count.
const ANSWER_MS = 8_000;

/**
 * @typedef {{ partition: number, record: import("../live/protocol.js").KafkaRecord, message?: string, at?: number }} Example
 * @typedef {{ kind: "right", normalised: string, tried: Tried | null }
 *   | { kind: "wrong", message: string, at: number }
 *   | { kind: "unknown", message: string }} Checked tried: null without a topic; unknown: it could not be asked
 *
 * @typedef {object} Tried
 * @property {number} records that were looked at, the newest
 * @property {number} matched
 * @property {number} failed
 * @property {number} unchecked
 * @property {{ matched: Example[], failed: Example[], unchecked: Example[] }} examples
 */

/** @returns {string} Django's token against forged requests, as it stands in the page */
export function csrfToken() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return field instanceof HTMLInputElement ? field.value : "";
}

/**
 * @param {string} root address of the filters API, ending with a slash
 * @param {{ filter: string, topic?: string } & import("../live/protocol.js").Formats} asked with a topic it is tried on that
 * @param {AbortSignal} signal
 * @returns {Promise<Checked>}
 * @throws {DOMException} AbortError, when somebody does not want to know any more
 */
export async function check(root, asked, signal) {
  try {
    const response = await fetch(`${root}check`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken(), Accept: "application/json" },
      body: JSON.stringify(asked),
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    return checkedOf(response.status, parseMessage(await response.text()), asked.topic !== undefined);
  } catch (error) {
    if (signal.aborted) throw error;
    return { kind: "unknown", message: "The server did not answer." };
  }
}

/**
 * @param {number} status
 * @param {any} answer
 * @param {boolean} hasTopic
 * @returns {Checked}
 */
export function checkedOf(status, answer, hasTopic) {
  if (status === 200) return { kind: "right", normalised: answer.normalised, tried: hasTopic ? answer : null };
  if (status === 422 && answer.code === "bad_filter") return { kind: "wrong", message: answer.message, at: answer.at };
  const said = typeof answer.detail === "string" ? answer.detail : "";
  return { kind: "unknown", message: said || REFUSALS[status] || `The server answered ${status}.` };
}
