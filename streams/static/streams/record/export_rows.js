// Records as the lines of a file, NDJSON or CSV, whole or in chosen columns: what the server's export writes
// (streams/search/rows.py), of records that the tab holds. Pure functions.

import { fieldOf } from "./expression.js";
import { Source, leavesOf } from "../live/json.js";
import { headersOf } from "../live/protocol.js";

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {"ndjson" | "csv"} Format
 * @typedef {{ string: string | null, json: string } | null} Cell string: of a text what it says; null where the record has
 *   nothing there
 */

/** Of a record; the columns of a CSV where none are chosen. */
export const USUAL = ["partition", "offset", "timestamp", "key", "headers", "size", "format", "value"];
// Of a record's members those that are numbers; one with more digits than JavaScript keeps is their text.
const NUMBERS = new Set(["offset", "timestamp", "size"]);
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

/** @param {number} records */
function endOf(records) {
  return JSON.stringify({ type: "end", reason: "complete", records, failed: 0, unchecked: 0, undecodable: 0 });
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
  return [...lines, endOf(entries.length), ""].join("\n");
}

/**
 * @param {Pick<RecordEntry, "partition" | "record">} entry
 * @returns {string} one line of JSON, its value as it came
 */
export function wholeOf({ partition, record }) {
  const members = Object.entries(record).map(([name, value]) =>
    `${JSON.stringify(name)}:${value instanceof Source ? oneLine(value) : memberJson(name, value)}`);
  return `{"partition":${partition},${members.join(",")}}`;
}

/**
 * @param {string} name
 * @param {unknown} value of that member of a record
 * @returns {string} its JSON, with the digits that the server sent
 */
function memberJson(name, value) {
  return NUMBERS.has(name) && typeof value === "string" ? value : JSON.stringify(value);
}

/** @param {Source} source a line break within JSON stands between its parts only, where it means nothing */
function oneLine({ text }) {
  return text.replace(/[\r\n]/g, " ");
}

/**
 * @param {RecordEntry[]} entries
 * @param {string[]} columns
 */
function csvOf(entries, columns) {
  const head = columns.map((column) => textCell(column)).join(",");
  const rows = entries.map((entry) => cellsOf(entry, columns).map(csvCell).join(","));
  return [head, ...rows, `# ${endOf(entries.length)}`, ""].join("\r\n");
}

/** @param {Cell} cell */
function csvCell(cell) {
  if (cell === null) return "";
  if (cell.string !== null) return textCell(cell.string);
  if (cell.json === "null") return "";
  // A tab stands between parts of JSON only, never in a text; the sign of a number is part of it: no formula.
  return cell.json.startsWith("-") ? cell.json : textCell(cell.json.replaceAll("\t", " "));
}

/** @param {string} text that no spreadsheet shall run */
function textCell(text) {
  const cell = text.replace(FORMULA, "'");
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/**
 * @param {RecordEntry} entry
 * @param {string[]} columns
 * @returns {Cell[]} what stands in each
 */
function cellsOf({ topic, partition, record }, columns) {
  /** @type {Map<string, Cell> | null} */
  let fields = null;
  return columns.map((column) => {
    if (column === "value") return record.value instanceof Source ? wholeCell(record.value) : said(record.value);
    if (column === "topic") return said(topic);
    if (column === "partition") return said(partition);
    if (column === "format") return said(record.format ?? record.encoding);
    if (column === "key") return said(record.key);
    if (column === "offset" || column === "timestamp" || column === "size") return numberCell(record[column]);
    return (fields ??= fieldsOf(record, columns)).get(column) ?? null;
  });
}

/**
 * @param {number | string | null} number a text where it has more digits than JavaScript keeps
 * @returns {Cell}
 */
function numberCell(number) {
  return number === null ? null : { string: null, json: String(number) };
}

/**
 * @param {unknown} value
 * @returns {Cell}
 */
function said(value) {
  return value === null || value === undefined ? null : { string: typeof value === "string" ? value : null, json: JSON.stringify(value) };
}

/**
 * @param {Source} source
 * @returns {Cell} a text says itself, everything else is JSON
 */
function wholeCell(source) {
  const json = oneLine(source);
  return { string: json.trimStart().startsWith('"') ? JSON.parse(json) : null, json };
}

/**
 * @param {KafkaRecord} record
 * @param {string[]} columns
 * @returns {Map<string, Cell>} by columns: its headers, as lists of texts, and the fields of its value as deep as any
 *   column looks
 */
function fieldsOf(record, columns) {
  /** @type {Map<string, Cell>} */
  const found = new Map();
  const lists = headerLists(record);
  found.set("headers", { string: null, json: `{${[...lists].map(([name, texts]) => `${JSON.stringify(name)}:${JSON.stringify(texts)}`).join(",")}}` });
  for (const [name, texts] of lists) {
    const path = `headers${fieldOf(name)}`;
    found.set(path, said(texts));
    texts.forEach((text, place) => found.set(`${path}[${place}]`, said(text)));
  }
  if (!(record.value instanceof Source)) return found;
  const deepest = Math.max(...columns.map((column) => column.match(/[.[]/g)?.length ?? 0));
  for (let levels = 1; levels <= deepest; levels += 1) {
    for (const { path, string, json } of leavesOf(record.value, { levels })) {
      found.set(path.split("\u0000").slice(1).reduce((before, name) => before + fieldOf(name), "value"), { string, json });
    }
  }
  return found;
}

/**
 * @param {KafkaRecord} record
 * @returns {Map<string, (string | null)[]>} as filters have them
 */
function headerLists(record) {
  /** @type {Map<string, (string | null)[]>} */
  const lists = new Map();
  for (const [name, value] of headersOf(record)) {
    const text = value === null || typeof value === "string" ? value : value.base64;
    lists.set(name, [...(lists.get(name) ?? []), text]);
  }
  return lists;
}
