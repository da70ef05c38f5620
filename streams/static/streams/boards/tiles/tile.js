// The frame of a tile: title, tools, the drawing of its kind, and the footer that says what it stands on.

import { basisText, drawnWords, formatsText } from "./words.js";
import { button, element, say, whenPressed } from "../../page/dom.js";
import { drawingOf, loadDrawing } from "./kinds.js";
import { formatsOf } from "../../live/protocol.js";
import { isComing } from "../sources.js";
import { whenResized } from "./canvas.js";

const OLD = "as it was before";
// Figures of a part of what is to come would only be in the way: for so long, what was there before stays.
const PATIENCE_MS = 1_000;

/**
 * @typedef {import("../figures/kinds.js").Tile} TileJson
 * @typedef {import("../figures/kinds.js").Asked} Asked
 *
 * @typedef {object} TileTools what a drawing may use
 * @property {import("./colours.js").Colours} colours
 * @property {() => import("./words.js").Clock} clock how times are written now
 * @property {import("../figures/span.js").WindowJson} window
 * @property {() => number} now ms, of the server
 * @property {HTMLElement} head where its tools stand
 * @property {(asked: Asked) => void} ask for other figures
 * @property {(partition: number, offset: number) => void} open a record
 * @property {(condition: string | null) => void} narrow the board to records for which this holds; null: to nothing else
 * @property {(window: import("../figures/span.js").WindowJson) => void} through shows the whole board in another window
 * @property {(text: string) => void} trouble says why it cannot draw
 * @property {number[]} widths px, of its columns; none where each is as wide as what it holds
 * @property {import("./widths.js").Resized} resized somebody set them
 *
 * @typedef {object} Drawing
 * @property {(figures: any) => void} show
 * @property {() => void} [redraw] with the same figures: its size or the theme changed
 * @property {() => void} [retime] writes its times anew: another clock was chosen, or time went on
 * @property {() => void} [rearrange] another order of records was chosen
 * @property {() => void} [end] gives back what outlives its nodes: it is not shown again
 *
 * @typedef {Omit<TileTools, "head" | "ask" | "open" | "trouble" | "widths" | "resized"> & { ask: (tile: string, asked: Asked) => void,
 *   open: (place: import("../record.js").Place) => void, load: (tile: string) => void,
 *   widths: (tile: TileJson) => number[], resized: (tile: string, widths: number[]) => void }} BoardTools
 */

export class Tile {
  node = element("article", "tile");
  json;
  /** @type {Drawing | null} null until its module is loaded */
  #drawing = null;
  /** @type {import("../worker/feed.js").Shown | null} what came before it: nothing is said of figures that nobody sees */
  #early = null;
  /** @type {(() => void)[]} what waits for it */
  #waiting = [];
  #isPressed = false;
  /** @type {import("../worker/feed.js").Shown | null} what came while something of it was pressed */
  #pending = null;
  /** why it cannot draw, which the next figures do not change */
  #trouble = "";
  /** the topic's life that its records are of */
  #epoch = "";
  #isEnded = false;
  #isOld = false;
  #oldUntil = -Infinity;
  #problem = element("p", "tile-problem", "");
  #basis = element("span", "", "");
  #body = element("div", "tile-body");
  #load;
  #clock;
  /** @type {TileTools} */
  #tools;
  #endSizes;
  #basisSaid = () => {};

