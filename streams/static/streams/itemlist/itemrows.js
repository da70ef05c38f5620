// The rows of the items list, joined with item events by version: what is older than what is shown is ignored, wherever
// it comes from. Changes cells, marks what is deleted; which rows there are is not decided here.

import { element, say } from "../page/dom.js";
import { localText } from "../page/localtimes.js";
import { markChanged } from "../page/marks.js";

// Items whose newest event is remembered, so that an answer of the server that is older than it takes nothing back: all
// events of the longest request, a few MiB at most.
const REMEMBERED = 10_000;
/**
 * @typedef {import("../live/itemevent.js").ItemEvent} ItemEvent
 */

export class ItemRows {
  #region;
  /** @type {Map<string, ItemEvent>} item → its newest event, deletions too; the oldest change first */
  #newest = new Map();
  /** @type {Set<string>} items whose event was not drawn yet */
  #undrawn = new Set();
  #frame = 0;

  /** @param {HTMLElement} region in which the rows are */
  constructor(region) {
    this.#region = region;
  }

  /**
   * @param {ItemEvent} event
   * @returns {boolean} whether it was news: false for a version that is known already
   */
  heard(event) {
    const known = this.#newest.get(event.id);
    if (known && Number(known.version) >= Number(event.version)) return false;
    this.#newest.delete(event.id);
    this.#newest.set(event.id, event);
    if (this.#newest.size > REMEMBERED) {
      for (const oldest of this.#newest.keys()) {
        this.#newest.delete(oldest);
        break;
      }
    }
    this.#undrawn.add(event.id);
    this.#frame ||= requestAnimationFrame(() => this.#draw());
    return true;
  }

  /** A new life of the topic: its versions may have begun again. */
  forget() {
    this.#newest.clear();
    this.#undrawn.clear();
  }

  /**
   * Brings rows that were read from the server up to what the events say.
   *
   * @param {Element} answer
   */
  correct(answer) {
    for (const row of rowsIn(answer)) {
      const event = this.#newest.get(row.dataset["item"] ?? "");
      if (!event || Number(event.version) <= versionOf(row)) continue;
      if (event.happened === "deleted") row.remove();
      else fill(row, event);
    }
  }

  #draw() {
    this.#frame = 0;
    /** @type {HTMLElement[]} */
    const changed = [];
    for (const row of rowsIn(this.#region)) {
      const id = row.dataset["item"] ?? "";
      const event = this.#undrawn.has(id) ? this.#newest.get(id) : undefined;
      if (!event || Number(event.version) <= versionOf(row)) continue;
      if (event.happened === "deleted") cross(row, event);
      else changed.push(...fill(row, event));
    }
    this.#undrawn.clear();
    markChanged(changed);
  }
}

/**
 * @param {Element} region
 * @returns {Iterable<HTMLElement>}
 */
export function rowsIn(region) {
  return /** @type {NodeListOf<HTMLElement>} */ (region.querySelectorAll("tr[data-item]"));
}

/** @param {HTMLElement} row */
function versionOf(row) {
  return Number(row.dataset["version"]);
}

/**
 * @param {HTMLElement} row
 * @param {ItemEvent} event
 * @returns {HTMLElement[]} the cells that say something else now
 */
function fill(row, event) {
  row.dataset["version"] = event.version;
  uncross(row);
  /** @type {Record<string, string>} */
  const texts = {
    name: event.name,
    price: event.price,
    updated_at: localText(event.updatedAt),
    sku: event.sku,
    owner: event.owner,
  };
  const changed = [];
  for (const [field, text] of Object.entries(texts)) {
    const place = row.querySelector(`[data-field="${field}"]`);
    if (!place || place.textContent === text) continue;
    say(place, text);
    if (place instanceof HTMLTimeElement) place.dateTime = event.updatedAt.replace("Z", "+00:00");
    const cell = place.closest("td, th");
    if (cell instanceof HTMLElement) changed.push(cell);
  }
  return changed;
}

/**
 * The row stays where it is until the list is read again: nothing jumps under somebody's eyes or pointer.
 *
 * @param {HTMLElement} row
 * @param {ItemEvent} event
 */
function cross(row, event) {
  row.dataset["version"] = event.version;
  row.classList.add("deleted");
  const tag = element("span", "tag", "deleted");
  tag.dataset["crossed"] = "";
  row.querySelector("th")?.append(" ", tag);
}

/** @param {HTMLElement} row */
function uncross(row) {
  row.classList.remove("deleted");
  row.querySelector("[data-crossed]")?.remove();
}
