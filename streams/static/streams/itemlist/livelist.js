// The items list, live: joins the page with item events by version. Events change the rows in sight, and which rows belong
// is asked of the server.

import { itemEventOf } from "../live/itemevent.js";
import { ItemRows, rowsIn } from "./itemrows.js";
import { listenToKeys } from "./keys.js";
import { LivePage } from "../itempages/livepage.js";
import { localise } from "../page/localtimes.js";
import { markChanged } from "../page/marks.js";
import { morph } from "../page/morph.js";
import { part } from "../page/dom.js";
import { Place } from "./place.js";

// New rows are marked as long as they are few.
const MARKED_ROWS = 8;

class LiveList {
  #region = part("live-list", HTMLElement);
  #rows = new ItemRows(this.#region);
  #page = new LivePage(this.#region, {
    heard: (record) => {
      const event = itemEventOf(record);
      // An event too long to travel whole still says that something changed.
      return event === null || this.#rows.heard(event);
    },
    forget: () => this.#rows.forget(),
    mayAsk: () => !this.#place.isHeld,
    address: () => {
      const address = new URL(location.href);
      address.hash = "";
      address.searchParams.set("fragment", "1");
      return address;
    },
    apply: (wanted, response) => {
      if (response.redirected) this.#moveTo(response.url);
      this.#apply(wanted);
      return true;
    },
    refused: () => false,
  });
  #place = new Place(this.#region, () => this.#page.allowed());

  start() {
    this.#page.start();
    listenToKeys(this.#region);
  }

  /** @param {string} redirected this page of the list is gone: the server named the last one */
  #moveTo(redirected) {
    const address = new URL(redirected);
    address.searchParams.delete("fragment");
    history.replaceState(history.state, "", address);
  }

  /** @param {HTMLElement} wanted */
  #apply(wanted) {
    localise(wanted);
    this.#rows.correct(wanted);
    const before = new Map([...rowsIn(this.#region)].map((row) => [row, textsOf(row)]));
    this.#place.keep(() => morph(this.#region, wanted));
    const rows = [...rowsIn(this.#region)];
    const added = rows.filter((row) => !before.has(row));
    const changed = rows.flatMap((row) => {
      const texts = before.get(row);
      return texts ? cellsOf(row).filter((cell, place) => cell.textContent !== texts[place]) : [];
    });
    markChanged(added.length > MARKED_ROWS ? changed : [...changed, ...added]);
  }
}

/** @param {HTMLElement} row */
function cellsOf(row) {
  return /** @type {HTMLElement[]} */ ([...row.children]);
}

/** @param {HTMLElement} row */
function textsOf(row) {
  return cellsOf(row).map((cell) => cell.textContent);
}

new LiveList().start();
