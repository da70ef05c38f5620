// One record whole, over the board: its value on lines of their own, digits as they came, and what stands beside it.

import { LoadError, RecordsApi } from "../live/records_api.js";
import { Source, prettyText } from "../live/json.js";
import { element, part } from "../page/dom.js";
import { dateText } from "../page/clock.js";
import { grouped, size } from "../page/format.js";

export class RecordView {
  #dialog = part("record", HTMLDialogElement);
  #facts = part("record-facts", HTMLElement);
  #value = part("record-value", HTMLElement);
  #title = part("record-title", HTMLElement);
  #api;
  /** @type {number | string | null} of the record that is shown, ms */
  #timestamp = null;

  /** @param {RecordsApi} api */
  constructor(api) {
    this.#api = api;
    document.addEventListener("clockchange", () => this.#showTime());
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} offset
   */
  async open(topic, partition, offset) {
    this.#title.textContent = `${topic} · ${partition}:${grouped(offset)}`;
    this.#facts.replaceChildren();
    this.#value.textContent = "…";
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const record = await this.#api.whole(topic, partition, offset);
      this.#value.textContent = record.value instanceof Source ? prettyText(record.value) : (record.value ?? "a tombstone");
      this.#timestamp = record.timestamp;
      this.#fact("time", "").dataset["part"] = "record-time";
      this.#showTime();
      this.#fact("key", record.key ?? "no key");
      this.#fact("size", size(record.size));
      for (const [name, value] of Object.entries(record.headers)) this.#fact(name, typeof value === "string" ? value : `base64 ${value.base64}`);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#value.textContent = error.message;
    }
  }

  /**
   * @param {string} name
   * @param {string} value
   * @returns {HTMLElement} where the value stands
   */
  #fact(name, value) {
    const said = element("bdi", "", value);
    this.#facts.append(element("dt", "", name), element("dd", "mono", said));
    return said;
  }

  #showTime() {
    const said = this.#facts.querySelector("[data-part=record-time]");
    if (said) said.textContent = dateText(this.#timestamp, Date.now());
  }
}
