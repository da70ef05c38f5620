// The list of what a search found, in an order that can be chosen: rows as in the stream, each with the records around it
// when asked for.

import { button, element, whenPressed } from "../page/dom.js";
import { fillRow, makeRow } from "./row.js";
import { arrange } from "../page/morph.js";

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {{ before: RecordEntry[], after: RecordEntry[] }} Around oldest first, of the same partition
 * @typedef {"newest" | "oldest" | "place"} Order by time across partitions, newest or oldest first; by partition and offset
 *
 * @typedef {object} FoundTools
 * @property {import("./row.js").RowTools} row
 * @property {(entry: RecordEntry) => void} open
 * @property {(entry: RecordEntry) => Promise<Around | string>} around why not, in words for people
 */

export class FoundRows {
  #list;
  #tools;
  /** @type {RecordEntry[]} in their order */
  #entries = [];
  /** @type {Order} */
  #order = "newest";
  /** @type {Map<RecordEntry, HTMLElement>} */
  #nodes = new Map();
  /** @type {Map<RecordEntry, HTMLElement[][]>} what stands above a row and below it, while it is open */
  #around = new Map();
  /** @type {WeakMap<Element, RecordEntry>} */
  #entryOf = new WeakMap();
  /** @type {HTMLElement | null} */
  #chosen = null;
  #isDue = false;
  #isPressed = false;

