// The panel beside the rows: one record, whole. It stays on its record while the stream goes on.

import { conditionOf } from "./expression.js";
import { button, element, link, marked } from "../page/dom.js";
import { Source, prettyText } from "../live/json.js";
import { headersOf } from "../live/protocol.js";
import { decodedPart } from "./decoded.js";
import { focusPick, headerCondition, keyCondition, makeReachable, moveAmong, pick, pickIndex, pickedAt, valueNodes } from "./picks.js";
import { LoadError } from "../live/records_api.js";
import { NOT_PRINTABLE, fullTime, grouped, isPrintable, printable, size } from "../page/format.js";

// Beyond this many characters the value is shown without colours: thousands of nodes would freeze the page.
const COLOURED_CHARACTERS = 64 * 1024;
const COPIED_MS = 1_500;

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} DetailTools
 * @property {string} itemsPath
 * @property {(entry: RecordEntry) => Promise<KafkaRecord>} loadWhole
 * @property {import("./decoded.js").Tools["loadSchema"]} loadSchema
 * @property {(key: string) => void} only
 * @property {(condition: string) => void} narrow a value was picked
 * @property {() => RegExp | null} marks
 * @property {() => void} closed
 */

export class Detail {
  /** @type {RecordEntry | null} */
  entry = null;
  #panel;
  #tools;
  /** @type {KafkaRecord | null} the entry's record as it is shown, uncut once it was loaded */
  #shown = null;
  // Whether what is picked is left out, where no key says so.
  #leavesOut = false;

