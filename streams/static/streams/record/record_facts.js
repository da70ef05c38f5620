// What stands beside a record's value: where it is, when it came, its key, its headers.

import { conditionOf } from "./expression.js";
import { element, marked } from "../page/dom.js";
import { headersOf } from "../live/protocol.js";
import { headerCondition, keyCondition, pick } from "./picks.js";
import { chosenClock, dateText, timeText } from "../page/clock.js";
import { NOT_PRINTABLE, grouped, isPrintable, printable, size } from "../page/format.js";

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 */

/**
 * @param {RecordEntry} entry
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 * @param {boolean} hasHeaders whether they are listed here
 * @returns {HTMLElement}
 */
export function facts(entry, record, marks, hasHeaders) {
  const list = element("dl", "facts");
  const add = (/** @type {string} */ name, /** @type {Node | string} */ value) =>
    list.append(element("dt", "", name), element("dd", "mono", value));
  const partition = { string: null, json: String(entry.partition) };
  add("topic", entry.topic);
  add("partition", pick("", (isNot) => conditionOf("partition", partition, isNot), partition.json));
  add("offset", String(record.offset));
  add("time", timeFact(record.timestamp));
  if (record.key === null) list.append(element("dt", "", "key"), element("dd", "muted", "no key"));
  else if (record.cut?.includes("key")) add("key", record.key);
  else if (record.key === "") add("key", pick("muted", keyCondition(""), "empty"));
  else add("key", pick("", keyCondition(record.key), ...marked(record.key, marks)));
  if (record.key_encoding) add("key is", record.key_encoding);
  add("size", `${size(record.size)} (${grouped(record.size)} bytes)`);
  const isBinary = typeof record.value === "string" && !isPrintable(record.value);
  add("value is", record.encoding === "none" ? "a tombstone" : isBinary ? `${NOT_PRINTABLE}; ␀ stands for 0` : record.encoding);
  if (hasHeaders) list.append(element("dt", "", "headers"), headerList(record, marks));
  return list;
}

/**
 * @param {number | string | null} ms since 1970
 * @returns {string | HTMLElement} where it says how long ago, that is written anew by `retime`
 */
function timeFact(ms) {
  const now = Date.now();
  const full = dateText(ms, now, "local");
  if (chosenClock() !== "relative" || dateText(ms, now) === full) return dateText(ms, now);
  const ago = element("span", "", timeText(ms, now));
  ago.dataset["ms"] = String(ms);
  return element("span", "", ago, ` (${full})`);
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

/**
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 * @returns {HTMLElement} every header with its bytes in figures, in the order of Kafka
 */
export function headerTable(record, marks) {
  const shown = element("div", "detail-value header-table");
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", "Headers");
  const headers = headersOf(record);
  if (record.cut?.includes("headers")) shown.append(element("p", "muted", "They are long, and were left out."));
  else if (headers.length === 0) shown.append(element("p", "muted", "This record has no headers."));
  else {
    const rows = headers.map(([name, value]) =>
      element("tr", "", headCell(name), element("td", "", pick("", headerCondition(name, value), headerValue(value, marks))), element("td", "muted", sizeOf(value))));
    shown.append(element("table", "", element("tbody", "", ...rows)));
  }
  return shown;
}

/** @param {string} name */
function headCell(name) {
  const cell = element("th", "", element("bdi", "", printable(name)));
  cell.setAttribute("scope", "row");
  return cell;
}

/** @param {import("../live/protocol.js").HeaderValue | null} value */
function sizeOf(value) {
  if (value === null) return "";
  return size(typeof value === "string" ? new TextEncoder().encode(value).length : atob(value.base64).length);
}
