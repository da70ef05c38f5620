// When the server is asked again: soon after something changed, but not for each change; one request at a time; not
// while nobody looks. Knows neither what is asked nor what changed.

// From a change to the question. It doubles while changes go on and on, so that a busy list costs the server little.
export const FIRST_MS = 500;
const LONGEST_MS = 4_000;
// Added at random, up to this share, so that a thousand open lists do not ask in the same moment.
const JITTER = 0.5;
// After a failed request, doubling; never so long that a server that is back is not asked within 5 s.
const RETRY_FIRST_MS = 1_000;
const RETRY_LONGEST_MS = 3_000;

/**
 * @typedef {object} RefreshTools
 * @property {() => Promise<boolean>} ask resolves when done: false when the answer was not used, and has to be asked
 *   for again; rejects when it failed
 * @property {() => boolean} mayAsk whether somebody looks, and is not just reading
 * @property {(failures: number) => void} settled after a request that was used or failed; how many failed in a row
 */

export class Refresh {
  #tools;
  #random;
  #pace = FIRST_MS;
  #failures = 0;
  #asking = false;
  #again = false;
  #postponed = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {RefreshTools} tools
   * @param {() => number} [random] from 0 up to 1
   */
  constructor(tools, random = Math.random) {
    this.#tools = tools;
    this.#random = random;
  }

  /** Something changed. */
  due() {
    if (this.#asking) this.#again = true;
    else if (this.#timer === undefined && !this.#postponed) this.#in(this.#pace * (1 + JITTER * this.#random()));
  }

  /** Something changed that cannot wait: where we stand is not known. */
  now() {
    if (this.#asking) this.#again = true;
    else this.#in(0);
  }

  /** It may be asked again: what was postponed goes on. */
  allowed() {
    if (this.#postponed) this.#in(0);
  }

  /** @param {number} ms */
  #in(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ask(), ms);
  }

  async #ask() {
    this.#timer = undefined;
    this.#postponed = !this.#tools.mayAsk();
    if (this.#postponed) return;
    this.#asking = true;
    this.#again = false;
    const outcome = await this.#tools.ask().then((used) => (used ? "used" : "unused"), () => "failed");
    const failed = outcome === "failed";
    this.#asking = false;
    this.#again ||= outcome === "unused";
    this.#failures = failed ? this.#failures + 1 : 0;
    if (outcome !== "unused") this.#tools.settled(this.#failures);
    this.#pace = this.#again ? Math.min(2 * this.#pace, LONGEST_MS) : FIRST_MS;
    if (failed) this.#in(Math.min(RETRY_FIRST_MS * 2 ** (this.#failures - 1), RETRY_LONGEST_MS) * (1 + JITTER * this.#random()));
    else if (this.#again) this.due();
  }
}
