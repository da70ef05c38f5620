// A tile as it would stand on the board, drawn before it is added: the tile itself, on the newest records of its topic. It is
// looked at and not used: what is pressed and typed is beside it.

import { LoadError } from "../../live/records_api.js";
import { Tile } from "../tiles/tile.js";
import { allOf } from "../worker/filters.js";
import { counted } from "../../page/format.js";
import { element, say } from "../../page/dom.js";
import { formatsOf } from "../../live/protocol.js";
import { shownOn } from "./shown.js";

/**
 * @typedef {import("../figures/kinds.js").Tile} TileJson
 * @typedef {Pick<import("../tiles/tile.js").BoardTools, "colours" | "clock" | "now">} Drawing what the board's own tiles are drawn with
 */

export class Preview {
  #frame = element("div", "tile-preview");
  #said = element("p", "muted", "");
  node = element("figure", "preview", this.#frame, element("figcaption", "", this.#said));
  #samples;
  #drawing;
  /** @type {Tile | null} */
  #tile = null;
  /** the tile that was asked for last: an answer about another one comes too late */
  #asked = "";
  #ended = new AbortController();

  /**
   * @param {import("./sample.js").Samples} samples
   * @param {Drawing} drawing
   */
  constructor(samples, drawing) {
    this.#samples = samples;
    this.#drawing = drawing;
    this.#frame.inert = true;
    this.#said.setAttribute("role", "status");
    const { signal } = this.#ended;
    document.addEventListener("themechange", () => this.#tile?.redraw(), { signal });
    document.addEventListener("clockchange", () => this.#tile?.retime(), { signal });
  }

  /**
   * Draws the tile anew where it has changed.
   *
   * @param {TileJson} json
   * @param {string} filter of the board
   */
  async show(json, filter) {
    const asked = JSON.stringify([json, filter]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.node.setAttribute("aria-label", `Preview: ${json.title || json.kind}`);
    if (json.kind === "text") {
      await this.#draw(json, { topic: "", epoch: "", records: [] }, asked);
      say(this.#said, "");
      return;
    }
    const all = allOf([filter, json.filter]);
    say(this.#said, all ? "Looking for the newest records that pass the filter …" : "Reading the newest records …");
    try {
      const sample = await this.#samples.of(json.topic, all, formatsOf(json.options));
      if (asked !== this.#asked) return;
      await this.#draw(json, sample, asked);
      if (asked === this.#asked) say(this.#said, said(sample, all));
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (asked === this.#asked) say(this.#said, error.message);
    }
  }

  /** It is not looked at any more. */
  end() {
    this.#ended.abort();
    this.#asked = "";
    this.#tile?.end();
  }

  /**
   * @param {TileJson} json
   * @param {import("./sample.js").Sample} sample
   * @param {string} asked that it is the answer to
   */
  async #draw(json, sample, asked) {
    const { window, shown } = await shownOn(json, sample, this.#drawing.now());
    if (asked !== this.#asked) return;
    this.#tile?.end();
    const nothing = () => {};
    this.#tile = new Tile(json, { ...this.#drawing, window, ask: nothing, open: nothing, load: nothing, narrow: nothing, through: nothing, resized: nothing, widths: ({ options }) => options.widths ?? [] });
    delete this.#tile.node.dataset["tile"]; // the board has none of it yet
    this.#frame.replaceChildren(this.#tile.node);
    this.#tile.show(shown);
  }
}

/**
 * @param {import("./sample.js").Sample} sample
 * @param {string} filter
 */
function said({ topic, records }, filter) {
  const passing = filter ? " that pass the filter" : "";
  return records.length === 0 ? `${topic} has no records${passing} yet.` : `On the newest ${counted(records.length, "record")} of ${topic}${passing}.`;
}
