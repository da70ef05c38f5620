// The list of rows: bounded, newest first, drawn once per animation frame, nodes recycled. It stands still while somebody
// reads: scrolled away from the top, with a row selected or text marked, or paused.

import { Arrivals } from "./arrivals.js";
import { EVERYTHING, fitting, isNarrow } from "./filter.js";
import { Kept, MOST_KEPT, recordsAmong } from "./kept.js";
import { Pace } from "./pace.js";
import { fillRow, makeRow } from "./row.js";

// More rows than a screen shows, few enough for a phone; scrolling down shows more of them, and then loads older ones.
export const MAX_ROWS = 500;
// Rows that a person loaded into gaps or further down stay beside those.
const MAX_LOADED = 5_000;
// Rows that come into sight in one step of scrolling down, and how far before the end that begins.
const STEP = 200;
const NEAR_END_PX = 400;
// Gaps that are still open outlive the rows around them: what is missing stays in sight.
const MAX_GAPS = 50;
// Scrolled less than this is at the top.
const TOP_PX = 2;
// With more rows than this in one frame nothing tints: it would only flicker.
const TINTED_A_FRAME = 8;
const TINT_MS = 200;

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").GapEntry} GapEntry
 * @typedef {import("./row.js").RowTools} RowTools
 * @typedef {import("./filter.js").Filter} Filter
 * @typedef {{ entry: Entry, node: HTMLElement }} Row
 */

export class Rows {
  /** @type {Entry | null} */
  selected = null;
  paused = false;
  /** records that arrived and fit while the view stood still */
  fresh = 0;
  /** records that the filter has looked at since it was set */
  searched = 0;
  #list;
  #scroller;
  #tools;
  #changed;
  #older;
  #reading = false;
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
   * @param {{ changed: () => void, older: () => void }} events changed: called after each drawing; older: somebody has
   *   come to the end of what is kept
   */
  constructor(list, tools, { changed, older }) {
    this.#list = list;
    this.#scroller = list.closest(".stream") ?? list;
    this.#tools = tools;
    this.#changed = changed;
    this.#older = older;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    document.addEventListener("selectionchange", () => this.#look());
  }

  /** @returns {boolean} whether the view stands still while receiving goes on */
  get held() {
    return this.paused || this.#reading;
  }

