// How a field's numbers are spread: a bar for each bin, its edges on the axis.

import { button, element, say } from "../../page/dom.js";
import { figureText } from "./words.js";
import { roving } from "./roving.js";
import { within } from "./narrow.js";

// Labels on the axis, at most.
const LABELS = 8;

/** @typedef {import("../figures/histogram.js").Bin} Bin */

export class DistributionTile {
  #bars = element("ol", "bins");
  #axis = element("div", "bins-axis");
  #field;
  #tools;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { options }, tools) {
    this.#field = String(options.field);
    this.#tools = tools;
    roving(this.#bars, "button");
    body.classList.add("bins-body");
    this.#axis.setAttribute("aria-hidden", "true");
    body.append(this.#bars, this.#axis);
  }

  /** @param {{ bins: Bin[] }} figures */
  show({ bins }) {
    const most = Math.max(1, ...bins.map(({ count }) => count));
    while (this.#bars.children.length > bins.length) this.#bars.lastElementChild?.remove();
    for (const [place, bin] of bins.entries()) {
      let item = this.#bars.children[place];
      if (!item) this.#bars.append((item = this.#newBin()));
      this.#showBin(/** @type {HTMLElement} */ (item), bin, most, place === bins.length - 1);
    }
    this.#showAxis(bins);
  }

  #newBin() {
    const item = element("li", "");
    const bar = button("", "quiet bin", () => {
      const { from, to, closed } = item.dataset;
      this.#tools.narrow(within(this.#field, Number(from), Number(to), closed === "true"));
    });
    bar.append(element("span", "bin-bar"), element("data", "visually-hidden"));
    bar.tabIndex = this.#bars.children.length === 0 ? 0 : -1;
    item.append(bar);
    return item;
  }

  /**
   * @param {HTMLElement} item
   * @param {Bin} bin
   * @param {number} most
   * @param {boolean} isLast
   */
  #showBin(item, { from, to, count }, most, isLast) {
    const [bar, value] = item.firstElementChild?.children ?? [];
    item.dataset["from"] = String(from);
    item.dataset["to"] = String(to);
    item.dataset["closed"] = String(isLast);
    if (bar instanceof HTMLElement) bar.style.blockSize = `${count === 0 ? 0 : Math.max(1, (100 * count) / most)}%`;
    const words = `${figureText(String(from))} ${isLast ? "to" : "to below"} ${figureText(String(to))}: ${figureText(String(count))}`;
    item.title = words;
    if (value instanceof HTMLDataElement) {
      value.dataset["figure"] = "bin";
      value.value = String(count);
      say(value, words);
    }
  }

  /** @param {Bin[]} bins */
  #showAxis(bins) {
    const edges = bins.length > 0 ? [...bins.map(({ from }) => from), bins.at(-1)?.to ?? 0] : [];
    const step = Math.ceil(edges.length / LABELS) || 1;
    // Those that are multiples of what lies between two labels: 0, 1, 2 rather than −0.5, 0.5, 1.5.
    const between = step * ((bins[0]?.to ?? 1) - (bins[0]?.from ?? 0));
    const first = Math.max(0, edges.slice(0, step).findIndex((edge) => Math.abs(edge / between - Math.round(edge / between)) < 1e-6));
    const shown = edges.flatMap((edge, place) => (place % step === first ? [{ edge, at: place / Math.max(1, bins.length) }] : []));
    while (this.#axis.children.length > shown.length) this.#axis.lastElementChild?.remove();
    for (const [place, { edge, at }] of shown.entries()) {
      let label = this.#axis.children[place];
      if (!label) this.#axis.append((label = element("span", "")));
      say(label, figureText(String(edge)));
      if (label instanceof HTMLElement) label.style.insetInlineStart = `${100 * at}%`;
    }
  }
}
