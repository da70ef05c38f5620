// Filters as the server writes them: one way for each, so that tiles whose filters mean the same share a stream. Only the
// server knows the language; it is asked once about each text.

import { answerOf } from "../../page/answers.js";

// Again, where the server could not be asked.
const RETRY_MS = 2_000;
const ANSWER_MS = 8_000; // for an answer; a server that stands still gives none

/**
 * @typedef {{ normalised: string, problem: "" } | { normalised: null, problem: string, at: number | null }} Checked at: the
 *   character that is wrong, in code points
 */

export class Filters {
  #address;
  #csrf;
  /** @type {Map<string, Promise<Checked>>} */
  #asked = new Map();

  /**
   * @param {string} address of the filters API's check
   * @param {string} csrf token
   */
  constructor(address, csrf) {
    this.#address = address;
    this.#csrf = csrf;
  }

  /**
   * @param {string} text
   * @returns {Promise<Checked>} when the server has answered
   */
  check(text) {
    const filter = text.trim();
    if (filter === "") return Promise.resolve({ normalised: "", problem: "" });
    let asked = this.#asked.get(filter);
    if (!asked) this.#asked.set(filter, (asked = this.#ask(filter)));
    return asked;
  }

  /**
   * @param {string} filter
   * @returns {Promise<Checked>}
   */
  async #ask(filter) {
    for (;;) {
      const answer = await this.#post(filter);
      if (answer?.ok && answer.json) return { normalised: String(answer.json.normalised), problem: "" };
      if (answer && answer.status < 500 && answer.status !== 429) {
        const { message, at, detail } = answer.json ?? {};
        return { normalised: null, problem: sentence(message ?? detail, answer.status), at: at ?? null };
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /**
   * @param {string} filter
   * @returns {Promise<{ ok: boolean, status: number, json: any } | null>} null when the server does not answer
   */
  async #post(filter) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#csrf };
    try {
      const response = await fetch(this.#address, { method: "POST", headers, body: JSON.stringify({ filter }), signal: AbortSignal.timeout(ANSWER_MS) });
      return await answerOf(response);
    } catch {
      return null;
    }
  }
}

/**
 * @param {unknown} said
 * @param {number} status
 */
function sentence(said, status) {
  return typeof said === "string" ? said : `The server answered ${status}.`;
}

/**
 * @param {string[]} parts
 * @returns {string} the filter that lets through what all parts let through
 */
export function allOf(parts) {
  const needed = parts.map((part) => part.trim()).filter(Boolean);
  return needed.length > 1 ? needed.map((part) => `(${part})`).join(" && ") : (needed[0] ?? "");
}
