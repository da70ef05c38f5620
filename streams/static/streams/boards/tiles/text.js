// A tile of words: a line that begins with # is a heading, an empty line parts paragraphs.

import { element } from "../../page/dom.js";

export class TextTile {
  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   */
  constructor(body, { options }) {
    for (const block of String(options.text).split(/\n\s*\n/)) {
      const heading = /^#\s+(.*)$/.exec(block.trim());
      if (heading) body.append(element("h3", "", heading[1] ?? ""));
      else if (block.trim()) body.append(element("p", "note", block.trim()));
    }
  }

  show() {}

  redraw() {}
}
