// Which fields the records of a topic have, so that nobody types a path blind. Pure.

import { scalarOf, writtenOf } from "../figures/values.js";
import { writtenPath } from "../figures/paths.js";

/**
 * @typedef {"number" | "text" | "boolean" | "point"} FieldType
 * @typedef {{ path: string, type: FieldType, example: string, records: number, values: number }} Field values: how many
 *   different ones it had, 200 at most
 */

// Deep and wild records: what is offered stays a list that a person reads.
const LEVELS = 6;
const FIELDS = 300;
const LIST_ITEMS = 4;
const EXAMPLE = 60;
// More than a third of the records that are looked at: what has so few comes again and again.
const VALUES = 200;

/**
 * @param {Iterable<import("../figures/paths.js").Fields>} records
 * @returns {Field[]} what is in most records first; a field of two types counts as the one that it has more often
 */
export function fieldsOf(records) {
  /** @type {Map<string, Map<FieldType, Field & { seen: Set<string> }>>} */
  const found = new Map();
  let place = 0;
  /** @type {Map<string, number>} */
  const order = new Map();

  /**
   * @param {string} path
   * @param {FieldType} type
   * @param {string} example
   */
  function note(path, type, example) {
    let types = found.get(path);
    if (!types) {
      if (found.size >= FIELDS) return;
      found.set(path, (types = new Map()));
      order.set(path, place);
      place += 1;
    }
    let field = types.get(type);
    if (!field) types.set(type, (field = { path, type, example: example.slice(0, EXAMPLE), records: 0, values: 0, seen: new Set() }));
    field.records += 1;
    if (field.seen.size < VALUES) field.seen.add(example);
    field.values = field.seen.size;
  }

  /**
   * @param {unknown} value
   * @param {(string | number)[]} steps
   */
  function visit(value, steps) {
    const scalar = scalarOf(value);
    if (scalar !== undefined) {
      const type = typeof scalar === "string" ? "text" : typeof scalar === "boolean" ? "boolean" : "number";
      note(writtenPath("value", steps), type, writtenOf(scalar));
    } else if (value && typeof value === "object" && steps.length < LEVELS) {
      const point = /** @type {any} */ (value);
      if (point.type === "Point" && Array.isArray(point.coordinates)) note(writtenPath("value", steps), "point", point.coordinates.join(", "));
      const members = Array.isArray(value) ? value.slice(0, LIST_ITEMS).map((each, index) => /** @type {const} */ ([index, each])) : Object.entries(value);
      for (const [name, member] of members) visit(member, [...steps, name]);
    }
  }

  for (const fields of records) {
    const { record } = fields;
    if (typeof record.key === "string" && !record.key_encoding) note("key", "text", record.key);
    visit(fields.document, []);
    for (const [name, value] of Object.entries(record.headers)) if (typeof value === "string") note(writtenPath("headers", [name]), "text", value);
    note("size", "number", String(record.size));
    note("partition", "number", String(fields.partition));
  }
  const usual = [...found.values()].map((types) => [...types.values()].reduce((most, each) => (each.records > most.records ? each : most)));
  const sorted = usual.sort((a, b) => b.records - a.records || (order.get(a.path) ?? 0) - (order.get(b.path) ?? 0));
  return sorted.map(({ path, type, example, records: some, values }) => ({ path, type, example, records: some, values }));
}
