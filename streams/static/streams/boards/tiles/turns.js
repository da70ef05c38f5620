// Draws tiles in turn, some of them in each frame: all at once would take several frames, and a press would wait for them.
// A page that nobody sees has no frames, and draws nothing.

// Of a frame, in ms, until no further tile begins.
const FRAME_MS = 5;

export class Turns {
  /** @type {Map<string, () => void>} what to draw of each tile, the one that waits longest first */
  #waiting = new Map();
  #isDue = false;

  /**
   * Draws a tile in one of the next frames; what it was to be drawn with before is passed over.
   *
   * @param {string} tile
   * @param {() => void} draw
   */
  put(tile, draw) {
    this.#waiting.set(tile, draw);
    this.#goOn();
  }

  /** Draws nothing of what waits. */
  clear() {
    this.#waiting.clear();
  }

  #goOn() {
    if (this.#isDue || this.#waiting.size === 0) return;
    this.#isDue = true;
    requestAnimationFrame(() => this.#turn());
  }

  #turn() {
    this.#isDue = false;
    const end = performance.now() + FRAME_MS;
    try {
      for (const [tile, draw] of this.#waiting) {
        this.#waiting.delete(tile);
        draw();
        if (performance.now() >= end) break;
      }
    } finally {
      this.#goOn(); // a tile that fails keeps no other one from being drawn
    }
  }
}