  /** @returns {number} records in sight */
  get shown() {
    return recordsAmong(this.#rows.map(({ entry }) => entry));
  }

  /** @returns {number} records that were neither drawn nor kept */
  get skipped() {
    return this.#arrivals.skipped;
  }

  /** @returns {boolean} whether the newest row in the list is in sight */
  get isAtTop() {
    return this.#scroller.scrollTop <= TOP_PX;
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

  /** @returns {boolean} whether no more older records are taken in */
  get isDeepest() {
    return this.#kept.size >= MOST_KEPT + MAX_LOADED;
  }

  /** @param {Entry[]} entries in the order of arrival */
  add(entries) {
    if (entries.length === 0) return;
    if (this.held) this.fresh += recordsAmong(entries.filter(this.#fits));
    this.#arrivals.add(entries);
    this.#pace.due();
  }

  /** @param {boolean} paused whether the view stands still until somebody lets it go on */
  pause(paused) {
    if (!paused) this.toNewest();
    else {
      this.#countFresh();
      this.paused = true;
    }
  }

  /** Lets the view go on, from its top. */
  toNewest() {
    this.paused = false;
    this.#unselect();
    if (this.#hasMarkedText()) getSelection()?.removeAllRanges();
    this.#scroller.scrollTop = 0;
    this.#reading = false;
    this.#allowance = MAX_ROWS;
    this.#kept.forgetOlder();
    this.#pace.due();
  }

  /** @param {Filter} filter what is kept and fits is shown, however long ago it was drawn */
  filter(filter) {
    this.#isNarrow = isNarrow(filter);
    this.#fits = fitting(filter);
    this.searched = recordsAmong(this.#kept.fitting(() => true));
    this.#countFresh();
    this.#rebuild(this.#kept.fitting(this.#fits));
  }

  /** Forgets everything: another topic. */
  clear() {
    this.selected = null;
    this.searched = this.fresh = 0;
    this.#arrivals = new Arrivals(MOST_KEPT);
    this.#kept = new Kept();
    this.toNewest();
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
    this.#allow(loaded.length);
    this.#kept.fill(gap, loaded, isDone, MAX_LOADED);
    this.searched += recordsAmong(loaded);
    const entries = this.#rows.map(({ entry }) => entry).reverse();
    const shownAt = entries.indexOf(gap);
    if (shownAt < 0) return;
    entries.splice(shownAt, isDone ? 1 : 0, ...loaded.filter(this.#fits));
    this.#rebuild(entries);
  }

  /** @param {Entry[]} entries older than all that is kept, oldest first: they stand below */
  addOlder(entries) {
    this.#kept.addOlder(entries);
    this.#allow(entries.length);
    this.searched += recordsAmong(entries);
    this.#append(entries.filter(this.#fits));
    this.#changed();
  }

  /**
   * @param {Record<string, number>} positions of the stream
   * @returns {Record<string, number>} partition → the position below which nothing is kept
   */
  floors(positions) {
    const floors = { ...positions };
    // Each partition's entries are kept in the order of their offsets: the first one met is the lowest.
    const met = new Set();
    for (const entry of [...this.#kept.fitting(() => true), ...this.#arrivals.waiting()]) {
      if (entry.kind === "note") continue;
      const partition = String(entry.kind === "record" ? entry.partition : entry.range.partition);
      if (met.has(partition)) continue;
      met.add(partition);
      floors[partition] = entry.kind === "record" ? entry.record.offset : entry.range.from;
    }
    return floors;
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

  /** @param {Entry} entry */
  select(entry) {
    this.#unselect();
    this.selected = entry;
    this.#mark(true);
    this.#keepReachable();
    this.#look();
  }

  /** @returns {boolean} whether a row was selected; now none is, and the view goes on where nothing else holds it */
  release() {
    if (this.selected === null) return false;
    this.#unselect();
    this.#look();
    return true;
  }

  /**
   * Selects the next row down (1) or up (-1), and brings it into view.
   *
   * @param {1 | -1} step
   * @returns {Entry | null}
   */
  move(step) {
    const at = this.#rows.findIndex(({ entry }) => entry === this.selected);
    let next = at < 0 ? this.#firstInSight() : at + step;
    while (this.#rows[next]?.entry.kind === "note") next += step;
    if (next >= this.#rows.length - 1) this.#more();
    const row = this.#rows[next];
    if (!row) return null;
    this.select(row.entry);
    row.node.focus({ preventScroll: true });
    row.node.scrollIntoView({ block: "nearest" });
    return row.entry;
  }

  /**
   * Selects the newest gap in sight for which `fits` says so, the next older one when that is selected already.
   *
   * @param {(gap: GapEntry) => boolean} fits
   */
  reveal(fits) {
    const gaps = this.#rows.filter(({ entry }) => entry.kind === "gap" && fits(entry));
    const row = gaps[(gaps.findIndex(({ entry }) => entry === this.selected) + 1) % gaps.length];
    if (!row) return;
    this.select(row.entry);
    row.node.scrollIntoView({ block: "center" });
    row.node.focus({ preventScroll: true });
  }

  /** Gives the keyboard back to the selected row. */
  focusSelected() {
    this.#rows.find(({ entry }) => entry === this.selected)?.node.focus({ preventScroll: true });
  }

  /** Shows more of what is kept below, or asks for older records. */
  #more() {
    const kept = this.#kept.fitting(this.#fits);
    const last = this.#rows.at(-1)?.entry;
    const at = last ? kept.indexOf(last) : -1;
    if (at <= 0) {
      this.#older();
      return;
    }
    this.#allow(STEP);
    this.#append(kept.slice(Math.max(0, at - STEP), at));
    this.#changed();
  }

  /** @param {number} rows more than before may be in sight */
  #allow(rows) {
    this.#allowance = Math.min(this.#allowance + rows, MAX_ROWS + MOST_KEPT + MAX_LOADED);
  }

  #scrolled() {
    this.#look();
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    if (scrollTop > TOP_PX && scrollTop + clientHeight > scrollHeight - NEAR_END_PX) this.#more();
  }

  /** Looks whether somebody reads. */
  #look() {
    const reading = this.selected !== null || this.#scroller.scrollTop > TOP_PX || this.#hasMarkedText();
    if (reading === this.#reading) return;
    if (!this.held) this.#countFresh();
    this.#reading = reading;
    this.#pace.due();
    this.#changed();
  }

  /** What has arrived and was not drawn when the view began to stand still is new to whoever reads. */
  #countFresh() {
    this.fresh = recordsAmong([...this.#arrivals.waiting()].filter(this.#fits));
  }

  #hasMarkedText() {
    const marked = getSelection();
    return marked !== null && !marked.isCollapsed && marked.anchorNode !== null && this.#list.contains(marked.anchorNode);
  }

  /** @returns {number} the row that a person sees first */
  #firstInSight() {
    const top = this.#list.getBoundingClientRect().top + this.#scroller.scrollTop;
    const at = this.#rows.findIndex(({ node }) => node.getBoundingClientRect().top >= top - 1);
    return Math.max(0, at);
  }

  #unselect() {
    this.#mark(false);
    this.selected = null;
  }

  #draw() {
    if (this.held) return;
    this.fresh = 0;
    const arrived = this.#arrivals.take();
    this.#kept.add(arrived);
    this.searched += recordsAmong(arrived);
    this.#prepend(newest(arrived.filter(this.#fits), this.#allowance));
    this.#keepReachable();
    this.#changed();
  }

  /** @param {Entry[]} fresh oldest first; the oldest rows make room */
  #prepend(fresh) {
    const over = this.#rows.length + fresh.length - this.#allowance;
    const removed = over > 0 ? this.#rows.splice(-Math.min(over, this.#rows.length)) : [];
    const staying = removed.filter(({ entry }) => entry.kind === "gap").slice(0, MAX_GAPS);
    const nodes = removed.filter((row) => !staying.includes(row)).map(({ node }) => node);
    this.#rows.push(...staying);
    const rows = fresh.reverse().map((entry) => ({ entry, node: nodes.pop() ?? makeRow() }));
    for (const { entry, node } of rows) fillRow(node, entry, this.#tools);
    for (const node of nodes) node.remove();
    this.#list.prepend(...rows.map(({ node }) => node));
    this.#rows.unshift(...rows);
    if (rows.length > TINTED_A_FRAME || this.#calm.matches || document.hidden) return;
    for (const { node } of rows) node.animate([{ backgroundColor: "var(--tint)" }, { backgroundColor: "transparent" }], TINT_MS);
  }

  /** @param {Entry[]} entries oldest first, older than all rows */
  #append(entries) {
    const rows = entries.reverse().map((entry) => ({ entry, node: makeRow() }));
    for (const { entry, node } of rows) fillRow(node, entry, this.#tools);
    this.#list.append(...rows.map(({ node }) => node));
    this.#rows.push(...rows);
  }

  /** @param {Entry[]} entries oldest first, all that is to be seen */
  #rebuild(entries) {
    const nodes = this.#rows.map(({ node }) => node);
    this.#rows = newest(entries, this.#allowance).reverse().map((entry) => {
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

/**
 * @param {Entry[]} entries oldest first
 * @param {number} most
 * @returns {Entry[]} the newest of them, and the gaps among the others
 */
function newest(entries, most) {
  if (entries.length <= most) return entries;
  const gaps = entries.slice(0, -most).filter(({ kind }) => kind === "gap");
  return [...gaps.slice(-MAX_GAPS), ...entries.slice(-most)];
}
