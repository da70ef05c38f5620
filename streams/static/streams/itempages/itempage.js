// The page of one item, live: what somebody else changes shows in it, also that the item was deleted.

import { element, link, part, say } from "../page/dom.js";
import { itemEventOf } from "../live/itemevent.js";
import { LivePage } from "./livepage.js";
import { localise } from "../page/localtimes.js";
import { markChanged } from "../page/marks.js";
import { morph } from "../page/morph.js";
import { WayPart } from "./way.js";

class ItemPage {
  #region = part("live-item", HTMLElement);
  #note = part("live-note", HTMLElement);
  #changed = part("live-changed", HTMLElement);
  #way = new WayPart();
  /** who did the last thing that was heard of */
  #actor = "";
  #page = new LivePage(this.#region, {
    heard: (record) => this.#heard(record),
    forget: () => {},
    mayAsk: () => true,
    address: () => new URL(location.pathname + location.search, location.href),
    apply: (wanted) => this.#apply(wanted),
    refused: ({ status }) => this.#refused(status),
  });

  start() {
    this.#page.start();
    this.#way.start();
  }

  /** @param {import("../live/protocol.js").KafkaRecord} record */
  #heard(record) {
    if (record.key !== this.#region.dataset["item"]) return false;
    const event = itemEventOf(record);
    if (event && Number(event.version) <= Number(this.#region.dataset["version"])) return false;
    this.#actor = event ? (event.actor ?? "The system") : "";
    return true;
  }

  /** @param {HTMLElement} wanted */
  #apply(wanted) {
    this.#note.replaceChildren();
    this.#way.now();
    // A server that is behind the one that was asked before takes nothing back.
    if (Number(wanted.dataset["version"]) < Number(this.#region.dataset["version"])) return true;
    const isNews = wanted.dataset["version"] !== this.#region.dataset["version"];
    localise(wanted);
    const before = new Map(this.#facts().map((fact) => [fact, fact.textContent]));
    morph(this.#region, wanted);
    document.title = `${this.#region.querySelector("h1")?.textContent ?? ""} · Streamboard`;
    if (!isNews) return true;
    markChanged(this.#facts().filter((fact) => before.get(fact) !== fact.textContent));
    say(this.#changed, `${this.#region.dataset["savedBy"] || "The system"} changed this item: version ${this.#region.dataset["version"]}.`);
    return true;
  }

  /** @param {number} status */
  #refused(status) {
    const who = this.#actor || "Somebody";
    const what = status === 404 ? `${who} deleted this item. What you see is its last state. ` : "You may not see this item any more. ";
    const notice = element("p", "notice", what, link("Look again", location.href));
    // Said again it stays as it is: nothing is taken from under a hand.
    if (!this.#note.firstChild?.isEqualNode(notice)) this.#note.replaceChildren(notice);
    return true;
  }

  #facts() {
    return /** @type {HTMLElement[]} */ ([...this.#region.querySelectorAll("h1, .facts dd")]);
  }
}

new ItemPage().start();
