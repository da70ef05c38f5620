// The most frequent values of a field: a bar each, with count and share.

import { button, element, say } from "../../page/dom.js";
import { equals } from "./narrow.js";
import { figureText, share } from "./words.js";

/** @typedef {{ key: string, tag: string, type: string, count: number }} TopRow */

export class TopTile {
  #list = element("ol", "top-list");
  #others = element("p", "beside", "");
  #field;
  #tools;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, tile, tools) {
    this.#field = String(tile.options.field);
    this.#tools = tools;
    // It scrolls where it has more than fits.
    body.tabIndex = 0;
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", tile.title || `Top values of ${tile.options.field}`);
    body.append(this.#list, this.#others);
  }

  /** @param {{ rows: TopRow[], others: number, isWhole: boolean }} figures */
  show({ rows, others, isWhole }) {
    const total = rows.reduce((sum, { count }) => sum + count, others);
    const most = rows[0]?.count ?? 1;
    this.#tools.colours.rank(rows.map(({ tag, count }) => [tag, count]));
    const shown = new Map(rows.map((row) => [row.tag, this.#row(row, total, most)]));
    for (const [tag, node] of this.#rows) if (!shown.has(tag)) node.remove();
    this.#rows = shown;
    this.#list.style.setProperty("--lines", String(Math.max(1, shown.size)));
    for (const [place, node] of [...shown.values()].entries()) {
      if (this.#list.children[place] !== node) this.#list.insertBefore(node, this.#list.children[place] ?? null);
    }
    const told = others > 0 ? `others ${figureText(String(others))} (${share(others, total)})` : "";
    say(this.#others, isWhole ? told : `${told}; more values than can be counted one by one`);
  }

  /**
   * @param {TopRow} row
   * @param {number} total
   * @param {number} most
   */
  #row({ key, tag, type, count }, total, most) {
    const node = this.#rows.get(tag) ?? this.#newRow(key, type);
    node.dataset["series"] = String(this.#tools.colours.of(tag));
    const [, , track, number, percent] = /** @type {HTMLElement[]} */ ([...node.children]);
    const bar = track?.firstElementChild;
    if (bar instanceof HTMLElement) bar.style.inlineSize = `${(100 * count) / most}%`;
    for (const [cell, value, text] of /** @type {const} */ ([[number, String(count), figureText(String(count))], [percent, String(count / total), share(count, total)]])) {
      if (cell instanceof HTMLDataElement) {
        cell.value = value;
        say(cell, text);
      }
    }
    return node;
  }

  /**
   * @param {string} key
   * @param {string} type
   */
  #newRow(key, type) {
    const condition = equals(this.#field, key, /** @type {import("./narrow.js").ValueType} */ (type));
    const narrow = () => this.#tools.narrow(condition);
    const label = button("", "quiet top-key", narrow);
    label.append(element("bdi", "", key === "" ? "“”" : key));
    const node = element("li", "", element("span", "dot"), label, element("span", "track", element("span", "top-bar")), element("data", "number"), element("data", "number muted"));
    node.addEventListener("click", narrow);
    node.dataset["key"] = key;
    node.dataset["type"] = type;
    const [, , , number, percent] = /** @type {HTMLElement[]} */ ([...node.children]);
    label.title = condition === null ? key : `Show only ${condition}`;
    if (number) number.dataset["field"] = "count";
    if (percent) percent.dataset["field"] = "share";
    return node;
  }
}
