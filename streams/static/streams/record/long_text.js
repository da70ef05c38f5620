// A text of any length in a bounded number of nodes: only the lines in sight stand in the page. Lines are folded where the
// element ends, so that each has one height and the place of every line is known.

// Of a line; the same as in detail.css (.long-text).
const LINE_PX = 20;
// Lines above and below those in sight, for scrolling without a blank.
const BESIDE = 30;
// Browsers place nothing correctly beyond some ten million pixels: what lies further down is left out, and said.
const MOST_LINES = 500_000;
// Matches that are counted; nobody goes through more.
export const MOST_MATCHES = 10_000;
const PROBE = "0".repeat(50);

/**
 * A place is a character of the text as it is shown, counted from 0 whatever stands in the page.
 *
 * @typedef {[number, number]} Match from and to, as places
 *
 * @typedef {object} Lines
 * @property {number} count
 * @property {(index: number) => string} line without a line break
 * @property {(index: number) => number} startOf the place where a line begins
 * @property {(place: number) => number} lineAt the line in which a place is
 * @property {(query: string) => Match[]} matches
 */

/**
 * @param {string} text
 * @param {string} query what is looked for, in any case
 * @returns {Match[]} the first of them
 */
export function matchesIn(text, query) {
  if (query === "") return [];
  /** @type {Match[]} */
  const found = [];
  for (const match of text.matchAll(new RegExp(query.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu"))) {
    found.push([match.index, match.index + match[0].length]);
    if (found.length === MOST_MATCHES) break;
  }
  return found;
}

/** A text, folded. */
export class TextLines {
  #text;
  /** @type {number[]} */
  #starts = [];
  #columns;

  /**
   * @param {string} text
   * @param {number} columns characters a line at most
   */
  constructor(text, columns) {
    this.#text = text;
    this.#columns = columns;
    for (let at = 0; at <= text.length; ) {
      const line = text.indexOf("\n", at);
      const end = line < 0 ? text.length : line;
      do {
        this.#starts.push(at);
        at = this.#foldAt(at, end);
      } while (at < end);
      at = end + 1;
    }
  }

  /**
   * @param {number} at
   * @param {number} end
   */
  #foldAt(at, end) {
    const fold = Math.min(end, at + this.#columns);
    const isWithinPair = fold < end && /[\uDC00-\uDFFF]/.test(this.#text[fold] ?? "") && fold - 1 > at;
    return isWithinPair ? fold - 1 : fold;
  }

  get count() {
    return this.#starts.length;
  }

  /** @param {number} index */
  line(index) {
    const end = this.#starts[index + 1] ?? this.#text.length;
    return this.#text.slice(this.#starts[index], end).replace(/\n$/, "");
  }

  /** @param {number} index */
  startOf(index) {
    return this.#starts[index] ?? this.#text.length;
  }

  /** @param {number} place */
  lineAt(place) {
    let [low, high] = [0, this.#starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.startOf(middle) <= place) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** @param {string} query */
  matches(query) {
    return matchesIn(this.#text, query);
  }
}

export class LongText {
  element = document.createElement("div");
  /** called when it has other lines, since its width is known or is another one */
  folded = () => {};
  /** called after each drawing */
  drawn = () => {};
  marked = 2 * MOST_MATCHES;
  #space = document.createElement("div");
  #shown = document.createElement("pre");
  #makeLines;
  /** @type {Lines} */
  #lines;
  #columns = 0;
  #first = 0;
  /** @type {number[]} where each line in the page begins in its text */
  #starts = [];

  /**
   * @param {string} label of the region
   * @param {(columns: number) => Lines} makeLines called when the width is known, and when it changes
   */
  constructor(label, makeLines) {
    this.#makeLines = makeLines;
    this.#lines = new TextLines("", 80);
    this.element.className = "detail-value long-text";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "region");
    this.element.setAttribute("aria-label", label);
    this.#space.append(this.#shown);
    this.element.append(this.#space);
    this.element.addEventListener("scroll", () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  /** @param {string} query */
  matches(query) {
    return this.#lines.matches(query);
  }

  /**
   * @param {Match} match
   * @returns {Range | null} where it stands in the page, null when it is out of sight
   */
  rangeOf([from, to]) {
    const node = this.#shown.firstChild;
    const [start, end] = [from, to - 1].map((place) => this.#placeInNode(place));
    if (!node || start === undefined || end === undefined || start < 0 || end < 0) return null;
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, end + 1);
    return range;
  }

  /** @param {Match} match to bring into sight */
  reveal([from]) {
    const top = this.#lines.lineAt(from) * LINE_PX;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop || top + LINE_PX > scrollTop + clientHeight) this.element.scrollTop = top - clientHeight / 2;
    this.element.scrollIntoView({ block: "nearest" });
    this.#draw();
  }

  /** @param {number} place @returns {number} in the text node, -1 when it is not there */
  #placeInNode(place) {
    const line = this.#lines.lineAt(place);
    const start = this.#starts[line - this.#first];
    return start === undefined || line < this.#first ? -1 : start + place - this.#lines.startOf(line);
  }

  /** Folds the text by the width that the element has now, if it has one. */
  fit() {
    if (this.element.clientWidth === 0) return;
    this.#shown.textContent = PROBE;
    const range = document.createRange();
    range.selectNodeContents(this.#shown);
    const width = range.getBoundingClientRect().width / PROBE.length;
    const columns = Math.max(20, Math.floor(this.#space.clientWidth / Math.max(1, width)));
    if (columns !== this.#columns) {
      this.#columns = columns;
      this.#lines = this.#makeLines(columns);
      this.element.style.setProperty("--lines", String(this.#lines.count));
      this.#space.style.height = `${Math.min(this.#lines.count, MOST_LINES + 1) * LINE_PX}px`;
      this.#starts = []; // nothing of these lines stands in the page yet
      this.folded();
    }
    this.#draw();
  }

  #draw() {
    const { scrollTop, clientHeight } = this.element;
    const count = Math.min(this.#lines.count, MOST_LINES);
    this.#first = Math.max(0, Math.floor(scrollTop / LINE_PX) - BESIDE);
    const last = Math.min(count, Math.ceil((scrollTop + clientHeight) / LINE_PX) + BESIDE);
    /** @type {string[]} */
    const lines = [];
    this.#starts = [];
    let at = 0;
    for (let index = this.#first; index < last; index += 1) {
      const line = this.#lines.line(index);
      lines.push(line);
      this.#starts.push(at);
      at += line.length + 1;
    }
    if (last === count && this.#lines.count > count) lines.push("… what follows is too long to be shown; copy it");
    this.#shown.textContent = lines.join("\n");
    this.#shown.style.transform = `translateY(${this.#first * LINE_PX}px)`;
    this.drawn();
  }
}
