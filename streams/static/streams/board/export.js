// The dialog that takes records out as a file: those that are shown, written here, or a whole part of the topic, written
// by the server for whoever has the right to. Loaded when it is first opened.

import { element, part, say } from "../page/dom.js";
import { fileOf, USUAL } from "../record/export_rows.js";
import { RECORDS, knownFrom } from "./known.js";
import { LoadError, REFUSALS } from "../live/records_api.js";
import { NoSuchPart, boundsOf } from "./when.js";
import { chosenClock } from "../page/clock.js";
import { counted, grouped } from "../page/format.js";

// A list of fields that is longer is not gone through; whoever needs others writes them to the address of the API.
const MOST_COLUMNS = 60;
// The server answers at once whether it will; the file itself takes as long as it takes.
const ANSWER_MS = 10_000;
const FORGET_MS = 60_000;

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 *
 * @typedef {object} ExportTools
 * @property {string} root address of the topics API
 * @property {() => import("../live/protocol.js").Formats} formats by which records are read now
 * @property {() => string} topic
 * @property {() => string} filter that holds for what is shown, "" for all
 * @property {() => RecordEntry[]} shown in the stream, newest first
 * @property {() => RecordEntry[]} found in history, newest first
 */

export class Export {
  #tools;
  #dialog = part("export", HTMLDialogElement);
  #form = part("export-form", HTMLFormElement);
  #shown = part("export-shown", HTMLElement);
  #foundChoice = part("export-found-choice", HTMLElement);
  #found = part("export-found", HTMLElement);
  #rangeChoice = part("export-range-choice", HTMLElement);
  #range = part("export-range", HTMLElement);
  #bounds = part("export-bounds", HTMLElement);
  #zone = part("export-zone", HTMLElement);
  #columns = part("export-columns", HTMLElement);
  #said = part("export-said", HTMLElement);
  #go = part("export-go", HTMLButtonElement);

