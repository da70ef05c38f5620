// One colour for a name on the whole board: Okabe-Ito in the order of size, four more for as many series as a chart has, then
// grey. Colours are settled once the first
// records are in, and then kept: a network is orange everywhere, and stays it.

import { hueOf } from "../figures/values.js";
import { tokenValue } from "../../page/tokens.js";

const SERIES = 10;
// While a window is filled from Kafka, sizes change quickly; colours follow them for so long.
const SETTLING_MS = 6_000;
// Names whose sizes are remembered until then: the largest.
const NAMES = 1_000;

export class Colours {
  /** @type {Map<string, number>} what colours go by → colour */
  #series = new Map();
  /** @type {Map<string, number>} the same → the most records that a tile had of it */
  #counts = new Map();
  #settledAt = 0;
  #now;

  /** @param {() => number} [now] ms */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {Iterable<readonly [string, number]>} counts of tags, as one tile has them now: the text "1" is not the number 1 */
  rank(counts) {
    const now = this.#now();
    const isSettled = this.#settledAt > 0 && now >= this.#settledAt;
    if (isSettled && this.#series.size >= SERIES) {
      this.#counts.clear(); // all colours are given, for good
      return;
    }
    const named = [...counts].flatMap(([tag, count]) => (tag === "" ? [] : [/** @type {const} */ ([hueOf(tag), count])]));
    if (named.length === 0) return;
    for (const [name, count] of named) this.#counts.set(name, Math.max(count, this.#counts.get(name) ?? 0));
    if (this.#settledAt === 0) this.#settledAt = now + SETTLING_MS;
    if (!isSettled) this.#series.clear();
    const bySize = [...this.#counts].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
    if (bySize.length > NAMES) this.#counts = new Map(bySize.slice(0, NAMES));
    const without = bySize.filter(([name]) => !this.#series.has(name));
    for (const [name] of without.slice(0, SERIES - this.#series.size)) this.#series.set(name, this.#series.size);
  }

  /**
   * @param {string} tag
   * @returns {number} of its colour, 0 to 9; −1: grey
   */
  of(tag) {
    return this.#series.get(hueOf(tag)) ?? -1;
  }
}

/**
 * @param {number} series 0 to 9, or −1
 * @returns {string} as canvases take it, in the theme of now
 */
export function colourValue(series) {
  return tokenValue(series < 0 ? "--muted" : `--series-${series}`);
}
