// Filters as the server writes them: one way for each, so that tiles whose filters mean the same share a stream. Only the
// server knows the language; it is asked once about each text.

// Again, where the server could not be asked.
const RETRY_MS = 2_000;

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
      if (answer?.ok) return { normalised: String((await answer.json()).normalised), problem: "" };
      if (answer && answer.status < 500 && answer.status !== 429) {
        const { message, at, detail } = await answer.json().catch(() => ({}));
        return { normalised: null, problem: sentence(message ?? detail, answer.status), at: at ?? null };
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** @param {string} filter @returns {Promise<Response | null>} null when the server cannot be reached */
  async #post(filter) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#csrf };
    try {
      return await fetch(this.#address, { method: "POST", headers, body: JSON.stringify({ filter }) });
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
