// When to draw: with the next frame, yet never more than a share of the time, whatever drawing costs on this machine.

// The rest is left for scrolling, typing and what arrives.
const SHARE = 0.25;

export class Pace {
  #draw;
  #isDue = false;
  #isBusy = false;
  #begunAt = 0;
  #painted = new MessageChannel();

  /** @param {() => void} draw called in an animation frame */
  constructor(draw) {
    this.#draw = draw;
    this.#painted.port1.onmessage = () => this.#rest();
  }

  /** There is something to draw. */
  due() {
    this.#isDue = true;
    if (!this.#isBusy) this.#next();
  }

  #next() {
    this.#isBusy = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#begunAt = performance.now();
      this.#draw();
      // Heard when this frame's style, layout and paint are done as well: they cost more than the script.
      this.#painted.port2.postMessage(null);
    });
  }

  #rest() {
    const cost = performance.now() - this.#begunAt;
    setTimeout(() => {
      this.#isBusy = false;
      if (this.#isDue) this.#next();
    }, cost * (1 / SHARE - 1));
  }
}
