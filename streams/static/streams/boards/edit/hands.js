// Whether somebody's hands are on a panel: what is pressed or half typed there must not be made anew under them.

import { whenPressed } from "../../page/dom.js";

/** A panel that waits with being drawn until nobody holds a part of it. */
export class Hands {
  #isPressed = false;
  /** @type {EventTarget | null} a field whose text was typed and is not taken over yet */
  #typed = null;
  /** @type {(() => void)[]} */
  #waiting = [];

  /** @param {HTMLElement} panel */
  constructor(panel) {
    whenPressed(panel, (isPressed) => {
      this.#isPressed = isPressed;
      this.#tell();
    });
    panel.addEventListener("input", ({ target }) => {
      if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement) this.#typed = target;
    });
    for (const end of ["change", "focusout"]) {
      panel.addEventListener(end, ({ target }) => {
        if (target !== this.#typed) return;
        this.#typed = null;
        this.#tell();
      });
    }
  }

  /** @returns {Promise<void>} at once, or when what is pressed was let go and what is typed was taken over */
  free() {
    if (this.#isFree) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #isFree() {
    const typed = this.#typed;
    if (typed instanceof Element && !typed.isConnected) this.#typed = null;
    return !this.#isPressed && this.#typed === null;
  }

  #tell() {
    if (this.#isFree) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
