// A tile that is one figure, with its line over the same window.

import { element, say } from "../../page/dom.js";
import { SAME, changeText, figureText, shortPath, spanText, windowText } from "./words.js";
import { sharp } from "./canvas.js";
import { tokenValue } from "../../page/tokens.js";

/** @type {Record<string, string>} */
const NAMES = {
  count: "records", rate: "records a second", sum: "sum", mean: "mean", min: "smallest", max: "largest", p50: "median", p95: "95th percentile",
  distinct: "different values",
};

// Characters of a figure that fit into the smallest tile in its usual size.
const LONG = 8;

/** @typedef {{ starts: number[], values: (number | null)[], width: number }} Line */

export class NumberTile {
  #figure;
  #about = element("span", "about", "");
  #value = /** @type {HTMLDataElement} */ (element("data", "figure"));
  #unit = element("span", "unit", "");
  #words = element("p", "beside", "");
  #change = element("span", "change", "");
  #said = element("span", "", "");
  #what;
  #isOfField;
  #window;
  #canvas = /** @type {HTMLCanvasElement} */ (element("canvas", "spark"));
  /** @type {Line | null} */
  #line = null;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { options }, tools) {
    this.#figure = String(options.figure);
    this.#value.dataset["figure"] = this.#figure;
    this.#unit.textContent = this.#figure === "rate" ? "/s" : "";
    this.#canvas.setAttribute("aria-hidden", "true");
    this.#isOfField = Boolean(options.field) && this.#figure !== "count" && this.#figure !== "rate";
    this.#window = tools.window;
    const what = NAMES[this.#figure] ?? this.#figure;
    this.#what = this.#isOfField ? `${what} of ${shortPath(options.field)}` : windowText(tools.window);
    this.#words.append(this.#change, this.#said);
    this.#compare(null, null);
    body.append(element("p", "figure-line", this.#about, this.#value, this.#unit), this.#words, this.#canvas);
  }

  /** @param {{ value: string | null, isAbout: boolean, before: string | null, change: number | null, line: Line }} figures */
  show({ value, isAbout, before, change, line }) {
    say(this.#about, isAbout ? "≈\u202F" : "");
    const text = figureText(value);
    say(this.#value, text);
    this.#value.value = value ?? "";
    // Where it is longer than its tile, it ends in an ellipsis: digits that are cut off would be another number.
    this.#value.title = value !== null && text.length > LONG ? value : "";
    this.#value.parentElement?.classList.toggle("long", text.length > LONG);
    this.#compare(before, change);
    this.#line = line;
    this.redraw();
  }

  /**
   * Says what it was in the window before, where that is known.
   *
   * @param {string | null} before its digits
   * @param {number | null} change by which part of it the value is larger
   */
  #compare(before, change) {
    const { dataset } = this.#change;
    if (change === null) delete dataset["change"];
    else dataset["change"] = String(change);
    dataset["way"] = change === null || Math.abs(change) < SAME ? "same" : change > 0 ? "up" : "down";
    say(this.#change, change === null ? "" : changeText(change));
    const beside = this.#isOfField ? ` · ${this.#what}` : " against before";
    say(this.#said, change === null ? this.#what : beside);
    const said = before === null || !("last_seconds" in this.#window) ? "" : `${figureText(before)} in the ${spanText(this.#window.last_seconds)} before`;
    if (this.#words.title !== said) this.#words.title = said;
  }

  redraw() {
    const drawn = this.#line && sharp(this.#canvas);
    if (!drawn || !this.#line) return;
    const { pen, width, height } = drawn;
    // The bucket that runs is not over: its value would draw a fall that there is not.
    const values = this.#line.values.slice(0, -1);
    const numbers = values.filter((value) => value !== null);
    if (numbers.length < 2) return;
    const isCount = this.#figure === "count" || this.#figure === "rate" || this.#figure === "distinct";
    const low = isCount ? 0 : Math.min(...numbers);
    const high = Math.max(...numbers, low + 1e-12);
    const x = (/** @type {number} */ place) => (place * width) / (values.length - 1);
    const y = (/** @type {number} */ value) => height - 2 - ((value - low) / (high - low)) * (height - 5);
    pen.lineWidth = 1.5;
    pen.lineJoin = "round";
    pen.strokeStyle = tokenValue("--accent");
    pen.fillStyle = tokenValue("--tint");
    for (const [from, to] of runsOf(values)) {
      pen.beginPath();
      for (let place = from; place < to; place += 1) pen.lineTo(x(place), y(/** @type {number} */ (values[place])));
      pen.stroke();
      pen.lineTo(x(to - 1), height);
      pen.lineTo(x(from), height);
      pen.globalCompositeOperation = "destination-over";
      pen.fill();
      pen.globalCompositeOperation = "source-over";
    }
  }
}

/**
 * @param {(number | null)[]} values
 * @returns {[number, number][]} from and to of what has values without a hole
 */
function runsOf(values) {
  /** @type {[number, number][]} */
  const runs = [];
  for (const [place, value] of values.entries()) {
    const last = runs.at(-1);
    if (value === null) continue;
    if (last && last[1] === place) last[1] = place + 1;
    else runs.push([place, place + 1]);
  }
  return runs;
}
