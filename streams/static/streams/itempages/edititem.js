// The form of an item, told what others save meanwhile. It never touches what is typed: the server puts both together when
// the form is sent.

import { element, link, part } from "../page/dom.js";
import { itemEventOf } from "../live/itemevent.js";
import { LivePage } from "./livepage.js";
import { localise } from "../page/localtimes.js";
import { morph } from "../page/morph.js";

class EditItem {
  #region = part("live-edit", HTMLElement);
  #meanwhile = part("meanwhile", HTMLElement);
  #page = new LivePage(this.#region, {
    heard: (record) => {
      if (record.key !== this.#region.dataset["item"]) return false;
      const event = itemEventOf(record);
      return event === null || Number(event.version) > Number(this.#region.dataset["version"]);
    },
    forget: () => {},
    mayAsk: () => true,
    address: () => {
      const address = new URL(this.#region.dataset["editPath"] ?? location.pathname, location.href);
      address.searchParams.set("since", this.#region.dataset["version"] ?? "");
      return address;
    },
    apply: (wanted) => this.#apply(wanted),
    refused: ({ status }) => this.#refused(status),
  });

  start() {
    this.#page.start();
    // Whoever goes on typing in one of two fields means that one.
    this.#region.addEventListener("input", (event) => {
      const side = event.target instanceof Element && event.target.matches(":not([type=radio])") && event.target.closest(".side");
      const pick = side && side.querySelector("[data-mine]");
      if (pick instanceof HTMLInputElement) pick.checked = true;
    });
  }

  /** @param {HTMLElement} wanted */
  #apply(wanted) {
    const told = wanted.querySelector('[data-part="meanwhile"]');
    if (!told) return false;
    localise(told);
    morph(this.#meanwhile, told);
    return true;
  }

  /** @param {number} status */
  #refused(status) {
    const sentence =
      status === 404
        ? "This item was deleted. What you typed stays here: when you save it, you are asked whether to restore the item with it. "
        : "You may not change this item any more; what you typed cannot be saved. ";
    const notice = element("p", "notice conflict", sentence, link("Look at the item", this.#region.dataset["detailPath"] ?? ""));
    // Said again it stays as it is: nothing is taken from under a hand.
    if (!this.#meanwhile.firstChild?.isEqualNode(notice)) this.#meanwhile.replaceChildren(notice);
    return true;
  }
}

new EditItem().start();
