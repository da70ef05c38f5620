// What a chart says besides its picture: its figures as a table, for programs and for who cannot see it; and what stands at
// the place under the pointer.

import { element, say } from "../../page/dom.js";
import { exactTime, figureText, timeText } from "./words.js";

// Buckets that are written out: the newest. Without a width of its own a chart has fewer.
const BUCKETS = 200;
// The same of single records: as many as a map names.
const RECORDS = 30;
// Between the pointer and what is said.
const BESIDE_PX = 14;

/**
 * @typedef {import("./words.js").Clock} Clock
 * @typedef {{ figure: string, names: string[], clock: Clock }} Said figure: which it is; names: of the series; clock: one that does
 *   not go on with time
 */

export class ChartTable {
  #table = element("table", "");
  node = element("div", "visually-hidden", this.#table);
  #head = element("tr", "");
  #body = element("tbody", "");
  /** @type {Map<string, { row: HTMLElement, said: string }>} what it is of → its row, and what that says */
  #rows = new Map();
  #columns = "";

  /** @param {string} label */
  constructor(label) {
    this.#table.setAttribute("aria-label", label);
    this.#table.append(element("thead", "", this.#head), this.#body);
  }

  /**
   * @param {{ starts: number[], width: number, lines: { values: (number | null)[] }[], gaps: boolean[] }} figures
   * @param {Said} how
   */
  showLines({ starts, width, lines, gaps }, { figure, names, clock }) {
    this.#begin(["time", ...names], clock);
    const first = Math.max(0, starts.length - BUCKETS);
    this.#show(starts.slice(first).map((start, index) => {
      const place = first + index;
      const values = lines.map((line) => line.values[place] ?? null);
      return {
        name: String(start),
        said: `${gaps[place]} ${values.join(" ")}`,
        make: () => {
          const cells = values.map((value, line) => element("td", "", ...(value === null ? [] : [dataOf(figure, value, names[line] ?? "")])));
          if (gaps[place]) cells[0]?.append("records are missing");
          const row = element("tr", "", headOf(timeText(start * 1000, clock, 0)), ...cells);
          Object.assign(row.dataset, { bucket: String(start * 1000), seconds: String(width) });
          if (gaps[place]) row.dataset["gap"] = "true";
          return row;
        },
      };
    }));
  }

  /**
   * @param {{ time: number, y: number, name: string, key: string | null, partition: number, offset: number }[]} points the newest last
   * @param {Said} how
   */
  showDots(points, { figure, clock }) {
    this.#begin(["time", "value", "of", "key", "where"], clock);
    this.#show(points.slice(-RECORDS).reverse().map(({ time, y, name, key, partition, offset }) => ({
      name: `${partition}:${offset}`,
      said: "",
      make: () => {
        const row = element("tr", "", headOf(exactTime(time, clock, time)), element("td", "", dataOf(figure, y, name)), element("td", "", name), element("td", "", key ?? ""), element("td", "", `${partition}:${offset}`));
        Object.assign(row.dataset, { key: key ?? "", partition: String(partition), offset: String(offset) });
        return row;
      },
    })));
  }

  /**
   * @param {string[]} columns
   * @param {Clock} clock
   */
  #begin(columns, clock) {
    const known = [clock, ...columns].join("\u0000");
    if (known === this.#columns) return;
    this.#columns = known;
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#head.replaceChildren(...columns.map((column) => {
      const head = element("th", "", column);
      head.setAttribute("scope", "col");
      return head;
    }));
  }

  /** @param {{ name: string, said: string, make: () => HTMLElement }[]} rows in order; only what says something new is made anew */
  #show(rows) {
    const before = this.#rows;
    this.#rows = new Map();
    for (const { name, said, make } of rows) {
      const there = before.get(name);
      if (there?.said === said) this.#rows.set(name, there);
      else this.#rows.set(name, { row: make(), said });
    }
    for (const [name, { row }] of before) if (this.#rows.get(name)?.row !== row) row.remove();
    for (const [place, { row }] of [...this.#rows.values()].entries()) {
      if (this.#body.children[place] !== row) this.#body.insertBefore(row, this.#body.children[place] ?? null);
    }
  }
}

/** What is said beside the pointer. */
export class Tip {
  node = element("div", "map-tip chart-tip");

  constructor() {
    this.node.hidden = true;
    this.node.setAttribute("aria-hidden", "true"); // the table says it
  }

  /**
   * @param {string[]} lines
   * @param {{ left: number, top: number, width: number, height: number }} at px; width, height: of what it stands in
   */
  show(lines, { left, top, width, height }) {
    while (this.node.children.length > lines.length) this.node.lastElementChild?.remove();
    for (const [place, line] of lines.entries()) {
      if (!this.node.children[place]) this.node.append(element("div", "", ""));
      say(/** @type {Element} */ (this.node.children[place]), line);
    }
    const isRight = left > width / 2;
    this.node.style.insetInlineStart = isRight ? "auto" : `${left + BESIDE_PX}px`;
    this.node.style.insetInlineEnd = isRight ? `${width - left + BESIDE_PX}px` : "auto";
    const isLow = top > height / 2;
    this.node.style.insetBlockStart = isLow ? "auto" : `${Math.max(0, top - BESIDE_PX)}px`;
    this.node.style.insetBlockEnd = isLow ? `${Math.max(0, height - top - BESIDE_PX)}px` : "auto";
    this.node.hidden = false;
  }

  /** What it says now; "" when nothing. */
  get text() {
    return this.node.hidden ? "" : [...this.node.children].map(({ textContent }) => textContent).join(", ");
  }

  hide() {
    this.node.hidden = true;
  }
}

/** @param {string} text */
function headOf(text) {
  const head = element("th", "", text);
  head.setAttribute("scope", "row");
  return head;
}

/**
 * @param {string} figure
 * @param {number} value
 * @param {string} name of the series
 */
function dataOf(figure, value, name) {
  const data = /** @type {HTMLDataElement} */ (element("data", "", figureText(String(value))));
  data.value = String(value);
  data.dataset["figure"] = figure;
  data.dataset["of"] = name;
  return data;
}
