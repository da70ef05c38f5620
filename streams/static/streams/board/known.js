// What the records that a tab holds have in them: fields of values, headers, keys, and what these say. For completing a
// filter. Bounded, however wild the records are. Pure functions.

import { headersOf } from "../live/protocol.js";
import { Source, leavesOf } from "../live/json.js";
import { fieldOf, literalOf, quoted } from "../record/expression.js";

// Records that are looked through, newest first, and for how long at most: somebody is typing.
export const RECORDS = 300;
const LONGEST_MS = 25;
// Of a record, of all of them, and of one field.
const LEAVES = 150;
const FIELDS = 400;
const VALUES = 40;
// A longer text is nobody's to choose from a list.
const LITERAL_CHARACTERS = 80;

/**
 * @typedef {{ path: string, seen: number, values: Map<string, number> }} KnownField path: as the filter language writes it;
 *   values: literal → how often, not all of them
 * @typedef {{ fields: Map<string, KnownField>, records: number }} Known
 */

/**
 * @param {Iterable<import("./row.js").Entry>} entries newest first
 * @param {() => number} [clock] ms
 * @returns {Known}
 */
export function knownFrom(entries, clock = () => performance.now()) {
  /** @type {Known} */
  const known = { fields: new Map(), records: 0 };
  const until = clock() + LONGEST_MS;
  for (const entry of entries) {
    if (entry.kind !== "record") continue;
    if (known.records >= RECORDS || clock() > until) break;
    known.records += 1;
    learn(known, entry.partition, entry.record);
  }
  return known;
}

/**
 * @param {Known} known
 * @param {number} partition
 * @param {import("../live/protocol.js").KafkaRecord} record
 */
function learn(known, partition, record) {
  note(known, "key", record.key === null ? "null" : quoted(record.key));
  note(known, "partition", String(partition));
  note(known, "format", quoted(record.format ?? record.encoding));
  /** @type {Map<string, number>} how often a header's name came: filters have the list of its texts */
  const places = new Map();
  for (const [name, value] of headersOf(record)) {
    const place = places.get(name) ?? 0;
    places.set(name, place + 1);
    note(known, `headers${fieldOf(name)}[${place}]`, value === null ? "null" : quoted(typeof value === "string" ? value : value.base64));
  }
  if (!(record.value instanceof Source)) return;
  for (const leaf of leavesOf(record.value, { most: LEAVES })) {
    const path = leaf.path.split("\u0000").slice(1).reduce((before, name) => before + fieldOf(name), "value");
    if (path !== "value") note(known, path, literalOf(leaf));
  }
}

/**
 * @param {Known} known
 * @param {string} path
 * @param {string | null} literal
 */
function note({ fields }, path, literal) {
  let field = fields.get(path);
  if (!field) {
    if (fields.size >= FIELDS) return;
    field = { path, seen: 0, values: new Map() };
    fields.set(path, field);
  }
  field.seen += 1;
  if (literal === null || literal.length > LITERAL_CHARACTERS) return;
  const count = field.values.get(literal);
  if (count !== undefined || field.values.size < VALUES) field.values.set(literal, (count ?? 0) + 1);
}
