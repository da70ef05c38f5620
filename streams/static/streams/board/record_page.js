// The page of one record: the same view as beside the board's rows, with an address that leads to it. Its neighbours are
// steps that one can go back from.

import { Entries } from "../record/entries.js";
import { RecordView } from "../record/record_view.js";
import { LoadError, RecordsApi } from "../live/records_api.js";
import { pageAddress } from "../record/copying.js";
import { part, say } from "../page/dom.js";
import { placeText } from "./when.js";
import { changeClock, chosenClock, clockName, retime } from "../page/clock.js";

/** @typedef {import("./row.js").RecordEntry} RecordEntry */

const TYPING = "input, textarea, select, [contenteditable]";
// How often it is written anew how long ago the record is.
const TICK_MS = 1_000;

class RecordPage {
  #root = part("record", HTMLElement);
  #data = this.#root.dataset;
  #topic = this.#data["topic"] ?? "";
  #epoch = this.#data["epoch"] ?? "";
  #help = part("help", HTMLDialogElement);
  #clock = part("clock", HTMLButtonElement);
  #toBoard = part("to-board", HTMLAnchorElement);
  #entries = new Entries(this.#data["itemsTopic"] ?? "");
  #api = new RecordsApi(this.#data["topicsApi"] ?? "/api/topics/");
  #recordsPath = this.#data["recordsPath"] ?? "/records/";
  #label = document.title;
  // The place that was asked for last: an answer for another one comes too late.
  #wanted = "";
  #view = new RecordView(this.#root, {
    itemsPath: this.#data["itemsPath"] ?? "/items/",
    topicsApi: this.#data["topicsApi"] ?? "/api/topics/",
    recordsPath: this.#recordsPath,
    api: this.#api,
    loadWhole: ({ topic, partition, record }) => this.#api.whole(topic, partition, record.offset),
    entryOf: ({ partition }, record) => this.#entries.of(this.#topic, this.#epoch, partition, record),
    go: (entry) => {
      history.pushState(null, "", pageAddress(this.#recordsPath, entry));
      this.#show(entry);
    },
    only: (key) => this.#toBoardWith({ key }),
    narrow: (filter) => this.#toBoardWith({ filter }),
    marks: () => null,
    close: null,
  });

  start() {
    part("help-button", HTMLElement).addEventListener("click", () => this.#help.showModal());
    document.addEventListener("keydown", (event) => this.#pressed(event));
    this.#clock.addEventListener("click", changeClock);
    const showClock = () => say(this.#clock, `times ${clockName()}`);
    document.addEventListener("clockchange", () => {
      showClock();
      this.#view.remark();
    });
    showClock();
    setInterval(() => {
      if (chosenClock() === "relative") retime(this.#root, Date.now());
    }, TICK_MS);
    addEventListener("popstate", () => void this.#load());
    void this.#load();
  }

  /** Shows the record that the address names. */
  async #load() {
    const [partition, offset] = location.pathname.split("/").slice(-2).map(Number);
    const wanted = (this.#wanted = `${partition}:${offset}`);
    if (partition === undefined || offset === undefined) return;
    try {
      const record = await this.#api.whole(this.#topic, partition, offset);
      if (wanted === this.#wanted) this.#show(this.#entries.of(this.#topic, this.#epoch, partition, record));
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#view.clear(error.message);
    }
  }

  /** @param {RecordEntry} entry */
  #show(entry) {
    const { partition, record } = entry;
    this.#wanted = `${partition}:${record.offset}`;
    document.title = this.#label.replace(/\d+:\d+(?= · )/, this.#wanted);
    const board = new URL(this.#toBoard.href);
    board.searchParams.set("at", placeText({ partition, offset: record.offset }));
    this.#toBoard.href = board.href;
    this.#view.show(entry);
  }

  /** @param {Record<string, string>} asked of the board, besides the topic */
  #toBoardWith(asked) {
    const board = new URL(this.#data["boardPath"] ?? "/", location.href);
    board.search = new URLSearchParams({ topic: this.#topic, ...asked }).toString();
    location.assign(board);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (target.closest(TYPING)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "?") this.#help.showModal();
    else if (event.key === "u") changeClock();
    else if (!this.#view.act(event.key)) return;
    event.preventDefault();
  }
}

new RecordPage().start();
