// The latest record of each key, live: a changed cell flashes once, a tombstone takes its row away.

import { button, element, say } from "../../page/dom.js";
import { equals } from "./narrow.js";
import { figureText, shortPath } from "./words.js";
import { roving } from "./roving.js";
import { showCell } from "./grid.js";

// Rows that are drawn; the search narrows to the others.
const ROWS = 200;
const SEARCH_MS = 150;
const FLASH_MS = 900;

/** @typedef {import("../figures/cells.js").Row & { id: string, tag: string, type: import("./narrow.js").ValueType }} KeyedRow */

export class TableTile {
  #columns;
  #by;
  #tools;
  #search = /** @type {HTMLInputElement} */ (element("input", "tile-search"));
  #head = element("tr", "");
  #body = element("tbody", "");
  #found = element("p", "beside", "");
  /** @type {Map<string, HTMLTableRowElement>} by tag: the text "1" has another row than the number 1 */
  #rows = new Map();
  #sort;
  #isFirst = true;
  /** @type {Parameters<TableTile["show"]>[0] | null} */
  #figures = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { title, topic, options }, tools) {
    this.#columns = /** @type {string[]} */ (options.columns);
    this.#by = String(options.by);
    this.#sort = String(options.sort);
    this.#tools = tools;
    this.#search.type = "search";
    this.#search.placeholder = "search";
    this.#search.setAttribute("aria-label", `Search in ${title || topic}`);
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#ask(), SEARCH_MS);
    });
    for (const [place, path] of [this.#by, ...this.#columns].entries()) {
      const head = element("th", "", button(shortPath(path), "quiet sort", () => this.#sortBy(path)));
      head.setAttribute("scope", "col");
      head.title = path;
      head.dataset["column"] = path;
      if (place === 0) head.dataset["by"] = ""; // it stands first, whatever the order of the others is
      this.#head.append(head);
    }
    this.#head.append(element("td", ""));
    roving(this.#body, "td[tabindex], .row-open");
    const table = element("table", "tile-table", element("thead", "", this.#head), this.#body);
    table.setAttribute("role", "grid");
    table.setAttribute("aria-label", title || `Latest of each ${this.#by}`);
    const wrap = element("div", "tile-scroll", table);
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", title || `Latest of each ${this.#by}`);
    body.append(element("div", "tile-tools", this.#search, this.#found), wrap);
    this.#ask();
  }

  /** @param {{ rows: KeyedRow[], found: number, keys: number, leftOut: number, sort: string }} figures */
  show(figures) {
    this.#figures = figures;
    const { rows, found, keys, leftOut } = figures;
    const shown = new Map(rows.map((row) => [row.tag, this.#row(row)]));
    for (const [tag, node] of this.#rows) if (!shown.has(tag)) node.remove();
    this.#rows = shown;
    for (const [place, node] of [...shown.values()].entries()) {
      if (this.#body.children[place] !== node) this.#body.insertBefore(node, this.#body.children[place] ?? null);
    }
    this.#isFirst = false;
    // One stop of the Tab key leads into the rows.
    const first = this.#body.querySelector("td");
    if (first && !this.#body.querySelector('td[tabindex="0"]')) first.tabIndex = 0;
    for (const [index, cell] of (rows[0]?.cells ?? []).entries()) {
      if (cell.type !== "none") this.#head.children[index + 1]?.classList.toggle("number", cell.type === "number");
    }
    const narrowed = found < keys ? `${figureText(String(found))} of ` : "";
    const cut = found > rows.length ? `, the first ${rows.length} shown` : "";
    const left = leftOut > 0 ? `; the most recently changed, ${figureText(String(leftOut))} times a key was left out` : "";
    say(this.#found, `${narrowed}${figureText(String(keys))} ${keys === 1 ? "key" : "keys"}${cut}${left}`);
    for (const head of this.#head.children) {
      const name = head instanceof HTMLElement ? head.dataset["column"] : "";
      if (name === undefined) continue;
      const isSorted = this.#sort.replace(/^-/, "") === name;
      head.setAttribute("aria-sort", isSorted ? (this.#sort.startsWith("-") ? "descending" : "ascending") : "none");
    }
  }

  retime() {
    if (this.#figures) this.show(this.#figures);
  }

  /** What was typed last would ask a tile that there is no more. */
  end() {
    clearTimeout(this.#timer);
  }

  /** @param {KeyedRow} row */
  #row(row) {
    let node = this.#rows.get(row.tag);
    if (!node) {
      node = /** @type {HTMLTableRowElement} */ (element("tr", this.#isFirst ? "" : "new"));
      const made = node;
      for (let place = 0; place <= this.#columns.length; place += 1) node.append(this.#newCell());
      const open = button("open", "quiet row-open", () => this.#tools.open(Number(made.dataset["partition"]), Number(made.dataset["offset"])));
      open.tabIndex = -1;
      open.setAttribute("aria-label", `Open the record of ${row.id}`);
      node.append(element("td", "row-tools", open));
    }
    node.dataset["key"] = row.id;
    node.dataset["partition"] = String(row.partition);
    node.dataset["offset"] = String(row.offset);
    const when = { clock: this.#tools.clock(), now: this.#tools.now() };
    const cells = [{ text: row.id, type: row.type }, ...row.cells];
    for (const [place, cell] of cells.entries()) {
      const td = /** @type {HTMLElement} */ (node.children[place]);
      td.dataset["type"] = cell.type;
      if (showCell(td, place === 0 ? this.#by : (this.#columns[place - 1] ?? ""), cell, when)) flash(td);
    }
    return node;
  }

  #newCell() {
    const cell = element("td", "");
    cell.tabIndex = -1;
    cell.addEventListener("click", () => this.#narrow(cell));
    cell.addEventListener("keydown", ({ key }) => {
      if (key === "Enter") this.#narrow(cell);
    });
    return cell;
  }

  /** @param {HTMLElement} cell */
  #narrow(cell) {
    const { field = "", value = "", type } = cell.dataset;
    this.#tools.narrow(equals(field, value, /** @type {import("./narrow.js").ValueType} */ (type)));
  }

  /** @param {string} path */
  #sortBy(path) {
    this.#sort = this.#sort === path ? `-${path}` : path;
    this.#ask();
  }

  #ask() {
    this.#tools.ask({ sort: this.#sort, search: this.#search.value, rows: ROWS });
  }
}

/** @param {HTMLElement} node that changed */
function flash(node) {
  node.classList.remove("changed");
  requestAnimationFrame(() => node.classList.add("changed"));
  setTimeout(() => node.classList.remove("changed"), FLASH_MS);
}
