// Asking the server what it knows of topics, and which are favourites.

// Names in one question, by their characters: an address has a bound on the way.
const NAMES_TEXT = 6_000;
const ANSWER_MS = 10_000;

/** @typedef {{ name: string, label: string, favourite: boolean, rate: number | null, last: number | null }} About last: ms */

export class TopicsApi {
  #path;
  #csrf;

  /**
   * @param {string} path of the API's topics
   * @param {string} csrf
   */
  constructor(path, csrf) {
    this.#path = path;
    this.#csrf = csrf;
  }

  /**
   * @param {string[]} names
   * @returns {Promise<About[]>} of those that may be watched, as many as one question can name, and of all favourites
   */
  async about(names) {
    let length = 0;
    const named = names.filter((name) => (length += name.length + 1) <= NAMES_TEXT);
    const response = await fetch(`${this.#path}?names=${encodeURIComponent(named.join(","))}`, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`The topics were answered with ${response.status}.`);
    return (await response.json()).topics;
  }

  /**
   * @param {string} name
   * @param {boolean} isFavourite from now on
   * @returns {Promise<string>} why not, in a sentence; "" when it was done
   */
  async setFavourite(name, isFavourite) {
    try {
      const response = await fetch(`${this.#path}${encodeURIComponent(name)}/favourite`, {
        method: isFavourite ? "PUT" : "DELETE",
        headers: { "X-CSRFToken": this.#csrf },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (response.ok) return "";
      const { detail } = await response.json().catch(() => ({ detail: null }));
      return typeof detail === "string" ? detail : `The server answered ${response.status}.`;
    } catch {
      return "The server cannot be reached.";
    }
  }
}