  /** @param {ExportTools} tools */
  constructor(tools) {
    this.#tools = tools;
    this.#form.addEventListener("change", () => this.#showChoice());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#export();
    });
    part("export-close", HTMLButtonElement).addEventListener("click", () => this.#dialog.close());
  }

  /** Opens it, for what the board shows now. */
  async open() {
    const shown = this.#tools.shown();
    const found = this.#tools.found();
    say(this.#shown, `the ${counted(shown.length, "record")} that the stream shows`);
    say(this.#found, `the ${counted(found.length, "record")} found in history`);
    this.#foundChoice.hidden = found.length === 0;
    const filter = this.#tools.filter();
    say(this.#range, filter ? `all of ${this.#tools.topic()} that matches ${filter}` : `all of ${this.#tools.topic()}`);
    this.#offerRange(false); // until it is known that they may
    this.#choose("shown");
    this.#showColumns([...found, ...shown]);
    say(this.#said, "");
    this.#showChoice();
    this.#dialog.showModal();
    this.#offerRange(await this.#mayExport());
  }

  /** @param {boolean} isOffered its place is kept where it is not: nothing moves under the pointer when the answer comes */
  #offerRange(isOffered) {
    this.#rangeChoice.classList.toggle("unoffered", !isOffered);
  }

  /** @param {string} what */
  #choose(what) {
    for (const choice of this.#form.querySelectorAll("input[name=what]")) {
      if (choice instanceof HTMLInputElement) choice.checked = choice.value === what;
    }
  }

  /** @returns {Promise<boolean>} whether the server says that this person may export the topic */
  async #mayExport() {
    try {
      const response = await fetch(this.#tools.root, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(ANSWER_MS) });
      /** @type {{ topics: { name: string, export?: boolean }[] }} */
      const { topics } = await response.json();
      return topics.some(({ name, export: may }) => name === this.#tools.topic() && may === true);
    } catch {
      return false; // what is shown can be exported without the server
    }
  }

  /** @param {RecordEntry[]} entries */
  #showColumns(entries) {
    const { fields } = knownFrom(entries.slice(0, RECORDS));
    const known = [...fields.keys()].filter((path) => /^(?:value|headers)./.test(path));
    this.#columns.replaceChildren(
      ...[...USUAL, ...known].slice(0, MOST_COLUMNS).map((column) => {
        const box = document.createElement("input");
        box.type = "checkbox";
        box.name = "column";
        box.value = column;
        return element("label", "", box, element("bdi", "mono", column));
      }),
    );
  }

  #showChoice() {
    const what = new FormData(this.#form).get("what");
    this.#bounds.hidden = what !== "range";
    say(this.#zone, chosenClock() === "utc" ? "UTC" : "local time");
    const cut = this.#chosen(String(what)).filter(({ record }) => record.truncated).length;
    say(this.#said, cut > 0 ? `${counted(cut, "of them is", "of them are")} longer than the board holds: of ${cut === 1 ? "it" : "those"} the beginning is exported.` : "");
  }

  /** @param {string} what */
  #chosen(what) {
    return what === "shown" ? this.#tools.shown() : what === "found" ? this.#tools.found() : [];
  }

  async #export() {
    const data = new FormData(this.#form);
    const what = String(data.get("what"));
    const format = data.get("format") === "csv" ? "csv" : "ndjson";
    const columns = data.getAll("column").map(String);
    const name = `${this.#tools.topic()}-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${format}`;
    if (what !== "range") {
      const entries = this.#chosen(what);
      const blob = new Blob([fileOf(entries, format, columns)], { type: format === "csv" ? "text/csv" : "application/x-ndjson" });
      const href = URL.createObjectURL(blob);
      download(href, name);
      setTimeout(() => URL.revokeObjectURL(href), FORGET_MS);
      say(this.#said, `${grouped(entries.length)} written to ${name}.`);
      return;
    }
    await this.#exportRange(name, format, columns, data);
  }

  /**
   * The browser's own download: it shows how far it is, can be ended there, and needs no memory of the page.
   *
   * @param {string} name
   * @param {string} format
   * @param {string[]} columns
   * @param {FormData} data
   */
  async #exportRange(name, format, columns, data) {
    const [from, to] = ["from", "to"].map((bound) => String(data.get(bound) ?? ""));
    const filter = this.#tools.filter();
    this.#go.disabled = true;
    say(this.#said, "Asking the server …");
    try {
      const query = queryOf({ format, filter, formats: this.#tools.formats(), columns, from, to, isUtc: chosenClock() === "utc" });
      const address = `${this.#tools.root}${encodeURIComponent(this.#tools.topic())}/export?${query}`;
      await refusedOrNot(address);
      download(address, name);
      say(this.#said, "The browser loads it now and shows how far it is. The last line of the file says whether it is complete, and if not, why.");
    } catch (error) {
      if (!(error instanceof LoadError || error instanceof NoSuchPart)) throw error;
      say(this.#said, error.message);
    } finally {
      this.#go.disabled = false;
    }
  }
}

/**
 * @param {{ format: string, filter?: string, formats?: import("../live/protocol.js").Formats, columns?: string[], from?: string, to?: string, isUtc: boolean }} asked from, to:
 *   as a field for a date and a time holds them, "" for the beginning and the end; isUtc: whether they are in UTC, else local
 * @returns {URLSearchParams} as the export API takes it
 * @throws {NoSuchPart} when there is no such time
 */
export function queryOf({ format, filter = "", formats = {}, columns = [], from = "", to = "", isUtc }) {
  const query = new URLSearchParams({ format, ...formats });
  if (filter) query.set("filter", filter);
  if (columns.length > 0) query.set("columns", columns.join(","));
  const bounds = boundsOf({ where: from === "" && to === "" ? "all" : "time", from, to, partition: "", isUtc }, Date.now());
  for (const [name, bound] of Object.entries({ from: bounds.from, to: bounds.to })) {
    if (bound && "timestamp" in bound) query.set(name, String(bound.timestamp));
  }
  return query;
}

/**
 * Asks for the first bytes alone: a download that is refused says nothing that a person understands.
 *
 * @param {string} address
 * @throws {LoadError} when the server refuses
 */
async function refusedOrNot(address) {
  const trying = new AbortController();
  const timer = setTimeout(() => trying.abort(), ANSWER_MS);
  try {
    const response = await fetch(address, { signal: trying.signal });
    if (response.ok) return;
    const answer = await response.json().catch(() => ({}));
    const said = answer.message ?? (typeof answer.detail === "string" ? answer.detail : "");
    throw new LoadError(response.status === 403 ? "You may not export this topic. Staff can grant it, in Admin, under Topics." : said || REFUSALS[response.status] || `The server answered ${response.status}.`);
  } catch (error) {
    throw error instanceof LoadError ? error : new LoadError("The server did not answer.");
  } finally {
    clearTimeout(timer);
    trying.abort();
  }
}

/**
 * @param {string} href
 * @param {string} name
 */
function download(href, name) {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}
