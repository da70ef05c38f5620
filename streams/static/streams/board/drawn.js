// The rows that stand in the page, in the order that was chosen: nodes that are filled, moved and recycled. Which entries
// these are, and when they change, is decided in rows.js.

import { arranged } from "../page/order.js";
import { MOST_GAPS, newest, roomFor } from "./kept.js";
import { fillRow, makeRow } from "./row.js";

// With more rows than this in one frame nothing tints: it would only flicker.
const TINTED_A_FRAME = 8;
const TINT_MS = 200;

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").RowTools} RowTools
 * @typedef {{ entry: Entry, node: HTMLElement }} Row
 */

export class Drawn {
  #list;
  #tools;
  /** @type {Row[]} as they came, the newest first */
  #rows = [];
  /** @type {Row[]} as they stand in the page */
  #placed = [];
  /** @type {import("../page/order.js").Order} */
  #order = "newest";
  /** @type {HTMLElement | null} the row that is selected */
  #chosen = null;
  /** @type {HTMLElement | null} the row in the page's tab order */
  #reachable = null;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");

  /**
   * @param {HTMLElement} list
   * @param {RowTools} tools
   */
  constructor(list, tools) {
    this.#list = list;
    this.#tools = tools;
  }

  get length() {
    return this.#rows.length;
  }

  /** @returns {Entry[]} as they came, the newest first */
  get entries() {
    return this.#rows.map(({ entry }) => entry);
  }

  /** @returns {Entry[]} as they stand in the page */
  get placed() {
    return this.#placed.map(({ entry }) => entry);
  }

  /** @returns {Entry | null} */
  get oldest() {
    return this.#rows.at(-1)?.entry ?? null;
  }

  /**
   * @param {Entry | null} entry
   * @returns {HTMLElement | null} its row, when it has one
   */
  nodeOf(entry) {
    return entry && (this.#rows.find((row) => row.entry === entry)?.node ?? null);
  }

  /**
   * @param {Node} node in a row
   * @returns {Entry | null}
   */
  entryAt(node) {
    return this.#rows.find((row) => row.node.contains(node))?.entry ?? null;
  }

  /**
   * @param {number} top height in the window
   * @returns {number} the place of the first row that begins there or below, 0 when none does
   */
  firstBelow(top) {
    return Math.max(0, this.#placed.findIndex(({ node }) => node.getBoundingClientRect().top >= top - 1));
  }

  /** @param {import("../page/order.js").Order} order in which rows stand from now on */
  arrange(order) {
    this.#order = order;
    this.#keepingFocus(() => this.#place());
  }

  /** @param {Entry} entry whose text changed */
  refresh(entry) {
    const node = this.nodeOf(entry);
    if (node) this.#keepingFocus(() => fillRow(node, entry, this.#tools));
    if (node === this.#chosen) node?.setAttribute("aria-selected", "true"); // filling it took that away
  }

  /**
   * @param {Entry[]} arrived oldest first, newer than all rows; the oldest rows make room
   * @param {number} most rows in all, beside gaps
   */
  prepend(arrived, most) {
    const fresh = newest(arrived, most);
    const room = roomFor([...fresh.toReversed(), ...this.entries], most) - fresh.length;
    const removed = this.#rows.splice(Math.max(0, room));
    const staying = removed.filter(({ entry }) => entry.kind === "gap").slice(0, MOST_GAPS);
    const nodes = removed.filter((row) => !staying.includes(row)).map(({ node }) => node);
    this.#rows.push(...staying);
    for (const node of nodes) node.remove();
    const rows = this.#filled(fresh, nodes);
    this.#rows.unshift(...rows);
    this.#place();
    if (rows.length > TINTED_A_FRAME || this.#calm.matches || document.hidden) return;
    for (const { node } of rows) node.animate([{ backgroundColor: "var(--tint)" }, { backgroundColor: "transparent" }], TINT_MS);
  }

  /** @param {Entry[]} entries oldest first, older than all rows */
  append(entries) {
    this.#rows.push(...this.#filled(entries, []));
    this.#keepingFocus(() => this.#place());
  }

  /**
   * @param {Entry[]} entries oldest first, all that is to be seen
   * @param {number} most rows in all, beside gaps
   * @param {(entry: Entry) => Entry} [successor] of an entry that goes: where the keyboard comes to
   */
  rebuild(entries, most, successor) {
    this.#keepingFocus(() => {
      const nodes = this.#rows.map(({ node }) => node);
      this.#list.replaceChildren();
      this.#rows = this.#filled(newest(entries, most), nodes);
      this.#place();
    }, successor);
  }

  /** Puts each row where it belongs; those that stand there are not touched. */
  #place() {
    const isAsCame = this.#order === "newest";
    this.#placed = isAsCame ? this.#rows : arranged([...this.#rows].reverse(), this.#order, ({ entry }) => placeOf(entry));
    let at = this.#list.firstElementChild;
    for (const { node } of this.#placed) {
      if (node === at) at = at.nextElementSibling;
      else this.#list.insertBefore(node, at);
    }
  }

  /**
   * The keyboard stays on the entry it was on: on its row, or on what can be pressed in it; of one that goes, on the row of its successor.
   *
   * @param {() => void} change of nodes
   * @param {(entry: Entry) => Entry} successor
   */
  #keepingFocus(change, successor = (entry) => entry) {
    const active = document.activeElement;
    const entry = active && this.#list.contains(active) ? this.entryAt(active) : null;
    const isWithin = entry !== null && this.nodeOf(entry) !== active;
    change();
    if (!entry) return;
    const next = successor(entry);
    const node = this.nodeOf(next);
    const within = isWithin && next === entry ? node?.querySelector("a, button") : null;
    const kept = within instanceof HTMLElement ? within : node;
    if (kept !== document.activeElement) kept?.focus({ preventScroll: true });
  }

  /** @param {Entry | null} entry that is selected; the page's tab order leads to its row, else to the newest */
  mark(entry) {
    const chosen = this.nodeOf(entry);
    const reachable = chosen ?? this.#rows[0]?.node ?? null;
    if (this.#chosen !== chosen && this.#chosen?.hasAttribute("aria-selected")) this.#chosen.setAttribute("aria-selected", "false");
    if (this.#reachable !== reachable && this.#reachable) this.#reachable.tabIndex = -1;
    chosen?.setAttribute("aria-selected", "true");
    if (reachable) reachable.tabIndex = 0;
    this.#chosen = chosen;
    this.#reachable = reachable;
  }

  /**
   * @param {Entry[]} entries oldest first
   * @param {HTMLElement[]} nodes to be used again; what is left of them is not needed
   * @returns {Row[]} newest first
   */
  #filled(entries, nodes) {
    const rows = [...entries].reverse().map((entry) => ({ entry, node: nodes.pop() ?? makeRow() }));
    for (const { entry, node } of rows) fillRow(node, entry, this.#tools);
    return rows;
  }
}

/**
 * @param {Entry} entry
 * @returns {import("../page/order.js").Place | null} null for a note, which stands where it was written
 */
function placeOf(entry) {
  if (entry.kind === "note") return null;
  if (entry.kind === "gap") return { time: null, partition: entry.range.partition, offset: entry.range.from };
  const { partition, record } = entry;
  return { time: record.timestamp === null ? null : Number(record.timestamp), partition, offset: record.offset };
}
