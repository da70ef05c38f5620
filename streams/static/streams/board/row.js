// One line of the board: draws an entry into a node that had another entry before. Rows are cheap, they are recycled.

import { button, element, link, marked } from "../page/dom.js";
import { Source } from "../live/json.js";
import { timeText } from "../page/clock.js";
import { NOT_PRINTABLE, counted, firstLine, gapReason, grouped, isPrintable, printable, size } from "../page/format.js";

// Text beyond this is never seen in one line.
const LINE_CHARACTERS = 300;
// Of the Okabe-Ito colours in base.css.
const COLOURS = 6;

/**
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("../live/itemevent.js").ItemEvent} ItemEvent
 *
 * @typedef {import("../record/entries.js").RecordEntry} RecordEntry
 *
 * @typedef {object} GapEntry
 * @property {"gap"} kind
 * @property {string} topic
 * @property {string} epoch
 * @property {import("../live/stream.js").MissingRange} range what is still missing
 * @property {string} note how loading went
 * @property {boolean} loading
 *
 * @typedef {{ kind: "note", text: string }} NoteEntry
 * @typedef {RecordEntry | GapEntry | NoteEntry} Entry
 *
 * @typedef {object} RowTools
 * @property {string} itemsPath
 * @property {(value: Source) => import("../record/preview.js").Field[]} fields
 * @property {() => RegExp | null} marks what is looked for, to be marked
 * @property {(entry: GapEntry) => void} load
 */

/** @returns {HTMLElement} an empty row, to be filled by `fillRow` */
export function makeRow() {
  const row = element("div", "row");
  row.setAttribute("role", "row");
  row.tabIndex = -1;
  return row;
}

/**
 * @param {HTMLElement} row
 * @param {Entry} entry
 * @param {RowTools} tools
 */
export function fillRow(row, entry, tools) {
  row.dataset["kind"] = entry.kind;
  row.removeAttribute("aria-selected");
  delete row.dataset["partition"];
  delete row.dataset["offset"];
  delete row.dataset["reason"];
  if (entry.kind === "record") fillRecord(row, entry, tools);
  else if (entry.kind === "gap") fillGap(row, entry, tools);
  else row.replaceChildren(cell("wide muted", `── ${entry.text}`));
}

/**
 * @param {HTMLElement} row
 * @param {RecordEntry} entry
 * @param {RowTools} tools
 */
function fillRecord(row, entry, tools) {
  const { partition, record } = entry;
  row.dataset["partition"] = String(partition);
  row.dataset["offset"] = String(record.offset);
  row.setAttribute("aria-selected", "false");
  const dot = element("span", "dot");
  dot.dataset["series"] = String(partition % COLOURS);
  const where = cell("where", dot, `${partition}:${grouped(record.offset)}`);
  const value = entry.event ? itemCell(entry, entry.event, tools) : valueCell(record, tools);
  const time = cell("time", timeText(record.timestamp, Date.now()));
  if (record.timestamp !== null) time.dataset["ms"] = String(record.timestamp);
  row.replaceChildren(time, where, keyCell(record, tools.marks()), value);
}

/**
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 */
function keyCell(record, marks) {
  if (record.key === null) return cell("key muted", "no key");
  if (record.key === "") return cell("key muted", "empty");
  const text = marked(printable(record.key.slice(0, LINE_CHARACTERS)), marks);
  return record.key_encoding ? cell("key", tag("base64"), ...text) : cell("key", ...text);
}

/**
 * @param {KafkaRecord} record
 * @param {RowTools} tools
 */
function valueCell(record, tools) {
  if (record.encoding === "none") return cell("value", tag("tombstone"), element("span", "muted", "no value: the key was deleted"));
  const value = cell("value");
  const marks = tools.marks();
  if (record.truncated) value.append(tag(`${size(record.size)}, cut`));
  if (record.value instanceof Source) {
    for (const { name, text } of tools.fields(record.value)) {
      if (name) value.append(element("span", "name", ...isolated(`${name}: `, null)), ...isolated(text, marks), "  ");
      else value.append(...isolated(text, marks));
    }
  } else {
    const text = record.value ?? "";
    const { first, more } = firstLine(text);
    value.append(tag(isPrintable(text) ? (record.format ?? record.encoding) : NOT_PRINTABLE));
    if (more > 0) value.append(tag(`+${counted(more, "line")}`));
    if (text === "") value.append(element("span", "muted", "empty"));
    value.append(...isolated(printable(first.slice(0, LINE_CHARACTERS)), marks));
  }
  return value;
}

/**
 * @param {RecordEntry} entry
 * @param {ItemEvent} event
 * @param {RowTools} tools
 */
function itemCell(entry, event, tools) {
  const value = cell("value item");
  const happened = element("span", "happened", event.happened);
  happened.dataset["happened"] = event.happened;
  const name = event.name || `item ${event.id}`;
  value.append(happened, event.happened === "deleted" ? element("s", "", name) : link(name, `${tools.itemsPath}${event.id}/`));
  value.append(element("span", "price", event.price), element("span", "muted", `v${event.version}`));
  value.append(element("span", "muted", event.actor === null ? "by the system" : `by ${event.actor}`));
  if (entry.repeated) value.append(tag("seen before"));
  return value;
}

/**
 * @param {HTMLElement} row
 * @param {GapEntry} entry
 * @param {RowTools} tools
 */
function fillGap(row, entry, tools) {
  const { partition, from, to, reason } = entry.range;
  row.dataset["partition"] = String(partition);
  row.dataset["reason"] = reason;
  const offsets = `${grouped(from)}–${grouped(to - 1)}`;
  const what = reason === "passed" ? "passed over" : "gap";
  const why = reason === "passed" ? "came faster than rows are drawn; in Kafka" : `not delivered (${gapReason(reason)})`;
  const words = element("span", "", `── ${what}: partition ${partition}, offsets ${offsets} ${why}`);
  if (entry.note) words.append(element("span", "muted", ` ${entry.note}`));
  const load = button(entry.loading ? "loading …" : "load", "quiet load", () => tools.load(entry));
  // Not disabled: that would take the keyboard away from whoever pressed it.
  load.setAttribute("aria-disabled", String(entry.loading));
  load.setAttribute("aria-label", `Load offsets ${from} to ${to - 1} of partition ${partition}`);
  row.replaceChildren(cell("wide gap-text", words, load));
}

/**
 * @param {string} className
 * @param {(Node | string)[]} children
 */
function cell(className, ...children) {
  const made = element("span", className, ...children);
  made.setAttribute("role", "gridcell");
  return made;
}

// Marks that change the direction of what follows, and letters of scripts that are written from the right.
const TURNS = /[\u0590-\u08FF\u200E\u200F\u202A-\u202E\u2066-\u2069\uFB1D-\uFDFF\uFE70-\uFEFC]/;

/**
 * @param {string} text
 * @param {RegExp | null} marks
 * @returns {(Node | string)[]} what turns the direction of writing within it ends with it
 */
function isolated(text, marks) {
  const parts = marked(text, marks);
  return TURNS.test(text) ? [element("bdi", "", ...parts)] : parts;
}

/** @param {string} text */
function tag(text) {
  return element("span", "tag", text);
}
