// A tile of words: a line that begins with # is a heading, an empty line parts paragraphs.

import { element } from "../../page/dom.js";

export class TextTile {
  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   */
  constructor(body, { title, options }) {
    // It scrolls where it has more than fits.
    body.tabIndex = 0;
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", title || "Note");
    for (const block of String(options.text).split(/\n\s*\n/)) {
      const heading = /^#\s+(.*)$/.exec(block.trim());
      if (heading) body.append(element("h3", "", heading[1] ?? ""));
      else if (block.trim()) body.append(element("p", "note", block.trim()));
    }
  }

  show() {}

  redraw() {}
}