  /**
   * @param {TileJson} json
   * @param {BoardTools} tools
   */
  constructor(json, tools) {
    this.json = json;
    this.#clock = tools.clock;
    const { id, kind, title, x, y, w, h } = json;
    this.node.dataset["tile"] = id;
    this.node.dataset["kind"] = kind;
    this.node.style.gridColumn = `${x + 1} / span ${w}`;
    this.node.style.gridRow = `${y + 1} / span ${h}`;
    this.node.style.setProperty("--rows", String(h));
    this.node.style.order = String(y * 12 + x);
    const name = element("h2", "tile-title", title);
    const head = element("div", "tile-head-tools");
    this.#problem.hidden = true;
    this.#load = button("load them", "quiet load", () => tools.load(id));
    this.#load.hidden = true;
    if (title || kind === "stream") this.node.append(element("header", "tile-head", name, head));
    this.node.setAttribute("aria-label", title || kind);
    this.node.append(this.#problem, this.#body);
    if (kind !== "text") this.node.append(element("footer", "tile-foot", this.#basis, this.#load));
    this.#tools = {
      ...tools,
      head,
      ask: (asked) => tools.ask(id, asked),
      open: (partition, offset) => tools.open({ topic: json.topic, epoch: this.#epoch, partition, offset, formats: formatsOf(json.options) }),
      trouble: (text) => {
        this.#trouble = text;
        this.#say(text);
      },
      widths: tools.widths(json),
      resized: (widths) => tools.resized(id, widths),
    };
    whenPressed(this.node, (isPressed) => this.#press(isPressed));
    this.#make();
    this.#endSizes = whenResized(this.#body, () => this.redraw());
  }

  /** Begins to draw, at once where the module of its kind is there. */
  #make() {
    const Kind = drawingOf(this.json.kind);
    if (Kind) this.#drawing = new Kind(this.#body, this.json, this.#tools);
    else this.#makeLater();
  }

  async #makeLater() {
    const Kind = await loadDrawing(this.json.kind);
    if (this.#isEnded) return;
    if (!Kind) {
      this.#say("What this tile is drawn with could not be loaded: load the page again.");
      return;
    }
    this.#drawing = new Kind(this.#body, this.json, this.#tools);
    if (this.#early) this.show(this.#early);
    this.#early = null;
    for (const act of this.#waiting.splice(0)) act();
  }

  /** @param {() => void} act called when its drawing stands in the node: at once, or once the module of its kind is there */
  whenDrawn(act) {
    if (this.#drawing) act();
    else this.#waiting.push(act);
  }

  /** @param {import("../worker/feed.js").Shown} shown drawn once nothing of the tile is pressed */
  show(shown) {
    if (this.#isPressed) this.#pending = shown;
    else this.#show(shown);
  }

  /** @param {boolean} isPressed */
  #press(isPressed) {
    this.#isPressed = isPressed;
    if (isPressed) return;
    const pending = this.#pending;
    this.#pending = null;
    if (pending && !this.#isEnded) this.#show(pending);
  }

  /** @param {import("../worker/feed.js").Shown} shown */
  #show(shown) {
    const { figures, basis, problem, since, note, isFilling } = shown;
    if (!this.#drawing) {
      this.#early = shown;
      if (problem) this.#say(problem); // else it goes on saying whether it can be drawn
      return;
    }
    this.#say(problem || this.#trouble);
    this.#showWhether(problem === "" || figures !== null);
    if (isComing(shown) || (isFilling && performance.now() < this.#oldUntil)) {
      this.#basisSaid = () => this.#foot([this.#isOld ? OLD : "", note].filter(Boolean).join(", "));
      this.#basisSaid();
      return;
    }
    if (this.#isOld) this.#renewed(figures !== null);
    if (basis) {
      this.#epoch = basis.epoch;
      this.node.dataset["basis"] = JSON.stringify(basis);
      const aside = [formatsText(formatsOf(this.json.options)), ...drawnWords(this.json.kind, figures), note].filter(Boolean);
      this.#basisSaid = () => this.#foot([basisText(basis, since, this.#clock()), ...aside].join(" · "));
      this.#basisSaid();
      this.#load.hidden = basis.gaps === 0;
    }
    if (figures) this.#drawing?.show(figures);
  }

  /**
   * Shows figures of another window or filter, marked as such, until those come that are asked for. No basis is told.
   *
   * @param {import("../worker/feed.js").Shown} shown
   */
  showOld(shown) {
    if (!shown.figures || isComing(shown) || !this.#drawing) return;
    this.#pending = null;
    this.#show({ ...shown, problem: "" });
    this.#isOld = true;
    this.#oldUntil = performance.now() + PATIENCE_MS;
    this.node.classList.add("old");
    this.node.setAttribute("aria-busy", "true");
    delete this.node.dataset["basis"];
    this.#load.hidden = true;
    this.#basisSaid = () => this.#foot(OLD);
    this.#basisSaid();
  }

  /** @param {boolean} isShown else it says why it shows nothing: what it showed may be seen no more */
  #showWhether(isShown) {
    this.node.classList.toggle("without", !isShown);
    if (isShown || !this.node.dataset["basis"]) return;
    delete this.node.dataset["basis"];
    this.#load.hidden = true;
    this.#renewed(false);
  }

  /** @param {boolean} hasFigures else there are none to come, and what was there before goes */
  #renewed(hasFigures) {
    this.#isOld = false;
    this.#oldUntil = -Infinity;
    this.node.classList.remove("old");
    this.node.removeAttribute("aria-busy");
    if (hasFigures) return;
    this.#drawing?.end?.();
    this.#drawing = null;
    this.#early = null;
    this.#tools.head.replaceChildren();
    this.#body.replaceChildren();
    this.#make();
    this.#basisSaid = () => this.#foot("");
    this.#basisSaid();
  }

  redraw() {
    this.#drawing?.redraw?.();
  }

  retime() {
    this.#basisSaid();
    this.#drawing?.retime?.();
  }

  rearrange() {
    this.#drawing?.rearrange?.();
  }

  /** It is not shown again. */
  end() {
    this.#endSizes();
    this.#isEnded = true;
    this.#drawing?.end?.();
  }

  /** @param {string} text what the figures stand on; whole under the pointer, where the tile is narrow */
  #foot(text) {
    say(this.#basis, text);
    if (this.#basis.title !== text) this.#basis.title = text;
  }

  /** @param {string} text why it shows nothing, or not everything */
  #say(text) {
    say(this.#problem, text);
    this.#problem.hidden = text === "";
  }
}
