// One colour for a name on the whole board: Okabe-Ito in the order in which names were met as large ones; then grey.

const SERIES = 6;

export class Colours {
  /** @type {Map<string, number>} */
  #series = new Map();

  /**
   * @param {string} name
   * @returns {number} of its colour, 0 to 5; −1: grey
   */
  of(name) {
    const known = this.#series.get(name);
    if (known !== undefined) return known;
    if (name === "" || this.#series.size >= SERIES) return -1;
    this.#series.set(name, this.#series.size);
    return this.#series.size - 1;
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
