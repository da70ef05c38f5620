// The sheet in which a person chooses by which formats they read the topic, for themselves alone. Loaded when it is first
// opened. What is chosen is in the address, and the board reads it there.

import { FORMATS } from "../record/format_names.js";
import { button, element } from "../page/dom.js";

/** @typedef {import("../live/protocol.js").Formats} Formats */

export class FormatsSheet {
  #dialog = /** @type {HTMLDialogElement} */ (element("dialog", "formats-sheet"));
  #value = choice();
  #key = choice();

  /** @param {(formats: Formats) => void} chosen */
  constructor(chosen) {
    const form = document.createElement("form");
    form.method = "dialog";
    const title = element("h2", "", "Read as");
    title.id = "formats-title";
    this.#dialog.setAttribute("aria-labelledby", title.id);
    const show = button("Show so", "primary", () => {});
    show.type = "submit";
    form.append(
      title,
      element("p", "muted", "For you alone, and in the address: the topic stays as it is for everybody else. Search, older records and export follow."),
      element("label", "", element("span", "", "values as"), this.#value),
      element("label", "", element("span", "", "keys as"), this.#key),
      element("div", "actions", show, button("Close", "quiet", () => this.#dialog.close())),
    );
    form.addEventListener("submit", () => {
      chosen({ ...(this.#value.value && { value_format: this.#value.value }), ...(this.#key.value && { key_format: this.#key.value }) });
    });
    this.#dialog.append(form);
    document.body.append(this.#dialog);
  }

  /** @param {Formats} formats that hold now */
  open({ value_format: value = "", key_format: key = "" }) {
    this.#value.value = value;
    this.#key.value = key;
    this.#dialog.showModal();
  }
}

/** @returns {HTMLSelectElement} */
function choice() {
  const select = document.createElement("select");
  select.append(new Option("the topic has them", ""), new Option("auto", "auto"), ...FORMATS.map((format) => new Option(format, format)));
  return select;
}
