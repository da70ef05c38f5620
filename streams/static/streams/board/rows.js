// What the list of rows shows, and when that changes: bounded, the newest, drawn once per animation frame. It stands still
// while somebody reads: scrolled away from the newest, with a row pressed or selected or text marked, or paused. The nodes
// and the order in which they stand are drawn.js's.

import { Arrivals } from "./arrivals.js";
import { Drawn } from "./drawn.js";
import { EVERYTHING, fitting, isNarrow, isSifting } from "./filter.js";
import { Kept, MOST_KEPT, recordsAmong } from "./kept.js";
import { Pace } from "./pace.js";
import { grouped } from "../page/format.js";
import { isOldestFirst } from "../page/order.js";
import { whenPressed } from "../page/dom.js";

// More rows than a screen shows, few enough for a phone; scrolling down shows more of them, and then loads older ones.
export const MAX_ROWS = 500;
// Rows that a person loaded into gaps or further down stay beside those.
const MAX_LOADED = 5_000;
// Rows that come into sight in one step of scrolling down, and how far before the end that begins.
const STEP = 200;
const NEAR_END_PX = 400;
// Scrolled less than this away from the newest is not scrolled away.
const END_PX = 2;

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").GapEntry} GapEntry
 * @typedef {import("./row.js").RowTools} RowTools
 * @typedef {import("./filter.js").Filter} Filter
 */

export class Rows {
  /** @type {Entry | null} */
  selected = null;
  paused = false;
  /** records that arrived and fit while the view stood still */
  fresh = 0;
  /** whether there may be more of them: what was passed over fits who knows which filter */
  isFreshLeast = false;
  /** records that the filter has looked at since it was set */
  searched = 0;
  #list;
  #scroller;
  #drawn;
  #changed;
  #older;
  #reading = false;
  // A row that moved away under the pointer would never hear of its click.
  #isPressed = false;
  #arrivals = new Arrivals(MOST_KEPT);
  #kept = new Kept();
  #isNarrow = false;
  #isSifting = false;
  // Whether the newest stand at the bottom.
  #isUpward = false;
  #fits = fitting(EVERYTHING);
  #allowance = MAX_ROWS;
  #pace = new Pace(() => this.#draw());

  /**
   * @param {HTMLElement} list
   * @param {RowTools} tools
   * @param {{ changed: () => void, older: () => void }} events changed: called after each drawing; older: somebody has
   *   come to the end of what is kept
   */
  constructor(list, tools, { changed, older }) {
    this.#list = list;
    this.#scroller = list.closest(".stream") ?? list;
    this.#drawn = new Drawn(list, tools);
    this.#changed = changed;
    this.#older = older;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    document.addEventListener("selectionchange", () => this.#look());
    // What becomes lower or higher loses its bottom from sight without being scrolled.
    const sizes = new ResizeObserver(() => {
      if (this.#isUpward && !this.held) this.#toEnd();
    });
    sizes.observe(this.#scroller);
    sizes.observe(list);
    whenPressed(list, (isPressed) => this.#press(isPressed));
  }

  /** @returns {boolean} whether the view stands still while receiving goes on */
  get held() {
    return this.paused || this.#reading;
  }

  /** @returns {string} how many records are new */
  get freshText() {
    return `${this.isFreshLeast ? "at least " : ""}${grouped(this.fresh)} new`;
  }

  /** @returns {number} records in sight */
  get shown() {
    return recordsAmong(this.#drawn.entries);
  }

  /** @returns {number} records that were neither drawn nor kept */
  get skipped() {
    return this.#arrivals.skipped;
  }

  /** @returns {boolean} whether the end of the list where new rows come is in sight */
  get isAtNewest() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    return this.#isUpward ? scrollTop + clientHeight >= scrollHeight - END_PX : scrollTop <= END_PX;
  }

  get isEmpty() {
    return this.#drawn.length === 0 && this.#arrivals.isEmpty;
  }

  get isFiltered() {
    return this.#isNarrow;
  }

  /** @returns {import("./row.js").RecordEntry[]} the records in sight, newest first */
  get records() {
    return this.#drawn.entries.filter((entry) => entry.kind === "record");
  }

  /**
   * @param {number} most
   * @returns {Entry[]} what is kept, whether or not it fits, newest first
   */
  recent(most) {
    return this.#kept.fitting(() => true).slice(-most).reverse();
  }

  /** @returns {boolean} whether there is no row left for another one that fits */
  get isFull() {
    return this.#drawn.length >= this.#allowance;
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
      if (!this.held) this.#countFresh(); // else what is new was counted as it came
      this.paused = true;
    }
  }

  /**
   * @param {import("../page/order.js").Order} order in which rows stand from now on; whoever reads still sees the row that
   *   was read
   */
  arrange(order) {
    this.#inPeace(() => {
      this.#isUpward = isOldestFirst(order);
      this.#drawn.arrange(order);
    });
    this.#look();
  }

