// One colour for a name on the whole board: Okabe-Ito in the order of size, then grey. Colours are settled once the first
// records are in, and then kept: a network is orange everywhere, and stays it.

const SERIES = 6;
// While a window is filled from Kafka, sizes change quickly; colours follow them for so long.
const SETTLING_MS = 6_000;

export class Colours {
  /** @type {Map<string, number>} */
  #series = new Map();
  /** @type {Map<string, number>} name → the most records that a tile had of it */
  #counts = new Map();
  #settledAt = 0;
  #now;

  /** @param {() => number} [now] ms */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  /** @param {Iterable<readonly [string, number]>} counts of names, as one tile has them now */
  rank(counts) {
    const now = this.#now();
    let isNew = false;
    for (const [name, count] of counts) {
      if (name === "") continue;
      this.#counts.set(name, Math.max(count, this.#counts.get(name) ?? 0));
      isNew = true;
    }
    if (!isNew) return;
    if (this.#settledAt === 0) this.#settledAt = now + SETTLING_MS;
    if (now < this.#settledAt) this.#series.clear();
    else if (this.#series.size >= SERIES) return;
    const bySize = [...this.#counts].filter(([name]) => !this.#series.has(name)).sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
    for (const [name] of bySize.slice(0, SERIES - this.#series.size)) this.#series.set(name, this.#series.size);
  }

  /**
   * @param {string} name
   * @returns {number} of its colour, 0 to 5; −1: grey
   */
  of(name) {
    return this.#series.get(name) ?? -1;
  }
}

/**
 * @param {number} series 0 to 5, or −1
 * @returns {string} as canvases take it, in the theme of now
 */
export function colourValue(series) {
  return tokenValue(series < 0 ? "--muted" : `--series-${series}`);
}

/** @param {string} token @returns {string} its value in the theme of now */
export function tokenValue(token) {
  return getComputedStyle(document.documentElement).getPropertyValue(token).trim();
}
