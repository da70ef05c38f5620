// A board's worker, begun before the page has what it draws with: this module needs little, and so comes first. By the time the
// tiles are there, the worker has its socket; then it asks for records.

import { lookedAt } from "./look.js";

/**
 * @typedef {import("./worker/worker.js").BoardJson} BoardJson
 * @typedef {import("./worker/worker.js").Answer} Answer
 * @typedef {import("./worker/worker.js").Question} Question
 * @typedef {{ heard: (answer: Answer) => void, failed: () => void }} Listener
 */

export class Opened {
  #worker = new Worker(new URL("./worker/worker.js", import.meta.url), { type: "module" });
  /** @type {Listener | null} */
  #listener = null;
  /** @type {Answer | null} what was heard last before anybody listened: figures come only after that */
  #last = null;
  #isFailed = false;

  /** @param {BoardJson} board as it is to be shown */
  constructor(board) {
    this.#worker.addEventListener("message", ({ data }) => this.#heard(/** @type {Answer} */ (data)));
    this.#worker.addEventListener("error", () => {
      this.#isFailed = true;
      this.#listener?.failed();
    });
    const { livePath = "/ws/live/", topicsApi = "/api/topics/", checkApi = "/api/filters/check", csrf = "" } = /** @type {HTMLElement} */ (document.getElementById("board")).dataset;
    const at = (/** @type {string} */ address) => new URL(address, location.href).href;
    this.ask({ type: "open", board, live: at(livePath), topics: at(topicsApi), check: at(checkApi), csrf });
  }

  /** @param {Question} question */
  ask(question) {
    this.#worker.postMessage(question);
  }

  /** @param {Listener} listener that can draw from now on; it is told what was heard before, too */
  listen(listener) {
    this.#listener = listener;
    if (this.#last) listener.heard(this.#last);
    if (this.#isFailed) listener.failed();
    else this.ask({ type: "ready" });
  }

  end() {
    this.#worker.terminate();
  }

  /** @param {Answer} answer */
  #heard(answer) {
    if (this.#listener) this.#listener.heard(answer);
    else this.#last = answer;
  }
}

/** @type {BoardJson} as it is kept, in the page */
export const kept = JSON.parse(document.getElementById("definition")?.textContent ?? "null");

/** @type {Opened | null} */
let early = new Opened(lookedAt(kept, new URLSearchParams(location.search)));

/** @returns {Opened | null} the board as the page's address shows it, opened already; to the first who asks */
export function openedEarly() {
  const opened = early;
  early = null;
  return opened;
}