  /** Lets the view go on, from its newest end. */
  toNewest() {
    this.paused = false;
    this.#unselect();
    if (this.#hasMarkedText()) getSelection()?.removeAllRanges();
    this.#toEnd();
    this.#reading = false;
    this.#allowance = MAX_ROWS;
    this.#kept.forgetOlder();
    this.#pace.due();
  }

  /** @param {Filter} filter what is kept and fits is shown, however long ago it was drawn */
  filter(filter) {
    this.#isNarrow = isNarrow(filter);
    this.#isSifting = isSifting(filter);
    this.#fits = fitting(filter);
    this.searched = recordsAmong(this.#kept.fitting(() => true));
    this.#countFresh();
    this.#rebuild(this.#kept.fitting(this.#fits));
  }

  /** Forgets everything: another topic. */
  clear() {
    this.selected = null;
    this.searched = this.fresh = 0;
    this.isFreshLeast = false;
    this.#arrivals = new Arrivals(MOST_KEPT);
    this.#kept = new Kept();
    this.toNewest();
    this.#rebuild([]);
  }

  /**
   * Puts what was loaded where a gap is; the gap, if it stays, is then the newer part that is still missing.
   * Whoever was on a gap that goes is on the newest of its records then.
   *
   * @param {Entry} gap
   * @param {Entry[]} loaded oldest first
   * @param {boolean} isDone the gap itself goes
   */
  fill(gap, loaded, isDone) {
    this.#allow(loaded.length);
    this.#kept.fill(gap, loaded, isDone, MAX_LOADED);
    this.searched += recordsAmong(loaded);
    const entries = this.#drawn.entries.reverse();
    const shownAt = entries.indexOf(gap);
    if (shownAt < 0) return;
    const fits = loaded.filter(this.#fits);
    entries.splice(shownAt, isDone ? 1 : 0, ...fits);
    const instead = isDone ? (fits.findLast(({ kind }) => kind === "record") ?? fits.at(-1) ?? entries[shownAt] ?? gap) : gap;
    const successor = (/** @type {Entry} */ entry) => (entry === gap ? instead : entry);
    this.#inPeace(() => {
      if (this.selected === gap) this.selected = instead;
      this.#rebuild(entries, successor);
    }, successor);
  }

  /** @param {Entry[]} entries older than all that is kept, oldest first: they stand beyond those */
  addOlder(entries) {
    this.#kept.addOlder(entries);
    this.#allow(entries.length);
    this.searched += recordsAmong(entries);
    this.#inPeace(() => this.#drawn.append(entries.filter(this.#fits)));
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
    this.#drawn.refresh(entry);
  }

  /**
   * @param {Node} node in a row
   * @returns {Entry | null}
   */
  entryAt(node) {
    return this.#drawn.entryAt(node);
  }

  /** @param {Entry} entry */
  select(entry) {
    this.selected = entry;
    this.#drawn.mark(entry);
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
    const { placed } = this.#drawn;
    const at = this.selected ? placed.indexOf(this.selected) : -1;
    let next = at >= 0 ? at + step : this.#isUpward && this.isAtNewest ? placed.length - 1 : this.#drawn.firstBelow(this.#top);
    while (placed[next]?.kind === "note") next += step;
    const entry = placed[next];
    if (this.#isUpward ? next <= 0 : next >= placed.length - 1) this.#more();
    if (!entry) return null;
    this.#show(entry, "nearest");
    return entry;
  }

  /**
   * Selects the newest gap in sight for which `fits` says so, the next older one when that is selected already.
   *
   * @param {(gap: GapEntry) => boolean} fits
   */
  reveal(fits) {
    const gaps = this.#drawn.entries.filter((entry) => entry.kind === "gap" && fits(entry));
    const gap = gaps[(gaps.findIndex((entry) => entry === this.selected) + 1) % gaps.length];
    if (gap) this.#show(gap, "center");
  }

  /**
   * @param {import("./row.js").RecordEntry} wanted
   * @returns {import("./row.js").RecordEntry | null} the same record among those in sight
   */
  find({ epoch, partition, record }) {
    return this.records.find((each) => each.epoch === epoch && each.partition === partition && each.record.offset === record.offset) ?? null;
  }

  /** @param {Entry} entry to select and bring into view; the keyboard comes along where it was on a row */
  follow(entry) {
    const hadFocus = this.#list.contains(document.activeElement);
    this.select(entry);
    const node = this.#drawn.nodeOf(entry);
    if (hadFocus) node?.focus({ preventScroll: true });
    node?.scrollIntoView({ block: "nearest" });
  }

  /** Gives the keyboard back to the selected row. */
  focusSelected() {
    this.#drawn.nodeOf(this.selected)?.focus({ preventScroll: true });
  }

  /**
   * @param {Entry} entry to select, with the keyboard on its row
   * @param {ScrollLogicalPosition} block where it comes to stand, as far as it has to be moved
   */
  #show(entry, block) {
    this.select(entry);
    const node = this.#drawn.nodeOf(entry);
    node?.focus({ preventScroll: true });
    node?.scrollIntoView({ block });
  }

  /** Shows more of what is kept beyond what stands there without a hole, or asks for older records. */
  #more() {
    const kept = this.#kept.fitting(this.#fits);
    const inSight = new Set(this.#drawn.entries);
    const next = kept.findLastIndex((entry) => !inSight.has(entry));
    if (next < 0) {
      this.#older();
      return;
    }
    const step = kept.slice(Math.max(0, next + 1 - STEP), next + 1);
    this.#allow(step.length);
    this.#inPeace(() => {
      if (kept[next + 1] === this.#drawn.oldest) this.#drawn.append(step);
      // A gap that is older than those is in sight already.
      else this.#rebuild(kept.filter((entry) => inSight.has(entry) || step.includes(entry)));
    });
    this.#changed();
  }

