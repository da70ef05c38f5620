// One record whole, over the board: the same view as beside the rows of a topic, loaded when somebody opens one. What is picked
// in it narrows the board; its neighbours are a key away.

import { Entries } from "../record/entries.js";
import { LoadError, RecordsApi } from "../live/records_api.js";
import { RecordView } from "../record/record_view.js";
import { chosenClock, retime } from "../page/clock.js";
import { equals } from "./tiles/narrow.js";
import { part } from "../page/dom.js";
import { styled } from "../page/styled.js";

// How a record looks: no board needs it before one is opened.
export const isStyled = styled(new URL("../record/detail.css", import.meta.url));
const TYPING = "input, textarea, select";
// How often it is written anew how long ago the record is.
const TICK_MS = 1_000;

/**
 * @typedef {{ topic: string, epoch: string, partition: number, offset: number, formats: import("../live/protocol.js").Formats }} Place of a record,
 *   and by which formats it is read
 *
 * @typedef {object} SheetTools
 * @property {string} topicsApi
 * @property {string} recordsPath
 * @property {string} itemsPath
 * @property {string} itemsTopic
 * @property {(condition: string) => void} narrow the board
 */

export class RecordSheet {
  #dialog = part("record", HTMLDialogElement);
  #root = part("record-detail", HTMLElement);
  #api;
  #entries;
  #view;
  // The place that was asked for last: an answer for another one comes too late.
  #wanted = "";
  /** @type {import("../live/protocol.js").Formats} of the tile that it was opened from */
  #formats = {};

  /** @param {SheetTools} tools */
  constructor({ topicsApi, recordsPath, itemsPath, itemsTopic, narrow }) {
    const formats = () => this.#formats;
    const api = (this.#api = new RecordsApi(topicsApi, undefined, formats));
    this.#entries = new Entries(itemsTopic);
    this.#view = new RecordView(this.#root, {
      itemsPath, topicsApi, recordsPath, api, formats,
      loadWhole: ({ topic, partition, record }) => api.whole(topic, partition, record.offset),
      entryOf: ({ topic, epoch, partition }, record) => this.#entries.of(topic, epoch, partition, record),
      go: (entry) => this.#show(entry),
      only: (key) => this.#narrow(narrow, equals("key", key, "text")),
      narrow: (condition) => this.#narrow(narrow, condition),
      marks: () => null,
      close: () => this.#dialog.close(),
    });
    this.#dialog.addEventListener("keydown", (event) => this.#pressed(event));
    this.#dialog.addEventListener("close", () => {
      this.#wanted = "";
      this.#view.clear();
    });
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog) this.#dialog.close(); // beside it
    });
    document.addEventListener("clockchange", () => this.#view.remark());
    setInterval(() => {
      if (this.#dialog.open && chosenClock() === "relative") retime(this.#root, Date.now());
    }, TICK_MS);
  }

  /** @param {Place} place */
  async open({ topic, epoch, partition, offset, formats }) {
    this.#formats = formats;
    const wanted = (this.#wanted = `${topic} ${partition}:${offset}`);
    this.#view.clear("Loading …");
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const record = await this.#api.whole(topic, partition, offset);
      if (wanted === this.#wanted) this.#show(this.#entries.of(topic, epoch, partition, record));
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (wanted === this.#wanted) this.#view.clear(error.message);
    }
  }

  /** @param {import("../record/entries.js").RecordEntry} entry */
  #show(entry) {
    this.#wanted = `${entry.topic} ${entry.partition}:${entry.record.offset}`;
    this.#view.show(entry);
  }

  /**
   * The board is what somebody wants to see then.
   *
   * @param {SheetTools["narrow"]} narrow
   * @param {string | null} condition
   */
  #narrow(narrow, condition) {
    if (condition === null) return;
    this.#dialog.close();
    narrow(condition);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest(TYPING)) return;
    if (this.#view.act(event.key)) event.preventDefault();
  }
}
