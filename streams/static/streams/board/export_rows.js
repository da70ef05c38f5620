// Records as the lines of a file, NDJSON or CSV, whole or in chosen columns: what the server's export writes, of records
// that the tab holds. Pure functions.

import { fieldOf } from "./expression.js";
import { Source, leavesOf } from "../live/json.js";

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {"ndjson" | "csv"} Format
 */

/** Of a record; the columns of a CSV where none are chosen. */
export const USUAL = ["partition", "offset", "timestamp", "key", "headers", "size", "format", "value"];
// What a spreadsheet runs as a formula, at the beginning of a cell or behind another delimiter; a quote makes it text.
const FORMULA = /(?:^|(?<=[;\t]))(?=['"]*[=+\-@\t\r＝＋－＠])/g;

/**
 * @param {RecordEntry[]} entries in the order in which they stand in the file
 * @param {Format} format
 * @param {string[]} columns as the filter language writes them; none for whole records
 * @returns {string}
 */
export function fileOf(entries, format, columns) {
  return format === "csv" ? csvOf(entries, columns.length > 0 ? columns : USUAL) : ndjsonOf(entries, columns);
}

/**
 * @param {RecordEntry[]} entries
 * @param {string[]} columns
 */
function ndjsonOf(entries, columns) {
  const lines = entries.map((entry) => {
    if (columns.length === 0) return wholeOf(entry);
    const cells = cellsOf(entry, columns);
    return `{${columns.map((column, index) => `${JSON.stringify(column)}:${cells[index]?.json ?? "null"}`).join(",")}}`;
  });
  const end = JSON.stringify({ type: "end", reason: "complete", records: entries.length });
  return [...lines, end, ""].join("\n");
}

/**
 * @param {Pick<RecordEntry, "partition" | "record">} entry
 * @returns {string} one line of JSON, its value as it came
 */
export function wholeOf({ partition, record }) {
  const members = Object.entries(record).map(([name, value]) =>
    `${JSON.stringify(name)}:${value instanceof Source ? oneLine(value) : JSON.stringify(value)}`);
  return `{"partition":${partition},${members.join(",")}}`;
}

/** @param {Source} source a line break within JSON stands between its parts only, where it means nothing */
function oneLine({ text }) {
  return text.replace(/[\r\n]+/g, " ");
}

/**
 * @param {RecordEntry[]} entries
 * @param {string[]} columns
 */
function csvOf(entries, columns) {
  const rows = entries.map((entry) => cellsOf(entry, columns).map((cell) => (cell === null ? "" : (cell.string ?? (cell.json === "null" ? "" : cell.json)))));
  const numbers = /^-?[\d.]+(?:[eE][+-]?\d+)?$/;
  const line = (/** @type {string[]} */ cells) => cells.map((cell) => quotedCell(numbers.test(cell) ? cell : cell.replace(FORMULA, "'"))).join(",");
  return [line(columns), ...rows.map(line), `# complete: ${entries.length} records`, ""].join("\r\n");
}

/** @param {string} cell */
function quotedCell(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * @param {RecordEntry} entry
 * @param {string[]} columns
 * @returns {({ string: string | null, json: string } | null)[]} what stands in each; null where the record has nothing there
 */
function cellsOf({ topic, partition, record }, columns) {
  /** @type {Map<string, { string: string | null, json: string }> | null} */
  let leaves = null;
  const said = (/** @type {unknown} */ value) =>
    value === null || value === undefined ? null : { string: typeof value === "string" ? value : null, json: JSON.stringify(value) };
  return columns.map((column) => {
    if (column === "value") return record.value instanceof Source ? { string: null, json: oneLine(record.value) } : said(record.value);
    if (column.startsWith("value")) return (leaves ??= leavesByPath(record.value)).get(column) ?? null;
    if (column === "topic") return said(topic);
    if (column === "partition") return said(partition);
    if (column === "format") return said(record.format ?? record.encoding);
    if (column === "key" || column === "offset" || column === "timestamp" || column === "size" || column === "headers") return said(record[column]);
    const header = Object.entries(record.headers).find(([name]) => `headers${fieldOf(name)}` === column);
    return header ? said(header[1]) : null;
  });
}

/** @param {Source | string | null} value */
function leavesByPath(value) {
  /** @type {Map<string, { string: string | null, json: string }>} */
  const found = new Map();
  if (!(value instanceof Source)) return found;
  for (const { path, string, json } of leavesOf(value)) {
    found.set(path.split("\u0000").slice(1).reduce((before, name) => before + fieldOf(name), "value"), { string, json });
  }
  return found;
}
