// The boards API, as the pages ask it.

import { answerOf } from "../page/answers.js";
import { refusalOf } from "./faults.js";

// What a page asks of one board is done in milliseconds; a server that stands still says nothing.
const ANSWER_MS = 30_000;

export const UNANSWERED = "The server cannot be reached.";

/**
 * @typedef {object} Answer
 * @property {boolean} ok
 * @property {number} status
 * @property {any} json null, where there was none
 * @property {string} refusal why it was refused, in sentences; "" where it was not
 *
 * @typedef {object} Request
 * @property {string} method
 * @property {string} [body] JSON
 * @property {number} [version] of the board, that it is about; another one is refused
 */

export class BoardsApi {
  #root;
  #csrf;
  #answerMs;

  /**
   * @param {string} root its address, ending with a slash
   * @param {string} csrf token
   * @param {number} [answerMs] ms for an answer as a whole
   */
  constructor(root, csrf, answerMs = ANSWER_MS) {
    this.#root = root;
    this.#csrf = csrf;
    this.#answerMs = answerMs;
  }

  /**
   * @param {string} slug
   * @returns {string} its address
   */
  addressOf(slug) {
    return this.#root + encodeURIComponent(slug);
  }

  /**
   * @param {string} slug of a board
   * @returns {Promise<Answer | null>} the board; null when there was no answer, or not a whole one
   */
  read(slug) {
    return this.ask(encodeURIComponent(slug), { method: "GET" });
  }

  /**
   * @param {string} path behind the API's root
   * @param {Request} request
   * @returns {Promise<Answer | null>} null when there was no answer, or not a whole one: it may have been done
   */
  async ask(path, { method, body, version }) {
    const headers = {
      "Content-Type": "application/json",
      "X-CSRFToken": this.#csrf,
      ...(version !== undefined && { "If-Match": `"${version}"` }),
    };
    try {
      const response = await fetch(this.#root + path, { method, headers, ...(body !== undefined && { body }), signal: AbortSignal.timeout(this.#answerMs) });
      const answer = await answerOf(response);
      return { ...answer, refusal: answer.ok ? "" : refusalOf(answer) };
    } catch {
      return null;
    }
  }
}