  /**
   * @param {HTMLElement} list
   * @param {FoundTools} tools
   */
  constructor(list, tools) {
    this.#list = list;
    this.#tools = tools;
    list.addEventListener("click", (event) => {
      const row = event.target instanceof Element && !event.target.closest("a, button") ? event.target.closest(".row") : null;
      if (row instanceof HTMLElement) this.#choose(row, true);
    });
    list.addEventListener("keydown", (event) => this.#pressed(event));
    whenPressed(list, (isPressed) => {
      this.#isPressed = isPressed;
      if (!isPressed) this.#released();
    });
  }

  get count() {
    return this.#entries.length;
  }

  /** @returns {RecordEntry[]} newest first, in whichever order they stand here */
  get entries() {
    return [...this.#entries].sort(ORDERS.newest);
  }

  /** @param {Order} order of the rows from now on */
  sort(order) {
    this.#order = order;
    this.#entries.sort(ORDERS[order]);
    this.#draw();
  }

  /**
   * @param {{ partition: number, offset: number }} place whose record is chosen, where one stands there
   * @param {boolean} isOpened
   */
  choose({ partition, offset }, isOpened) {
    const entry = this.#entries.find((each) => each.partition === partition && each.record.offset === offset);
    if (entry) this.#choose(this.#nodeOf(entry), isOpened);
  }

  /** @returns {number[]} ms, of those that have a time */
  get times() {
    return this.#entries.map(({ record }) => Number(record.timestamp ?? NaN)).filter((time) => !Number.isNaN(time));
  }

  clear() {
    this.#entries = [];
    this.#nodes.clear();
    this.#around.clear();
    this.#chosen = null;
    this.#list.replaceChildren();
  }

  /** @param {RecordEntry[]} entries that were found, in any order */
  add(entries) {
    this.#entries = [...this.#entries, ...entries].sort(ORDERS[this.#order]);
    this.#draw();
  }

  /** Gives the keyboard to the row that was chosen last. */
  focus() {
    this.#chosen?.focus({ preventScroll: true });
  }

  /** @returns {boolean} whether the keyboard is here */
  get hasFocus() {
    return this.#list.contains(document.activeElement);
  }

  /** @param {1 | -1} step @returns {RecordEntry | null} the row the keyboard came to */
  move(step) {
    const rows = this.#rows();
    const at = this.#chosen ? rows.indexOf(this.#chosen) : -1;
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (!next) return null;
    this.#choose(next, false);
    return this.#entryOf.get(next) ?? null;
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const row = event.target instanceof Element ? event.target.closest(".row") : null;
    if (!(row instanceof HTMLElement) || event.target !== row) return;
    const entry = this.#entryOf.get(row);
    const isFound = entry !== undefined && this.#nodes.get(entry) === row;
    // From row to row is the board's business (keyboard.js): it shows the record that is gone to.
    if (event.key === "Enter") this.#choose(row, true);
    else if (event.key === "ArrowRight" && isFound && !this.#around.has(entry)) void this.#toggle(entry);
    else if (event.key === "ArrowLeft" && isFound && this.#around.has(entry)) void this.#toggle(entry);
    else return;
    event.preventDefault();
  }

  /** @returns {HTMLElement[]} */
  #rows() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll(".row")]);
  }

  /**
   * @param {HTMLElement} row
   * @param {boolean} isOpened
   */
  #choose(row, isOpened) {
    this.#chosen?.setAttribute("aria-selected", "false");
    if (this.#chosen) this.#chosen.tabIndex = -1;
    this.#chosen = row;
    row.setAttribute("aria-selected", "true");
    row.tabIndex = 0;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    const entry = this.#entryOf.get(row);
    if (entry && isOpened) this.#tools.open(entry);
  }

  #draw() {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      if (this.#isPressed) return; // drawn when it is released
      this.#isDue = false;
      const nodes = this.#entries.flatMap((entry) => {
        const [above = [], below = []] = this.#around.get(entry) ?? [];
        return [...above, this.#nodeOf(entry), ...below];
      });
      arrange(this.#list, nodes);
      if (!this.#chosen?.isConnected) this.#chosen = null;
      // One row is in the page's tab order: the one that was chosen, else the newest.
      for (const node of nodes) node.tabIndex = node === (this.#chosen ?? nodes[0]) ? 0 : -1;
    });
  }

  #released() {
    if (!this.#isDue) return;
    this.#isDue = false;
    this.#draw();
  }

  /** @param {RecordEntry} entry */
  #nodeOf(entry) {
    const made = this.#nodes.get(entry) ?? this.#row(entry, "");
    if (!this.#nodes.has(entry)) {
      const around = button("around", "quiet around", () => void this.#toggle(entry));
      around.tabIndex = -1;
      around.title = "The records before and after it in its partition (→, ←)";
      around.setAttribute("aria-expanded", "false");
      const cell = element("span", "tool", around);
      cell.setAttribute("role", "gridcell");
      made.append(cell);
      this.#nodes.set(entry, made);
    }
    return made;
  }

  /**
   * @param {RecordEntry} entry
   * @param {string} className
   */
  #row(entry, className) {
    const row = makeRow();
    fillRow(row, entry, this.#tools.row);
    if (className) row.classList.add(className);
    this.#entryOf.set(row, entry);
    return row;
  }

  /** @param {RecordEntry} entry shows what lies around it, or hides it again */
  async #toggle(entry) {
    const isOpen = this.#around.has(entry);
    const control = this.#nodes.get(entry)?.querySelector(".around");
    control?.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) this.#around.delete(entry);
    else {
      this.#around.set(entry, [[], [sentence("Loading …")]]);
      this.#draw();
      const around = await this.#tools.around(entry);
      if (!this.#around.has(entry)) return;
      if (typeof around === "string") this.#around.set(entry, [[], [sentence(around)]]);
      else {
        const [above, below] = this.#order === "newest" ? [around.after, around.before].map((each) => [...each].reverse()) : [around.before, around.after];
        this.#around.set(entry, [above ?? [], below ?? []].map((each) => each.map((one) => this.#row(one, "beside"))));
      }
    }
    this.#draw();
  }
}

/** @param {string} text */
function sentence(text) {
  const cell = element("span", "wide muted", text);
  cell.setAttribute("role", "gridcell");
  const row = element("div", "row beside", cell);
  row.setAttribute("role", "row");
  row.tabIndex = -1;
  return row;
}

/** @typedef {(a: RecordEntry, b: RecordEntry) => number} Compare */
/** @type {Compare} */
const byTime = (a, b) => Number(a.record.timestamp ?? 0) - Number(b.record.timestamp ?? 0);
/** @type {Record<Order, Compare>} */
const ORDERS = {
  newest: (a, b) => byTime(b, a) || a.partition - b.partition || b.record.offset - a.record.offset,
  oldest: (a, b) => byTime(a, b) || a.partition - b.partition || a.record.offset - b.record.offset,
  place: (a, b) => a.partition - b.partition || a.record.offset - b.record.offset,
};
