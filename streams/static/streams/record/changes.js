// What differs between two records: field by field where both are JSON, line by line else. Digits and texts are compared
// and shown as they stand in Kafka. Pure functions.

import { fieldOf } from "./expression.js";
import { PARTS, Source } from "../live/json.js";
import { headersOf } from "../live/protocol.js";

// Fields of one record that are compared; what lies behind is not looked at, and that is said.
const MOST_FIELDS = 100_000;
// Lines on each side of a text.
const MOST_LINES = 200;

/**
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {{ path: string, before: string | null, after: string | null }} Change a field that is null was not there
 * @typedef {{ changes: Change[], same: number, isAll: boolean }} Changes same: fields that are equal
 */

/**
 * @param {Source} source
 * @param {string} root what its paths begin with
 * @returns {Map<string, string[]>} path → source texts, as often as the name stands there; empty lists and objects count
 */
export function fieldsIn({ text }, root) {
  /** @type {Map<string, string[]>} */
  const found = new Map();
  /** @type {{ path: string, index: number, isEmpty: boolean }[]} */
  const open = [];
  let [name, before] = ["", ""];
  let count = 0;
  const placeOf = () => {
    const inner = open.at(-1);
    if (!inner) return root;
    inner.isEmpty = false;
    return inner.path + (inner.index >= 0 ? `[${inner.index}]` : name);
  };
  const take = (/** @type {string} */ path, /** @type {string} */ said) => {
    const texts = found.get(path);
    if (texts) texts.push(said);
    else found.set(path, [said]);
    count += 1;
  };
  for (const { 0: sign, index } of text.matchAll(PARTS)) {
    const inner = open.at(-1);
    if (sign === "{" || sign === "[") open.push({ path: placeOf(), index: sign === "[" ? 0 : -1, isEmpty: true });
    else if (sign === "}" || sign === "]") {
      open.pop();
      if (inner?.isEmpty) take(inner.path, sign === "}" ? "{}" : "[]");
    } else if (sign === ",") {
      if (inner && inner.index >= 0) inner.index += 1;
    } else if (sign !== ":") {
      const isName = sign.startsWith('"') && inner !== undefined && inner.index < 0 && before !== ":";
      if (isName) name = fieldOf(JSON.parse(sign));
      else take(placeOf(), sign);
    }
    before = sign;
    if (count >= MOST_FIELDS && index < text.length) break;
  }
  return found;
}

/**
 * @param {Map<string, string[]>} before
 * @param {Map<string, string[]>} after
 * @returns {Change[]} in the order of `after`; what is gone comes last
 */
function differing(before, after) {
  /** @type {Change[]} */
  const changes = [];
  for (const path of new Set([...after.keys(), ...before.keys()])) {
    const [old, now] = [before.get(path) ?? [], after.get(path) ?? []];
    for (let at = 0; at < Math.max(old.length, now.length); at += 1) {
      if (old[at] !== now[at]) changes.push({ path, before: old[at] ?? null, after: now[at] ?? null });
    }
  }
  return changes;
}

/**
 * @param {KafkaRecord} before
 * @param {KafkaRecord} after
 * @returns {Changes}
 */
export function changesBetween(before, after) {
  const [old, now] = [partsOf(before), partsOf(after)];
  const changes = differing(old.fields, now.fields);
  const all = [...now.fields.values()].reduce((sum, each) => sum + each.length, 0);
  const same = all - changes.filter((each) => each.after !== null).length;
  if (!(old.isJson && now.isJson) && before.value !== after.value) changes.push(...changedTexts(before, after));
  return { changes, same, isAll: [old, now].every(({ fields }) => fields.size < MOST_FIELDS) };
}

/** @param {KafkaRecord} record */
function partsOf(record) {
  const isJson = record.value instanceof Source;
  /** @type {Map<string, string[]>} */
  const fields = record.value instanceof Source ? fieldsIn(record.value, "value") : new Map();
  for (const [name, value] of headersOf(record)) {
    const path = `headers${fieldOf(name)}`;
    const said = value === null ? "null" : typeof value === "string" ? JSON.stringify(value) : `base64 ${value.base64}`;
    fields.set(path, [...(fields.get(path) ?? []), said]);
  }
  return { isJson, fields };
}

/**
 * @param {KafkaRecord} before
 * @param {KafkaRecord} after
 * @returns {Change[]} the lines between the first and the last that differ
 */
function changedTexts(before, after) {
  const [was, is] = [before, after].map(({ value }) => (value instanceof Source ? value.text : value));
  if (typeof was !== "string" || typeof is !== "string") return [{ path: "value", before: lineOf(was), after: lineOf(is) }];
  const [old, now] = [was.split("\n"), is.split("\n")];
  let first = 0;
  while (first < Math.min(old.length, now.length) && old[first] === now[first]) first += 1;
  let last = 0;
  while (last < Math.min(old.length, now.length) - first && old.at(-1 - last) === now.at(-1 - last)) last += 1;
  const part = (/** @type {string[]} */ lines) => lines.slice(first, lines.length - last).slice(0, MOST_LINES).join("\n");
  return [{ path: `value, from line ${first + 1}`, before: part(old), after: part(now) }];
}

/** @param {string | null | undefined} text */
function lineOf(text) {
  return text === null || text === undefined ? null : text.split("\n").slice(0, MOST_LINES).join("\n");
}
