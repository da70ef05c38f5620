// Where somebody is reading in the list: nothing may jump there. A pointer that moves over the rows holds changes of
// their order back for a moment; otherwise the row that is read stays at its height in the window.

import { rowsIn } from "./itemrows.js";

// Somebody who moved the pointer this recently is about to press something.
const STILL_MS = 1_000;
// Held back no longer than this, however much the pointer moves.
const HELD_MS = 5_000;

export class Place {
  #region;
  #movedAt = -Infinity;
  #heldSince = -Infinity;

  /**
   * @param {HTMLElement} region of the list
   * @param {() => void} goOn called when nothing is held back any more
   */
  constructor(region, goOn) {
    this.#region = region;
    let timer = 0;
    region.addEventListener("pointermove", (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("tbody")) return;
      const now = performance.now();
      if (now - this.#movedAt > STILL_MS) this.#heldSince = now;
      this.#movedAt = now;
      clearTimeout(timer);
      if (this.isHeld) timer = window.setTimeout(goOn, STILL_MS);
      else goOn();
    });
  }

  /** @returns {boolean} whether the order of the rows has to stay for now */
  get isHeld() {
    const now = performance.now();
    return now - this.#movedAt < STILL_MS && now - this.#heldSince < HELD_MS;
  }

  /**
   * Changes the list; what is being read stays at its height, and the focus inside of the list.
   *
   * @param {() => void} change
   */
  keep(change) {
    const hadFocus = this.#region.contains(document.activeElement);
    const rows = [...rowsIn(this.#region)];
    const anchors = rows.slice(this.#anchor(rows)).map((row) => ({ row, top: row.getBoundingClientRect().top }));
    const focused = rows.findIndex((row) => row.contains(document.activeElement));
    change();
    const anchor = anchors.find(({ row }) => row.isConnected);
    const moved = anchor ? anchor.row.getBoundingClientRect().top - anchor.top : 0;
    if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: "instant" });
    if (hadFocus && !this.#region.contains(document.activeElement)) this.#focusNear(rows, focused);
  }

  /**
   * @param {HTMLElement[]} rows
   * @returns {number} the row that is read: with the focus, under the pointer, or of a list that was scrolled the first in
   *   sight; rows.length for none
   */
  #anchor(rows) {
    const focused = rows.findIndex((row) => row.contains(document.activeElement));
    if (focused >= 0) return focused;
    if (performance.now() - this.#movedAt < HELD_MS) {
      const pointed = rows.findIndex((row) => row.matches(":hover"));
      if (pointed >= 0) return pointed;
    }
    const first = rows.findIndex((row) => row.getBoundingClientRect().top >= 0);
    if (first < 0) return Math.max(0, rows.length - 1);
    return first > 0 ? first : rows.length;
  }

  /**
   * The row with the focus is gone: its successor takes over, or the row before it, or the list.
   *
   * @param {HTMLElement[]} rows as they were
   * @param {number} place of the row with the focus, -1 for none
   */
  #focusNear(rows, place) {
    const near = place < 0 ? [] : [...rows.slice(place), ...rows.slice(0, place).reverse()];
    const target = near.find((row) => row.isConnected)?.querySelector("a");
    if (!target) this.#region.tabIndex = -1;
    (target ?? this.#region).focus({ preventScroll: true });
  }
}