  /**
   * @param {HTMLElement} panel
   * @param {DetailTools} tools
   */
  constructor(panel, tools) {
    this.#panel = panel;
    this.#tools = tools;
    panel.addEventListener("click", (event) => this.#picked(event));
    panel.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {RecordEntry} entry */
  show(entry) {
    this.entry = entry;
    this.#render(entry, entry.record, "");
    this.#panel.hidden = false;
  }

  close() {
    if (this.entry === null) return;
    this.entry = null;
    this.#panel.hidden = true;
    this.#panel.replaceChildren();
    this.#tools.closed();
  }

  /** What is marked has changed; where somebody is in the panel stays. */
  remark() {
    if (!this.entry || !this.#shown) return;
    const places = () => [this.#panel, this.#panel.querySelector(".detail-value")];
    const scrolled = places().map((place) => place?.scrollTop ?? 0);
    const at = pickIndex(this.#panel, document.activeElement);
    this.#render(this.entry, this.#shown, "");
    places().forEach((place, index) => place?.scrollTo(0, scrolled[index] ?? 0));
    focusPick(this.#panel, at);
  }

  /** @param {MouseEvent | KeyboardEvent} event */
  #picked(event) {
    if (!getSelection()?.isCollapsed && event instanceof MouseEvent) return; // somebody marks text
    const condition = pickedAt(event.target, this.#leavesOut !== (event.altKey || event.shiftKey));
    if (condition === null) return;
    event.preventDefault();
    this.#tools.narrow(condition);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Enter" || event.key === " ") this.#picked(event);
    else if (moveAmong(this.#panel, event)) event.preventDefault();
  }

  /**
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record the entry's, or the same uncut
   * @param {string} problem
   */
  #render(entry, record, problem) {
    this.#shown = record;
    const close = button("✕", "quiet detail-close", () => this.close());
    close.setAttribute("aria-label", "Close detail");
    const title = element("h2", "mono", `${entry.partition}:${grouped(record.offset)}`);
    const parts = [element("div", "detail-head", title, close), ...this.#valuePart(entry, record, problem)];
    parts.push(...decodedPart(entry, record, { loadWhole: this.#tools.loadWhole, loadSchema: this.#tools.loadSchema }));
    parts.push(facts(entry, record, this.#tools.marks()));
    this.#panel.replaceChildren(...parts);
    makeReachable(this.#panel);
    this.#panel.scrollTop = 0;
  }

  /**
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record
   * @param {string} problem
   */
  #valuePart(entry, record, problem) {
    const text = prettyValue(record);
    const tools = element("div", "detail-tools");
    const copy = button("Copy value", "quiet", async () => {
      copy.textContent = (await copyText(copiedValue(record))) ? "Copied" : "Not allowed to copy";
      setTimeout(() => (copy.textContent = "Copy value"), COPIED_MS);
    });
    if (record.encoding !== "none") tools.append(copy);
    const { key } = record;
    if (key !== null) tools.append(button("Only this key", "quiet", () => this.#tools.only(key)));
    if (entry.event && entry.event.happened !== "deleted") {
      tools.append(link("Open item", `${this.#tools.itemsPath}${entry.event.id}/`));
    }
    if (record.truncated) tools.append(this.#wholeButton(entry));
    const cut = cutSentence(record);
    const note = element("p", "detail-note", cut, problem);
    return [valueElement(record, text, this.#tools.marks()), this.#pickTools(), ...(cut || problem ? [note] : []), tools];
  }

  #pickTools() {
    const choices = [false, true].map((isNot) => {
      const choice = button(isNot ? "without it" : "only with it", "quiet", () => {
        this.#leavesOut = isNot;
        choices.forEach((each, index) => each.setAttribute("aria-pressed", String((index === 1) === isNot)));
      });
      choice.setAttribute("aria-pressed", String(this.#leavesOut === isNot));
      return choice;
    });
    const tools = element("div", "pick-tools", element("span", "muted", "A value that is clicked:"), ...choices);
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "What a click on a value does");
    tools.title = "Which records are left: those with the same value there, or the others. With Alt or Shift it is the other way round.";
    return tools;
  }

  /** @param {RecordEntry} entry */
  #wholeButton(entry) {
    const load = button("Load whole record", "", async () => {
      load.disabled = true;
      load.textContent = "Loading …";
      let record = entry.record;
      let problem = "";
      try {
        record = await this.#tools.loadWhole(entry);
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        problem = error.message;
      }
      if (this.entry === entry) this.#render(entry, record, problem);
    });
    return load;
  }
}

/**
 * @param {KafkaRecord} record
 * @returns {string} the value as it stands in Kafka
 */
function copiedValue(record) {
  return record.value instanceof Source ? record.value.text : (record.value ?? "");
}

/**
 * @param {KafkaRecord} record
 * @returns {string} what the panel shows
 */
function prettyValue(record) {
  return record.value instanceof Source ? prettyText(record.value) : printable(record.value ?? "");
}

/**
 * @param {KafkaRecord} record
 * @param {string} text
 * @param {RegExp | null} marks
 */
function valueElement(record, text, marks) {
  if (record.encoding === "none") return element("p", "muted", "Tombstone: no value. The key was deleted.");
  const shown = element("pre", "detail-value");
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", "Value");
  if (record.value instanceof Source && text.length < COLOURED_CHARACTERS) shown.append(...valueNodes(text, marks));
  else shown.append(...(text.length < COLOURED_CHARACTERS ? marked(text, marks) : [text]));
  return shown;
}

/**
 * @param {RecordEntry} entry
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 */
function facts(entry, record, marks) {
  const list = element("dl", "facts");
  const add = (/** @type {string} */ name, /** @type {Node | string} */ value) =>
    list.append(element("dt", "", name), element("dd", "mono", value));
  const partition = { string: null, json: String(entry.partition) };
  add("topic", entry.topic);
  add("partition", pick("", (isNot) => conditionOf("partition", partition, isNot), partition.json));
  add("offset", String(record.offset));
  add("time", fullTime(record.timestamp));
  if (record.key === null) list.append(element("dt", "", "key"), element("dd", "muted", "no key"));
  else if (record.cut?.includes("key")) add("key", record.key);
  else add("key", pick("", keyCondition(record.key), ...marked(record.key, marks)));
  if (record.key_encoding) add("key is", record.key_encoding);
  add("size", `${size(record.size)} (${grouped(record.size)} bytes)`);
  const isBinary = typeof record.value === "string" && !isPrintable(record.value);
  add("value is", record.encoding === "none" ? "a tombstone" : isBinary ? `${NOT_PRINTABLE}; ␀ stands for 0` : record.encoding);
  list.append(element("dt", "", "headers"), headerList(record, marks));
  return list;
}

/**
 * A header may be named like one of the facts: they stand in a list of their own.
 *
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 */
function headerList(record, marks) {
  const headers = headersOf(record);
  if (record.cut?.includes("headers")) return element("dd", "muted", "left out, they are long");
  if (headers.length === 0) return element("dd", "muted", "none");
  const rows = headers.map(([name, value]) =>
    element("li", "mono", element("bdi", "header-name", name), " ", pick("", headerCondition(name, value), headerValue(value, marks))));
  return element("dd", "", element("ol", "headers", ...rows));
}

/**
 * @param {import("../live/protocol.js").HeaderValue | null} value
 * @param {RegExp | null} marks
 */
function headerValue(value, marks) {
  if (value === null) return element("span", "muted", "null");
  if (value === "") return element("span", "muted", "empty");
  return element("bdi", "", ...marked(typeof value === "string" ? value : `base64 ${value.base64}`, marks));
}

/** @param {KafkaRecord} record */
function cutSentence(record) {
  if (!record.truncated) return "";
  const cut = record.cut ?? ["value"];
  return [
    cut.includes("value") ? `Cut to its beginning; the value has ${size(record.size)}. ` : "",
    cut.includes("key") ? "The key is cut to its beginning. " : "",
    cut.includes("headers") ? "Its headers were left out. " : "",
  ].join("");
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is in the clipboard now
 */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard without HTTPS: the old way works there.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    return copied;
  }
}
