// The panel beside the rows. It stays on its record while the stream goes on. How a record is shown is record_view.js's
// business, which is loaded when somebody comes near the rows.

import { retime } from "../page/clock.js";

// What record_view.js has a use for: pressed before it was there, they wait for it.
const KEYS = new Set("12345f,.<>y");
const STYLE = new URL("../record/detail.css", import.meta.url);

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 *
 * @typedef {Omit<import("../record/record_view.js").ViewTools, "close" | "api" | "loadWhole"> & { past: () => Promise<import("./past.js").Past>,
 *   epoch: () => string, closed: () => void, failed: () => void }} DetailTools
 *   failed: how a record is shown could not be loaded
 */

export class Detail {
  /** @type {RecordEntry | null} */
  entry = null;
  #panel;
  #tools;
  /** @type {import("../record/record_view.js").RecordView | null} */
  #view = null;
  /** @type {Promise<void> | null} */
  #loading = null;
  /** @type {string[]} */
  #pressed = [];

  /**
   * @param {HTMLElement} panel
   * @param {DetailTools} tools
   */
  constructor(panel, tools) {
    this.#panel = panel;
    this.#tools = tools;
  }

  /** Somebody may soon want to see a record. */
  prepare() {
    this.#loading ??= Promise.all([import("../record/record_view.js"), this.#tools.past(), import("../page/styled.js").then(({ styled }) => styled(STYLE))]).then(
      ([{ RecordView }, past]) => {
        const loadWhole = (/** @type {RecordEntry} */ entry) => past.whole(entry, this.#tools.epoch());
        this.#view = new RecordView(this.#panel, { ...this.#tools, api: past.api, loadWhole, close: () => this.close() });
        if (this.entry) this.#view.show(this.entry);
        for (const key of this.#pressed.splice(0)) this.#view.act(key);
      },
      () => {
        this.#loading = null;
        if (this.entry === null) return;
        this.close();
        this.#tools.failed();
      },
    );
  }

  /** @returns {boolean} whether it lies over what else there is, for want of room beside it */
  get isOver() {
    return this.entry !== null && getComputedStyle(this.#panel).position !== "static";
  }

  /** @param {RecordEntry} entry */
  show(entry) {
    this.entry = entry;
    this.#pressed = [];
    this.prepare();
    this.#view?.show(entry);
    this.#panel.hidden = false;
  }

  close() {
    if (this.entry === null) return;
    this.entry = null;
    this.#pressed = [];
    this.#panel.hidden = true;
    this.#view?.clear();
    this.#tools.closed();
  }

  /** Writes anew how long ago things were. */
  retime() {
    if (this.entry) retime(this.#panel, Date.now());
  }

  /** What is marked has changed. */
  remark() {
    if (this.entry) this.#view?.remark();
  }

  /**
   * @param {string} key that was pressed
   * @returns {boolean} whether the record that is shown has a use for it
   */
  act(key) {
    if (this.entry === null) return false;
    if (this.#view) return this.#view.act(key);
    const isKnown = KEYS.has(key);
    if (isKnown) this.#pressed.push(key);
    return isKnown;
  }
}
