// What the detail panel says of a record that a format made readable: the format, the schema, the bytes, the problem.

import { button, element } from "../page/dom.js";
import { Source, prettyText } from "../live/json.js";
import { FORMATS } from "./format_names.js";
import { LoadError } from "../live/records_api.js";

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("../live/protocol.js").SchemaName} SchemaName
 * @typedef {import("../live/records_api.js").SchemaText} SchemaText
 *
 * @typedef {object} Tools
 * @property {() => void} showBytes
 * @property {(entry: RecordEntry, part: "value" | "key") => Promise<SchemaText>} loadSchema
 * @property {(entry: RecordEntry, format: string) => Promise<KafkaRecord>} readAs
 */

/**
 * @param {RecordEntry} entry
 * @param {KafkaRecord} record
 * @param {Tools} tools
 * @returns {HTMLElement[]} nothing for a record that is shown as its bytes are
 */
export function decodedPart(entry, record, tools) {
  const { format, schema, key_format: keyFormat, key_schema: keySchema, problem } = record;
  if (!format && !keyFormat && !problem && record.encoding !== "base64") return [];
  const found = [];
  if (problem) found.push(element("p", "detail-note", problem));
  const shown = element("div", "detail-more");
  const list = element("dl", "facts");
  if (format) fact(list, "value is", format);
  if (schema) schemaFact(list, "schema", schema, () => openSchema(entry, "value", shown, tools));
  if (keyFormat) fact(list, "key is", keyFormat);
  if (keySchema) schemaFact(list, "key's schema", keySchema, () => openSchema(entry, "key", shown, tools));
  list.append(element("dt", "", "bytes"), element("dd", "", button("Show", "quiet", tools.showBytes)));
  list.append(element("dt", "", "read as"), element("dd", "", formatChoice((format) => void readAs(entry, format, shown, tools))));
  const part = element("div", "detail-decoded", list, shown);
  return [...found, part];
}

/**
 * @param {HTMLElement} list
 * @param {string} name
 * @param {string} value
 */
function fact(list, name, value) {
  list.append(element("dt", "", name), element("dd", "mono", value));
}

/**
 * @param {HTMLElement} list
 * @param {string} name
 * @param {SchemaName} schema
 * @param {() => void} open
 */
function schemaFact(list, name, schema, open) {
  const where = schema.subject ? `, ${schema.subject} ${schema.version}` : "";
  const number = schema.id === null ? "the topic's own" : `id ${schema.id}${where}`;
  const opens = button(schema.name || "open", "quiet mono", open);
  opens.setAttribute("aria-label", `Open the schema ${schema.name}`);
  list.append(element("dt", "", name), element("dd", "", opens, ` ${number}`));
}

/**
 * @param {RecordEntry} entry
 * @param {"value" | "key"} part
 * @param {HTMLElement} shown
 * @param {Tools} tools
 */
async function openSchema(entry, part, shown, tools) {
  await fill(shown, `Schema of the ${part}`, async () => indented((await tools.loadSchema(entry, part)).text));
}

/**
 * @param {(format: string) => void} chosen
 * @returns {HTMLSelectElement}
 */
function formatChoice(chosen) {
  const choice = document.createElement("select");
  choice.setAttribute("aria-label", "Read the value of this record as");
  choice.append(new Option("as it is shown", ""), ...FORMATS.map((format) => new Option(format, format)));
  choice.addEventListener("change", () => chosen(choice.value));
  return choice;
}

/**
 * For who looks, and for this record alone: the topic stays as it is.
 *
 * @param {RecordEntry} entry
 * @param {string} format "" for the topic's
 * @param {HTMLElement} shown
 * @param {Tools} tools
 */
async function readAs(entry, format, shown, tools) {
  if (format === "") shown.replaceChildren();
  else await fill(shown, `The value as ${format}`, async () => saidAs(await tools.readAs(entry, format)));
}

/**
 * @param {Pick<KafkaRecord, "encoding" | "format" | "problem" | "value">} record read by a format
 * @returns {string}
 * @throws {LoadError} where it cannot be
 */
export function saidAs({ encoding, format, problem, value }) {
  if (problem && !format && encoding !== "json") throw new LoadError(problem);
  const text = value instanceof Source ? prettyText(value) : encoding === "none" ? "no value" : String(value);
  return problem ? `${problem}\n\n${text}` : text;
}

/**
 * Shows what `load` brings, or why it does not.
 *
 * @param {HTMLElement} shown
 * @param {string} label
 * @param {() => Promise<string>} load
 */
async function fill(shown, label, load) {
  shown.replaceChildren(element("p", "muted", "Loading …"));
  try {
    const text = element("pre", "detail-value", await load());
    text.tabIndex = 0;
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", label);
    shown.replaceChildren(text);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    shown.replaceChildren(element("p", "detail-note", error.message));
  }
}

/**
 * @param {string} text a schema
 * @returns {string} with lines and indentation where it is JSON
 */
export function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
