// The panel beside the rows: one record, whole. It stays on its record while the stream goes on.

import { button, element, link } from "../page/dom.js";
import { Source, prettyText } from "../live/json.js";
import { headersOf } from "../live/protocol.js";
import { decodedPart } from "./decoded.js";
import { LoadError } from "../live/records_api.js";
import { NOT_PRINTABLE, fullTime, grouped, isPrintable, printable, size } from "../page/format.js";

// Beyond this many characters the value is shown without colours: thousands of nodes would freeze the page.
const COLOURED_CHARACTERS = 64 * 1024;
const COPIED_MS = 1_500;
// Names, strings and other values of pretty-printed JSON; what lies between them needs no colour.
const JSON_PARTS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 */

export class Detail {
  /** @type {RecordEntry | null} */
  entry = null;
  #panel;
  #itemsPath;
  #loadWhole;
  #loadSchema;
  #only;
  #closed;

  /**
   * @param {HTMLElement} panel
   * @param {{ itemsPath: string, loadWhole: (entry: RecordEntry) => Promise<KafkaRecord>, loadSchema: import("./decoded.js").Tools["loadSchema"], only: (key: string) => void, closed: () => void }} tools
   */
  constructor(panel, { itemsPath, loadWhole, loadSchema, only, closed }) {
    this.#panel = panel;
    this.#itemsPath = itemsPath;
    this.#loadWhole = loadWhole;
    this.#loadSchema = loadSchema;
    this.#only = only;
    this.#closed = closed;
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
    this.#closed();
  }

  /**
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record the entry's, or the same uncut
   * @param {string} problem
   */
  #render(entry, record, problem) {
    const close = button("✕", "quiet detail-close", () => this.close());
    close.setAttribute("aria-label", "Close detail");
    const title = element("h2", "mono", `${entry.partition}:${grouped(record.offset)}`);
    const parts = [element("div", "detail-head", title, close), ...this.#valuePart(entry, record, problem)];
    parts.push(...decodedPart(entry, record, { loadWhole: this.#loadWhole, loadSchema: this.#loadSchema }));
    parts.push(facts(entry, record));
    this.#panel.replaceChildren(...parts);
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
    if (key !== null) tools.append(button("Only this key", "quiet", () => this.#only(key)));
    if (entry.event && entry.event.happened !== "deleted") {
      tools.append(link("Open item", `${this.#itemsPath}${entry.event.id}/`));
    }
    if (record.truncated) tools.append(this.#wholeButton(entry));
    const cut = cutSentence(record);
    const note = element("p", "detail-note", cut, problem);
    return [valueElement(record, text), ...(cut || problem ? [note] : []), tools];
  }

  /** @param {RecordEntry} entry */
  #wholeButton(entry) {
    const load = button("Load whole record", "", async () => {
      load.disabled = true;
      load.textContent = "Loading …";
      let record = entry.record;
      let problem = "";
      try {
        record = await this.#loadWhole(entry);
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
 */
function valueElement(record, text) {
  if (record.encoding === "none") return element("p", "muted", "Tombstone: no value. The key was deleted.");
  const shown = element("pre", "detail-value");
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", "Value");
  if (record.value instanceof Source && text.length < COLOURED_CHARACTERS) shown.append(...coloured(text));
  else shown.textContent = text;
  return shown;
}

/**
 * @param {string} text pretty-printed JSON
 * @returns {(Node | string)[]}
 */
function coloured(text) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(JSON_PARTS)) {
    const [whole, string = "", colon = ""] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + whole.length;
    if (colon) parts.push(element("span", "json-name", string), colon);
    else parts.push(element("span", string ? "json-string" : "json-value", whole));
  }
  parts.push(text.slice(end));
  return parts;
}

/**
 * @param {RecordEntry} entry
 * @param {KafkaRecord} record
 */
function facts(entry, record) {
  const list = element("dl", "facts");
  const add = (/** @type {string} */ name, /** @type {string} */ value) =>
    list.append(element("dt", "", name), element("dd", "mono", value));
  add("topic", entry.topic);
  add("partition", String(entry.partition));
  add("offset", String(record.offset));
  add("time", fullTime(record.timestamp));
  if (record.key === null) list.append(element("dt", "", "key"), element("dd", "muted", "no key"));
  else add("key", record.key);
  if (record.key_encoding) add("key is", record.key_encoding);
  add("size", `${size(record.size)} (${grouped(record.size)} bytes)`);
  const isBinary = typeof record.value === "string" && !isPrintable(record.value);
  add("value is", record.encoding === "none" ? "a tombstone" : isBinary ? `${NOT_PRINTABLE}; ␀ stands for 0` : record.encoding);
  list.append(element("dt", "", "headers"), headerList(record));
  return list;
}

/**
 * A header may be named like one of the facts: they stand in a list of their own.
 *
 * @param {KafkaRecord} record
 */
function headerList(record) {
  const headers = headersOf(record);
  if (record.cut?.includes("headers")) return element("dd", "muted", "left out, they are long");
  if (headers.length === 0) return element("dd", "muted", "none");
  const rows = headers.map(([name, value]) =>
    element("li", "mono", element("bdi", "header-name", name), " ", headerValue(value)));
  return element("dd", "", element("ol", "headers", ...rows));
}

/** @param {import("../live/protocol.js").HeaderValue | null} value */
function headerValue(value) {
  if (value === null) return element("span", "muted", "null");
  if (value === "") return element("span", "muted", "empty");
  return element("bdi", "", typeof value === "string" ? value : `base64 ${value.base64}`);
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
