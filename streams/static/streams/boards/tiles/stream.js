// The records themselves in columns of their fields, in the order that the board offers or a person chose. What is read
// stays: scrolling away from the newest, or "hold", keeps the rows, and says exactly how many are new.

import { arranged, chosenOrder, isOldestFirst, offerOrders } from "../../page/order.js";
import { button, element, say } from "../../page/dom.js";
import { exactTime, figureText } from "./words.js";
import { columnHead, headOf, showCell } from "./grid.js";
import { roving, stopAt } from "./roving.js";

const ROWS = 60;
// More new rows than this at once are not tinted: where everything is new, a tint says nothing and costs frames.
const TINTED = 8;
// Scrolled less than this away from the newest is not scrolled away.
const END_PX = 2;

/** @typedef {import("../figures/cells.js").Row} Row */

export class StreamTile {
  #columns;
  #offered;
  #order;
  #orders = /** @type {HTMLSelectElement} */ (element("select", "tile-order"));
  #tools;
  #body = element("tbody", "");
  #scroll;
  #hold;
  #fresh;
  #isHeld = false;
  #isScrolled = false;
  #isMarked = false;
  #total = 0;
  #seen = 0;
  /** @type {Row[]} that are shown, the newest first */
  #shown = [];
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #isFirst = true;
  #isTinted = false;
  #head;
  // What becomes lower or higher loses its bottom from sight without being scrolled.
  #sizes = new ResizeObserver(() => {
    if (!this.#isReading && isOldestFirst(this.#order)) this.#toEnd();
  });

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { title, options }, tools) {
    this.#columns = /** @type {string[]} */ (options.columns);
    this.#offered = /** @type {import("../../page/order.js").Order} */ (options.order === "oldest" ? "oldest" : "newest");
    this.#order = chosenOrder(this.#offered);
    this.#tools = tools;
    const names = this.#columns.length > 0 ? this.#columns.map((path) => columnHead(path)) : ["key", "value"].map((name) => headOf(name, false));
    const heads = [headOf("time", false), ...names, headOf("where", false)];
    this.#head = element("tr", "", ...heads);
    const table = element("table", "tile-table stream-table", element("thead", "", this.#head), this.#body);
    widen(table, heads, tools);
    this.#scroll = element("div", "tile-scroll", table);
    this.#scroll.tabIndex = 0;
    this.#scroll.setAttribute("role", "region");
    this.#scroll.setAttribute("aria-label", title || "Records");
    this.#hold = button("hold", "quiet", () => this.#setHeld(!this.#isHeld));
    this.#hold.setAttribute("aria-pressed", "false");
    this.#fresh = button("", "newer-button", () => this.#toNewest());
    this.#fresh.hidden = true;
    offerOrders(this.#orders);
    this.#orders.setAttribute("aria-label", `Order of ${title || "the records"}`);
    this.#orders.value = this.#order;
    tools.head.append(this.#fresh, this.#orders, this.#hold);
    body.append(this.#scroll);
    this.#sizes.observe(this.#scroll);
    this.#scroll.addEventListener("scroll", () => (this.#isScrolled = !this.#isAtNewest), { passive: true });
    document.addEventListener("selectionchange", this.#marking);
    roving(this.#body, "tr");
    tools.ask({ rows: ROWS });
  }

  /** @param {{ rows: Row[], total: number }} figures */
  show({ rows, total }) {
    this.#total = total;
    if (this.#isReading && !this.#isFirst) {
      const fresh = total - this.#seen;
      this.#fresh.hidden = fresh === 0;
      say(this.#fresh, `+${figureText(String(fresh))} new ${isOldestFirst(this.#order) ? "↓" : "↑"}`);
      return;
    }
    this.#seen = total;
    this.#fresh.hidden = true;
    const fresh = rows.filter(({ partition, offset }) => !this.#rows.has(`${partition}:${offset}`)).length;
    this.#isTinted = !this.#isFirst && fresh <= TINTED;
    this.#place(rows);
    // At the top they stay there by themselves: going there would have the page laid out once more.
    if (this.#isScrolled || isOldestFirst(this.#order)) this.#toEnd();
    this.#isFirst = rows.length === 0;
    // Heads stand where what is under them stands.
    const [newest] = rows;
    for (const [index, cell] of (newest?.cells ?? []).entries()) {
      if (cell.type !== "none") this.#head.children[index + 1]?.classList.toggle("number", cell.type === "number");
    }
  }

  /** Another order was chosen: what is shown stands in it, from its newest end; "hold" holds on. */
  rearrange() {
    const order = chosenOrder(this.#offered);
    this.#orders.value = order;
    if (order === this.#order) return;
    this.#order = order;
    this.#place(this.#shown);
    this.#toEnd();
  }

  retime() {
    const when = this.#when;
    for (const row of this.#shown) this.#tell(/** @type {HTMLElement} */ (this.#rows.get(placeOf(row))), row, when);
  }

  end() {
    this.#sizes.disconnect();
    document.removeEventListener("selectionchange", this.#marking);
  }

  /** @param {Row[]} rows to be shown, the newest first */
  #place(rows) {
    this.#shown = rows;
    const ordered = arranged(rows.toReversed(), this.#order, (row) => row);
    const shown = new Map(ordered.map((row) => [placeOf(row), this.#row(row)]));
    for (const [place, node] of this.#rows) if (!shown.has(place)) node.remove();
    this.#rows = shown;
    for (const [place, node] of [...shown.values()].entries()) {
      if (this.#body.children[place] !== node) this.#body.insertBefore(node, this.#body.children[place] ?? null);
    }
    // The Tab key stops at the first row, or at the one that somebody went to.
    const [first] = shown.values();
    if (first && !this.#body.contains(document.activeElement)) stopAt(this.#body, "tr", first);
  }

  /** Goes to the end where new rows come. */
  #toEnd() {
    this.#scroll.scrollTop = isOldestFirst(this.#order) ? this.#scroll.scrollHeight : 0;
    this.#isScrolled = false;
  }

  get #isAtNewest() {
    const { scrollTop, clientHeight, scrollHeight } = this.#scroll;
    return isOldestFirst(this.#order) ? scrollTop + clientHeight >= scrollHeight - END_PX : scrollTop <= END_PX;
  }

  /** Whether the rows stand still. */
  get #isReading() {
    return this.#isHeld || this.#isScrolled || this.#isMarked;
  }

  get #when() {
    return { clock: this.#tools.clock(), now: this.#tools.now() };
  }

  /**
   * Writes what of a row depends on the clock.
   *
   * @param {HTMLElement} node
   * @param {Row} row
   * @param {{ clock: import("./words.js").Clock, now: number }} when
   */
  #tell(node, { time, cells }, when) {
    say(/** @type {Element} */ (node.firstElementChild), exactTime(time, when.clock, when.now));
    for (const [index, cell] of cells.entries()) showCell(/** @type {HTMLElement} */ (node.children[index + 1]), this.#columns[index] ?? "", cell, when);
  }

  /** @param {Row} row */
  #row(row) {
    const { partition, offset, key, cells, line } = row;
    const place = placeOf(row);
    const there = this.#rows.get(place);
    const when = this.#when;
    if (there) {
      if (when.clock === "relative") this.#tell(there, row, when);
      return there;
    }
    const node = element("tr", this.#isTinted ? "new" : "", element("td", "time mono", ""), ...cells.map(() => element("td", "")));
    this.#tell(node, row, when);
    node.dataset["key"] = key ?? "";
    node.dataset["partition"] = String(partition);
    node.dataset["offset"] = String(offset);
    node.tabIndex = -1;
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
    this.#toEnd();
    this.#seen = this.#total;
    this.#tools.ask({ rows: ROWS });
  }

  /** Somebody marks text, here or elsewhere. Asked when it happens: each answer has the page laid out. */
  #marking = () => {
    const marked = document.getSelection();
    this.#isMarked = marked !== null && !marked.isCollapsed && this.#scroll.contains(marked.anchorNode);
  };
}

/** @param {Row} row */
function placeOf({ partition, offset }) {
  return `${partition}:${offset}`;
}

/**
 * Lets columns be dragged wider. Rows do not wait for it; where it cannot be loaded, they are as wide as what they hold.
 *
 * @param {HTMLElement} table
 * @param {HTMLElement[]} heads
 * @param {import("./tile.js").TileTools} tools
 */
async function widen(table, heads, { widths, resized }) {
  const loaded = await import("./widths.js").catch(() => null);
  if (loaded) new loaded.Widths(table, heads, widths, resized);
}
