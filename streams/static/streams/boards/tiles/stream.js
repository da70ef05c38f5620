// The records themselves, newest or oldest first, in columns of their fields. What is read stays: scrolling away from the
// newest, or "hold", keeps the rows, and says exactly how many are new.

import { button, element, say } from "../../page/dom.js";
import { exactTime, figureText, shortPath } from "./words.js";
import { headOf, showCell } from "./grid.js";

const ROWS = 60;
// More new rows than this at once are not tinted: where everything is new, a tint says nothing and costs frames.
const TINTED = 8;

/** @typedef {import("../figures/kinds.js").Row} Row */

export class StreamTile {
  #columns;
  #isOldestFirst;
  #tools;
  #body = element("tbody", "");
  #scroll;
  #hold;
  #fresh;
  #isHeld = false;
  #total = 0;
  #seen = 0;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #isFirst = true;
  #isTinted = false;
  #head;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { title, options }, tools) {
    this.#columns = /** @type {string[]} */ (options.columns);
    this.#isOldestFirst = options.order === "oldest";
    this.#tools = tools;
    const names = this.#columns.length > 0 ? this.#columns.map(shortPath) : ["key", "value"];
    this.#head = element("tr", "", headOf("time", false), ...names.map((name) => headOf(name, false)), headOf("where", false));
    this.#scroll = element("div", "tile-scroll", element("table", "tile-table stream-table", element("thead", "", this.#head), this.#body));
    this.#scroll.tabIndex = 0;
    this.#scroll.setAttribute("role", "region");
    this.#scroll.setAttribute("aria-label", title || "Records");
    this.#hold = button("hold", "quiet", () => this.#setHeld(!this.#isHeld));
    this.#hold.setAttribute("aria-pressed", "false");
    this.#fresh = button("", "newer-button", () => this.#toNewest());
    this.#fresh.hidden = true;
    tools.head.append(this.#fresh, this.#hold);
    body.append(this.#scroll);
    tools.ask({ rows: ROWS });
  }

  /** @param {{ rows: Row[], total: number }} figures */
  show({ rows, total }) {
    this.#total = total;
    const isReading = this.#isHeld || this.#scroll.scrollTop > 0 || this.#isMarked();
    if (isReading && !this.#isFirst) {
      const fresh = total - this.#seen;
      this.#fresh.hidden = fresh === 0;
      say(this.#fresh, `+${figureText(String(fresh))} new ↑`);
      return;
    }
    this.#seen = total;
    this.#fresh.hidden = true;
    const ordered = this.#isOldestFirst ? rows.toReversed() : rows;
    const fresh = rows.filter(({ partition, offset }) => !this.#rows.has(`${partition}:${offset}`)).length;
    this.#isTinted = !this.#isFirst && fresh <= TINTED;
    const shown = new Map(ordered.map((row) => [`${row.partition}:${row.offset}`, this.#row(row)]));
    for (const [place, node] of this.#rows) if (!shown.has(place)) node.remove();
    this.#rows = shown;
    for (const [place, node] of [...shown.values()].entries()) {
      if (this.#body.children[place] !== node) this.#body.insertBefore(node, this.#body.children[place] ?? null);
    }
    this.#isFirst = rows.length === 0;
    // Heads stand where what is under them stands.
    const [newest] = rows;
    for (const [index, cell] of (newest?.cells ?? []).entries()) {
      if (cell.type !== "none") this.#head.children[index + 1]?.classList.toggle("number", cell.type === "number");
    }
  }

  /** @param {Row} row */
  #row(row) {
    const { partition, offset, time, key, cells, line } = row;
    const place = `${partition}:${offset}`;
    const there = this.#rows.get(place);
    const when = { clock: this.#tools.clock, now: this.#tools.now() };
    if (there) {
      if (when.clock === "relative") say(/** @type {Element} */ (there.firstElementChild), exactTime(time, when.clock, when.now));
      return there;
    }
    const node = element("tr", this.#isTinted ? "new" : "", element("td", "time mono", exactTime(time, when.clock, when.now)));
    node.dataset["key"] = key ?? "";
    node.dataset["partition"] = String(partition);
    node.dataset["offset"] = String(offset);
    node.tabIndex = 0;
    for (const [index, cell] of cells.entries()) {
      const td = element("td", "");
      showCell(td, this.#columns[index] ?? "", cell, when);
      node.append(td);
    }
    if (this.#columns.length === 0) node.append(element("td", "text", element("bdi", "", key ?? "")), element("td", "mono", element("bdi", "", line)));
    node.append(element("td", "mono where muted", place));
    const open = () => this.#tools.open(partition, offset);
    node.addEventListener("click", open);
    node.addEventListener("keydown", (event) => {
      if (event.key === "Enter") open();
    });
    return node;
  }

  /** @param {boolean} isHeld */
  #setHeld(isHeld) {
    this.#isHeld = isHeld;
    this.#hold.setAttribute("aria-pressed", String(isHeld));
    say(this.#hold, isHeld ? "go on" : "hold");
    if (!isHeld) this.#toNewest();
  }

  #toNewest() {
    this.#isHeld = false;
    this.#hold.setAttribute("aria-pressed", "false");
    say(this.#hold, "hold");
    this.#scroll.scrollTop = 0;
    this.#seen = this.#total;
    this.#tools.ask({ rows: ROWS });
  }

  /** Whether somebody is marking text in it. */
  #isMarked() {
    const marked = document.getSelection();
    return marked !== null && !marked.isCollapsed && this.#scroll.contains(marked.anchorNode);
  }
}