  /** @param {number} rows more than before may be in sight */
  #allow(rows) {
    this.#allowance = Math.min(this.#allowance + rows, MAX_ROWS + MOST_KEPT + MAX_LOADED);
  }

  #scrolled() {
    this.#look();
    const { scrollTop, clientHeight, scrollHeight } = this.#scroller;
    const left = this.#isUpward ? scrollTop : scrollHeight - clientHeight - scrollTop;
    if (!this.isAtNewest && left < NEAR_END_PX) this.#more();
  }

  /** Goes to the end where new rows come. */
  #toEnd() {
    this.#scroller.scrollTop = this.#isUpward ? this.#scroller.scrollHeight : 0;
  }

  /**
   * @param {() => void} change of rows; while somebody reads, what is read stays where it stands on the screen
   * @param {(entry: Entry) => Entry} successor of one that goes: what comes to stand in its place
   */
  #inPeace(change, successor = (entry) => entry) {
    const { placed } = this.#drawn;
    const read = this.held ? (this.selected ?? placed[this.#drawn.firstBelow(this.#top)] ?? null) : null;
    const top = this.#drawn.nodeOf(read)?.getBoundingClientRect().top;
    change();
    const now = this.#drawn.nodeOf(read && successor(read))?.getBoundingClientRect().top;
    if (top !== undefined && now !== undefined) this.#scroller.scrollTop += now - top;
    else if (!this.held) this.#toEnd();
  }

  /** @param {boolean} isPressed whether a pointer is down on a row */
  #press(isPressed) {
    if (this.#isPressed === isPressed) return;
    this.#isPressed = isPressed;
    this.#look();
  }

  /** Looks whether somebody reads. */
  #look() {
    const reading = this.#isPressed || this.selected !== null || !this.isAtNewest || this.#hasMarkedText();
    if (reading === this.#reading) return;
    if (!this.held) this.#countFresh();
    this.#reading = reading;
    this.#pace.due();
    this.#changed();
  }

  /** What has arrived and was not drawn when the view began to stand still is new to whoever reads. */
  #countFresh() {
    ({ count: this.fresh, isLeast: this.isFreshLeast } = this.#arrivals.fresh(this.#fits, this.#isSifting));
  }

  #hasMarkedText() {
    const marked = getSelection();
    return marked !== null && !marked.isCollapsed && marked.anchorNode !== null && this.#list.contains(marked.anchorNode);
  }

  /** @returns {number} the height in the window at which the first row in sight stands */
  get #top() {
    return (this.#list.previousElementSibling ?? this.#list).getBoundingClientRect().bottom; // the heads stay in sight
  }

  #unselect() {
    this.selected = null;
    this.#drawn.mark(null);
  }

  #draw() {
    if (this.held) return;
    this.fresh = 0;
    this.isFreshLeast = false;
    const arrived = this.#arrivals.take();
    this.#kept.add(arrived);
    this.searched += recordsAmong(arrived);
    this.#drawn.prepend(arrived.filter(this.#fits), this.#allowance);
    this.#drawn.mark(this.selected);
    if (this.#isUpward) this.#toEnd();
    this.#changed();
  }

  /**
   * @param {Entry[]} entries oldest first, all that is to be seen
   * @param {(entry: Entry) => Entry} [successor] of one that goes
   */
  #rebuild(entries, successor) {
    this.#drawn.rebuild(entries, this.#allowance, successor);
    this.#drawn.mark(this.selected);
    this.#changed();
  }
}
