// Finding a text within one record: counts what is there, marks it, goes from one to the next. The page's text stays as it
// is; browsers that cannot mark without changing it (no CSS highlights) are brought to the place all the same.

import { say } from "../page/dom.js";
import { grouped } from "../page/format.js";
import { MOST_MATCHES, matchesIn } from "./long_text.js";

// Matches that are marked at once in an element with many nodes: each has to be found among them.
const MOST_MARKED = 400;
const ALL = "record-found";
const NOW = "record-found-now";

/**
 * @typedef {import("./long_text.js").Match} Match
 *
 * @typedef {object} Place what is looked through
 * @property {(query: string) => Match[]} matches
 * @property {(match: Match) => Range | null} rangeOf
 * @property {(match: Match) => void} reveal
 * @property {number} marked how many of them are marked at once, the nearest
 */

/** An element that holds all of its text. */
export class WholeText {
  marked = MOST_MARKED;
  #element;

  /** @param {HTMLElement} element that scrolls */
  constructor(element) {
    this.#element = element;
  }

  /** @param {string} query */
  matches(query) {
    return matchesIn(this.#element.textContent ?? "", query);
  }

  /** @param {Match} match */
  rangeOf([from, to]) {
    const range = document.createRange();
    const nodes = document.createTreeWalker(this.#element, NodeFilter.SHOW_TEXT);
    let at = 0;
    for (let node = nodes.nextNode(); node; node = nodes.nextNode()) {
      const length = node.nodeValue?.length ?? 0;
      if (from >= at && from < at + length) range.setStart(node, from - at);
      if (to <= at + length) {
        range.setEnd(node, to - at);
        return range;
      }
      at += length;
    }
    return null;
  }

  /** @param {Match} match */
  reveal(match) {
    const range = this.rangeOf(match);
    if (!range) return;
    const [place, frame] = [range.getBoundingClientRect(), this.#element.getBoundingClientRect()];
    if (place.top < frame.top || place.bottom > frame.bottom) this.#element.scrollTop += place.top - frame.top - frame.height / 2;
    this.#element.scrollIntoView({ block: "nearest" });
  }
}

export class Find {
  #field;
  #count;
  /** @type {Place | null} */
  #place = null;
  /** @type {Match[]} */
  #matches = [];
  #at = 0;

  /**
   * @param {HTMLInputElement} field
   * @param {HTMLElement} count
   */
  constructor(field, count) {
    this.#field = field;
    this.#count = count;
    field.addEventListener("input", () => this.#look(0, true));
    field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && field.value !== "") {
        event.preventDefault(); // the first one empties the field, the next one leaves it
        field.value = "";
        this.#look(0, false);
      } else if (event.key === "Enter") {
        event.preventDefault();
        this.#go(event.shiftKey ? -1 : 1);
      }
    });
  }

  focus() {
    this.#field.focus();
    this.#field.select();
  }

  /**
   * @param {Place | null} place that is shown now, null while there is none; what is looked for stays, and of the same place
   *   with other lines also which of the matches one is at
   */
  within(place) {
    const at = place === this.#place ? this.#at : 0;
    this.#place = place;
    this.#look(at, false);
  }

  /** The same place has drawn another part of itself. */
  drawn() {
    this.#mark();
  }

  /**
   * @param {number} at which of the matches one is at then
   * @param {boolean} isNew whether what is looked for was typed just now
   */
  #look(at, isNew) {
    const query = this.#field.value;
    this.#matches = this.#place?.matches(query) ?? [];
    this.#at = at < this.#matches.length ? at : 0;
    const first = this.#matches[0];
    if (first && isNew) this.#place?.reveal(first);
    this.#mark();
  }

  /** @param {1 | -1} step */
  #go(step) {
    const { length } = this.#matches;
    if (length === 0) return;
    this.#at = (this.#at + step + length) % length;
    const match = this.#matches[this.#at];
    if (match) this.#place?.reveal(match);
    this.#mark();
  }

  #mark() {
    const { length } = this.#matches;
    const all = length === MOST_MATCHES ? `${grouped(length)} or more` : grouped(length);
    say(this.#count, this.#field.value === "" || this.#place === null ? "" : length === 0 ? "none" : `${grouped(this.#at + 1)} of ${all}`);
    if (!("highlights" in CSS)) return;
    const around = (this.#place?.marked ?? 0) / 2;
    const near = this.#matches.slice(Math.max(0, this.#at - around), this.#at + around);
    const now = this.#matches[this.#at];
    const ranges = (/** @type {Match[]} */ matches) => matches.map((match) => this.#place?.rangeOf(match)).filter((range) => range instanceof Range);
    CSS.highlights.set(ALL, new Highlight(...ranges(near.filter((match) => match !== now))));
    CSS.highlights.set(NOW, new Highlight(...ranges(now ? [now] : [])));
  }
}
