// The list of rows: bounded, newest first, drawn once per animation frame, nodes recycled.

import { Arrivals } from "./arrivals.js";
import { EVERYTHING, fitting, isNarrow } from "./filter.js";
import { Kept, MOST_KEPT, recordsAmong } from "./kept.js";
import { Pace } from "./pace.js";
import { fillRow, makeRow } from "./row.js";

// More rows than anybody reads back, few enough for a phone.
export const MAX_ROWS = 500;
// Rows that a person loaded into a gap stay beside those.
const MAX_LOADED = 1_000;
// With more rows than this in one frame nothing tints: it would only flicker.
const TINTED_A_FRAME = 8;
const TINT_MS = 200;

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").RowTools} RowTools
 * @typedef {import("./filter.js").Filter} Filter
 * @typedef {{ entry: Entry, node: HTMLElement }} Row
 */

export class Rows {
  /** @type {Entry | null} */
  selected = null;
  held = false;
  /** records that the filter has looked at since it was set */
  searched = 0;
  #list;
  #tools;
  #changed;
  #arrivals = new Arrivals(MOST_KEPT);
  #kept = new Kept();
  /** @type {Row[]} newest first */
  #rows = [];
  #isNarrow = false;
  #fits = fitting(EVERYTHING);
  #allowance = MAX_ROWS;
  #pace = new Pace(() => this.#draw());
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {HTMLElement} list
   * @param {RowTools} tools
   * @param {() => void} changed called after each drawing
   */
  constructor(list, tools, changed) {
    this.#list = list;
    this.#tools = tools;
    this.#changed = changed;
  }

  /** @returns {number} records in sight */
  get shown() {
    return recordsAmong(this.#rows.map(({ entry }) => entry));
  }

  /** @returns {number} records that were neither drawn nor kept */
  get skipped() {
    return this.#arrivals.skipped;
  }

  get isEmpty() {
    return this.#rows.length === 0 && this.#arrivals.isEmpty;
  }

  get isFiltered() {
    return this.#isNarrow;
  }

  /** @returns {boolean} whether there is no row left for another one that fits */
  get isFull() {
    return this.#rows.length >= this.#allowance;
  }

  /** @param {Entry[]} entries in the order of arrival */
  add(entries) {
    if (entries.length === 0) return;
    this.#arrivals.add(entries);
    this.#pace.due();
  }

  /** @param {boolean} held whether the view stands still while receiving goes on */
  hold(held) {
    this.held = held;
    this.#pace.due();
  }

  /** @param {Filter} filter what is kept and fits is shown, however long ago it was drawn */
  filter(filter) {
    this.#isNarrow = isNarrow(filter);
    this.#fits = fitting(filter);
    this.searched = recordsAmong(this.#kept.fitting(() => true));
    this.#rebuild(this.#kept.fitting(this.#fits));
  }

  /** Forgets everything: another topic. */
  clear() {
    this.selected = null;
    this.searched = 0;
    this.#arrivals = new Arrivals(MOST_KEPT);
    this.#kept = new Kept();
    this.#allowance = MAX_ROWS;
    this.#rebuild([]);
  }

  /**
   * Puts what was loaded where a gap is; the gap, if it stays, is then the newer part that is still missing.
   *
   * @param {Entry} gap
   * @param {Entry[]} loaded oldest first
   * @param {boolean} isDone the gap itself goes
   */
  fill(gap, loaded, isDone) {
    this.#allowance = Math.min(this.#allowance + loaded.length, MAX_ROWS + MAX_LOADED);
    this.#kept.fill(gap, loaded, isDone, MAX_LOADED);
    this.searched += recordsAmong(loaded);
    const entries = this.#rows.map(({ entry }) => entry).reverse();
    const shownAt = entries.indexOf(gap);
    if (shownAt < 0) return;
    entries.splice(shownAt, isDone ? 1 : 0, ...loaded.filter(this.#fits));
    this.#rebuild(entries);
  }

  /** @param {Entry} entry whose text changed */
  refresh(entry) {
    const row = this.#rows.find((each) => each.entry === entry);
    if (row) fillRow(row.node, entry, this.#tools);
  }

  /**
   * @param {Node} node in a row
   * @returns {Entry | null}
   */
  entryAt(node) {
    return this.#rows.find((row) => row.node.contains(node))?.entry ?? null;
  }

  /** @param {Entry | null} entry */
  select(entry) {
    this.#mark(false);
    this.selected = entry;
    this.#mark(true);
    this.#keepReachable();
  }

  /**
   * Selects the next row down (1) or up (-1), and brings it into view.
   *
   * @param {1 | -1} step
   * @returns {Entry | null}
   */
  move(step) {
    const at = this.#rows.findIndex(({ entry }) => entry === this.selected);
    let next = at < 0 ? 0 : at + step;
    while (this.#rows[next]?.entry.kind === "note") next += step;
    const row = this.#rows[next];
    if (!row) return null;
    this.select(row.entry);
    row.node.focus({ preventScroll: true });
    row.node.scrollIntoView({ block: "nearest" });
    return row.entry;
  }

  /** Gives the keyboard back to the selected row. */
  focusSelected() {
    this.#rows.find(({ entry }) => entry === this.selected)?.node.focus({ preventScroll: true });
  }

  #draw() {
    if (this.held) return;
    const arrived = this.#arrivals.take();
    this.#kept.add(arrived);
    this.searched += recordsAmong(arrived);
    this.#prepend(arrived.filter(this.#fits).slice(-this.#allowance));
    this.#keepReachable();
    this.#changed();
  }

  /** @param {Entry[]} fresh oldest first; the oldest rows make room */
  #prepend(fresh) {
    const over = this.#rows.length + fresh.length - this.#allowance;
    const nodes = over > 0 ? this.#rows.splice(-over).map(({ node }) => node) : [];
    const rows = fresh.reverse().map((entry) => ({ entry, node: nodes.pop() ?? makeRow() }));
    for (const { entry, node } of rows) fillRow(node, entry, this.#tools);
    this.#list.prepend(...rows.map(({ node }) => node));
    this.#rows.unshift(...rows);
    if (rows.length > TINTED_A_FRAME || this.#calm.matches || document.hidden) return;
    for (const { node } of rows) node.animate([{ backgroundColor: "var(--tint)" }, { backgroundColor: "transparent" }], TINT_MS);
  }

  /** @param {Entry[]} entries oldest first, all that is to be seen */
  #rebuild(entries) {
    const nodes = this.#rows.map(({ node }) => node);
    this.#rows = entries.slice(-this.#allowance).reverse().map((entry) => {
      const node = nodes.pop() ?? makeRow();
      fillRow(node, entry, this.#tools);
      return { entry, node };
    });
    this.#list.replaceChildren(...this.#rows.map(({ node }) => node));
    this.#mark(true);
    this.#keepReachable();
    this.#changed();
  }

  /** @param {boolean} isSelected */
  #mark(isSelected) {
    if (this.selected === null) return;
    const row = this.#rows.find(({ entry }) => entry === this.selected);
    row?.node.setAttribute("aria-selected", String(isSelected));
  }

  /** One row is in the page's tab order: the selected one, else the newest. */
  #keepReachable() {
    const wanted = this.#rows.find(({ entry }) => entry === this.selected) ?? this.#rows[0];
    const reachable = this.#list.querySelector('.row[tabindex="0"]');
    if (reachable instanceof HTMLElement && reachable !== wanted?.node) reachable.tabIndex = -1;
    if (wanted) wanted.node.tabIndex = 0;
  }
}
