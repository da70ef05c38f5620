// Widths of a table's columns: dragged at the edge of a head, or set by the arrow keys there. As long as nobody set one, each
// is as wide as what it holds; then all of them are as wide as they say, whatever they hold.

import { element } from "../../page/dom.js";

// px; as docs/board.schema.json bounds them.
const NARROWEST = 40;
const WIDEST = 2_000;
// Of a column that is not seen when the others are measured.
const USUAL = 120;
const STEP = 10;
const LARGE_STEP = 50;

/** @typedef {(widths: number[]) => void} Resized with the widths of all columns, none where each is as wide as what it holds again */

export class Widths {
  #table;
  #heads;
  #resized;
  /** @type {number[]} */
  #widths = [];
  /** @type {HTMLElement[]} */
  #edges;

  /**
   * @param {HTMLElement} table
   * @param {HTMLElement[]} heads of its columns
   * @param {number[]} widths that they have; of another number of columns they count for nothing
   * @param {Resized} resized called when somebody set them
   */
  constructor(table, heads, widths, resized) {
    this.#table = table;
    this.#heads = heads;
    this.#resized = resized;
    this.#edges = heads.map((head, place) => this.#edgeOf(head, place));
    if (widths.length === heads.length) this.#show(widths);
  }

  /**
   * @param {HTMLElement} head
   * @param {number} place
   */
  #edgeOf(head, place) {
    const name = head.textContent ?? "";
    const edge = element("span", "column-edge");
    edge.tabIndex = 0;
    edge.setAttribute("role", "separator");
    edge.setAttribute("aria-orientation", "vertical");
    edge.setAttribute("aria-label", `Width of ${name}`);
    edge.setAttribute("aria-valuemin", String(NARROWEST));
    edge.setAttribute("aria-valuemax", String(WIDEST));
    edge.setAttribute("aria-valuenow", String(USUAL));
    edge.title = "Drag, or use the arrow keys; enter or a double click: as wide as what it holds";
    head.setAttribute("aria-label", name);
    head.append(edge);
    // Before anybody wants to know: asking for a size has the page laid out.
    edge.addEventListener("focus", () => this.#say(this.#measured()));
    edge.addEventListener("keydown", (event) => this.#key(event, place));
    edge.addEventListener("click", (event) => event.stopPropagation());
    edge.addEventListener("dblclick", () => this.#set([]));
    // Whoever drags tiles by what lies below would take the tile along.
    for (const type of ["mousedown", "touchstart"]) edge.addEventListener(type, (event) => event.stopPropagation(), { passive: true });
    edge.addEventListener("pointerdown", (event) => this.#drag(event, place));
    return edge;
  }

  /**
   * @param {PointerEvent} event
   * @param {number} place
   */
  #drag(event, place) {
    event.stopPropagation();
    if (event.button !== 0) return;
    const edge = /** @type {HTMLElement} */ (event.currentTarget);
    const widths = this.#measured();
    const [begun, from] = [event.clientX, widths[place] ?? USUAL];
    let isMoved = false;
    edge.setPointerCapture(event.pointerId);
    const ended = new AbortController();
    const { signal } = ended;
    edge.addEventListener("pointermove", ({ clientX }) => {
      isMoved = true;
      this.#show(widths.with(place, bounded(from + clientX - begun)));
    }, { signal });
    const end = () => {
      ended.abort();
      if (isMoved) this.#resized(this.#widths);
    };
    edge.addEventListener("pointerup", end, { signal });
    edge.addEventListener("pointercancel", end, { signal });
  }

  /**
   * @param {KeyboardEvent} event
   * @param {number} place
   */
  #key(event, place) {
    const step = (event.shiftKey ? LARGE_STEP : STEP) * (event.key === "ArrowLeft" ? -1 : 1);
    const widths = this.#measured();
    if (event.key === "Enter") this.#set([]);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.#set(widths.with(place, bounded((widths[place] ?? USUAL) + step)));
    else return;
    event.preventDefault();
    event.stopPropagation(); // neither the rows nor the tile move
  }

  /** @param {number[]} widths */
  #set(widths) {
    this.#show(widths);
    this.#resized(widths);
  }

  /** @returns {number[]} how wide they are now */
  #measured() {
    if (this.#widths.length > 0) return this.#widths;
    return this.#heads.map((head) => (head.offsetWidth > 0 ? bounded(head.offsetWidth) : USUAL));
  }

  /** @param {number[]} widths */
  #show(widths) {
    this.#widths = widths;
    this.#table.classList.toggle("sized", widths.length > 0);
    for (const [place, head] of this.#heads.entries()) head.style.width = widths.length > 0 ? `${widths[place]}px` : "";
    this.#say(widths);
  }

  /** @param {number[]} widths */
  #say(widths) {
    for (const [place, width] of widths.entries()) this.#edges[place]?.setAttribute("aria-valuenow", String(width));
  }
}

/** @param {number} width */
function bounded(width) {
  return Math.min(WIDEST, Math.max(NARROWEST, Math.round(width)));
}
