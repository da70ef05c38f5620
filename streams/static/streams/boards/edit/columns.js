// Columns of a tile put into another order at their heads: dragged by mouse, pen or finger, or moved by the arrow keys. A
// mark says where the column would stand.

import { element } from "../../page/dom.js";

// px that a press may move without being a drag.
const STILL = 5;
// Nearer to a side than this, what lies beyond it is brought into sight.
const SIDE_PX = 28;
const SCROLL_PX = 12;

/** @typedef {(path: string, by: number) => void} Moved by: places, to the left when below 0 */

/**
 * @param {HTMLElement} tile that is drawn
 * @param {Moved} moved called when somebody put a column elsewhere
 */
export function letColumnsMove(tile, moved) {
  const row = tile.querySelector("thead tr");
  const scroll = tile.querySelector(".tile-scroll");
  if (!(row instanceof HTMLElement) || !(scroll instanceof HTMLElement)) return;
  const columns = new MovableColumns(row, scroll, moved);
  if (columns.heads.length > 1) columns.listen();
}

class MovableColumns {
  #row;
  #scroll;
  #moved;
  #mark = element("div", "drop-mark");
  #ghost = element("div", "drag-ghost mono");
  /** @type {HTMLElement[]} of the columns that can be moved */
  heads;

  /**
   * @param {HTMLElement} row of the heads
   * @param {HTMLElement} scroll
   * @param {Moved} moved
   */
  constructor(row, scroll, moved) {
    this.#row = row;
    this.#scroll = scroll;
    this.#moved = moved;
    this.heads = [...row.querySelectorAll("th[data-column]:not([data-by])")].filter((head) => head instanceof HTMLElement);
    for (const shown of [this.#mark, this.#ghost]) shown.setAttribute("aria-hidden", "true");
  }

  listen() {
    for (const head of this.heads) {
      head.classList.add("movable");
      head.title = `${head.dataset["column"]}\nDrag it, or use the arrow keys, to put it elsewhere`;
      head.setAttribute("aria-keyshortcuts", "ArrowLeft ArrowRight");
      if (!head.querySelector("button")) head.tabIndex = 0;
    }
    // Whoever drags tiles by what lies below would take the tile along.
    for (const type of ["mousedown", "touchstart"]) {
      this.#row.addEventListener(type, (event) => (this.#headOf(event) ? event.stopPropagation() : undefined), { passive: true });
    }
    this.#row.addEventListener("pointerdown", (event) => this.#press(event));
    this.#row.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {Event} event @returns {HTMLElement | null} the head of a column that it happened to */
  #headOf({ target }) {
    const head = target instanceof Element ? target.closest("th") : null;
    return head && this.heads.includes(head) ? head : null;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const head = this.#headOf(event);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!head || by === undefined || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // the tile stays where it is
    const to = this.heads.indexOf(head) + by;
    if (to >= 0 && to < this.heads.length) this.#moved(head.dataset["column"] ?? "", by);
  }

  /** @param {PointerEvent} event */
  #press(event) {
    const head = this.#headOf(event);
    if (!head || event.button !== 0 || !event.isPrimary) return;
    const from = event.clientX;
    let isDragged = false;
    const ended = new AbortController();
    const { signal } = ended;
    // Wherever the pointer is: the first move may lead out of the head.
    const end = (/** @type {number} */ by) => {
      ended.abort();
      this.#leave(head);
      if (by !== 0) this.#moved(head.dataset["column"] ?? "", by);
    };
    addEventListener("pointermove", ({ clientX, clientY, pointerId }) => {
      if (!isDragged && Math.abs(clientX - from) < STILL) return;
      if (!isDragged) head.setPointerCapture(pointerId);
      isDragged = true;
      this.#drag(head, clientX, clientY);
    }, { signal });
    addEventListener("pointerup", ({ clientX }) => {
      if (isDragged) passOverClick();
      end(isDragged ? this.#stepsTo(head, clientX) : 0);
    }, { signal });
    addEventListener("pointercancel", () => end(0), { signal });
    addEventListener("keydown", (pressed) => {
      if (pressed.key !== "Escape" || !isDragged) return;
      pressed.preventDefault();
      pressed.stopImmediatePropagation(); // it ends the drag, and not the editing
      end(0);
    }, { signal, capture: true });
  }

  /**
   * @param {HTMLElement} head
   * @param {number} x
   * @param {number} y
   */
  #drag(head, x, y) {
    this.#row.classList.add("dragging");
    head.classList.add("dragged");
    if (!this.#ghost.isConnected) {
      this.#ghost.textContent = head.querySelector(".sort")?.textContent ?? head.firstChild?.textContent ?? "";
      document.body.append(this.#ghost);
      this.#scroll.append(this.#mark);
    }
    const { left, right } = this.#scroll.getBoundingClientRect();
    if (x > right - SIDE_PX) this.#scroll.scrollLeft += SCROLL_PX;
    else if (x < left + SIDE_PX) this.#scroll.scrollLeft -= SCROLL_PX;
    this.#ghost.style.translate = `${x + 12}px ${y + 12}px`;
    this.#mark.hidden = this.#stepsTo(head, x) === 0;
    this.#mark.style.insetInlineStart = `${this.#edgeOf(this.#slotAt(x)) - left + this.#scroll.scrollLeft - 1}px`;
    this.#mark.style.insetBlockStart = `${this.#scroll.scrollTop}px`;
    this.#mark.style.blockSize = `${this.#scroll.clientHeight}px`;
  }

  /** @param {HTMLElement} head that is dragged no more */
  #leave(head) {
    this.#row.classList.remove("dragging");
    head.classList.remove("dragged");
    this.#mark.remove();
    this.#ghost.remove();
  }

  /** @param {number} x @returns {number} how many of the columns stand before it */
  #slotAt(x) {
    return this.heads.filter((head) => {
      const { left, width } = head.getBoundingClientRect();
      return left + width / 2 < x;
    }).length;
  }

  /** @param {number} slot @returns {number} where it is, px of the page */
  #edgeOf(slot) {
    const [before, behind] = [this.heads[slot - 1], this.heads[slot]];
    return behind?.getBoundingClientRect().left ?? before?.getBoundingClientRect().right ?? 0;
  }

  /**
   * @param {HTMLElement} head
   * @param {number} x where it would be let go
   * @returns {number} how many places that is from where it stands
   */
  #stepsTo(head, x) {
    const from = this.heads.indexOf(head);
    const slot = this.#slotAt(x);
    return slot > from ? slot - 1 - from : slot - from;
  }
}

/** What was let go was dragged, and not pressed: it sorts nothing. */
function passOverClick() {
  const stop = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  addEventListener("click", stop, { capture: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}
