// The filter as a person handles it: the field, the key that was chosen, the sentence that says what was looked through,
// and the address that keeps it.

import { part, say } from "../page/dom.js";
import { EVERYTHING, addressWith, filterIn, foundSentence, isNarrow } from "./filter.js";

// Browsers refuse an address that changes with every key pressed.
const ADDRESS_MS = 300;

/** @typedef {import("./filter.js").Filter} Filter */

export class Search {
  /** @type {Filter} */
  filter = EVERYTHING;
  #field = part("filter", HTMLInputElement);
  #strip = part("found", HTMLElement);
  #key = part("found-key", HTMLButtonElement);
  #keyText = part("found-key-text", HTMLElement);
  #sentence = part("found-text", HTMLElement);
  #deeper = part("found-deeper", HTMLButtonElement);
  #changed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {{ changed: (filter: Filter) => void, deeper: () => void }} tools deeper: begin again further back
   */
  constructor({ changed, deeper }) {
    this.#changed = changed;
    this.#field.addEventListener("input", () => this.#become({ ...this.filter, text: this.#field.value }));
    this.#key.addEventListener("click", () => {
      this.#become({ ...this.filter, key: null });
      this.focus();
    });
    this.#deeper.addEventListener("click", () => {
      deeper();
      this.focus(); // the button is gone now
    });
    addEventListener("popstate", () => this.read());
  }

  get isNarrow() {
    return isNarrow(this.filter);
  }

  focus() {
    this.#field.focus();
  }

  /** Takes over what the address says now. */
  read() {
    clearTimeout(this.#timer);
    this.filter = filterIn(location.search);
    this.#field.value = this.filter.text;
    this.#changed(this.filter);
  }

  /** @param {string} key to find alone */
  only(key) {
    this.#become({ ...this.filter, key });
  }

  /** @param {{ shown: number, searched: number, isFull: boolean, isDeep: boolean }} found */
  show(found) {
    const { key } = this.filter;
    this.#strip.hidden = !this.isNarrow;
    this.#key.hidden = key === null;
    this.#deeper.hidden = found.isDeep || found.searched === 0;
    say(this.#keyText, key ?? "");
    say(this.#sentence, this.isNarrow ? foundSentence(found) : "");
  }

  /** @param {Filter} filter */
  #become(filter) {
    this.filter = filter;
    this.#changed(filter);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => history.replaceState(history.state, "", addressWith(location.href, this.filter)), ADDRESS_MS);
  }
}
