// What could stand at the caret of a filter that is being typed: fields, what they say in the records seen, signs and
// functions. Pure functions.

import { NAMES, readAs } from "../record/expression.js";

// A list that is longer is not read.
const MOST = 40;

/**
 * @typedef {import("./known.js").Known} Known
 * @typedef {{ label: string, insert: string, about: string }} Option insert: what takes the place of what was typed
 * @typedef {{ from: number, to: number, options: Option[] }} Suggestions from, to: what an option takes the place of
 */

const STEP = String.raw`(?:\.[A-Za-z_]\w*|\["(?:[^"\\]|\\.)*"\]|\[\d+\])`;
const PATH = String.raw`(?:${NAMES.join("|")})${STEP}*`;
const VALUE = new RegExp(String.raw`(?<![\w.])(?<path>${PATH})\s*(?<sign>==|!=|<=|>=|<|>|\bin\s*\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*?)\s*(?<typed>"(?:[^"\\]|\\.)*|-?[\w.]*)$`);
const FIELD = new RegExp(String.raw`(?<![\w.\]])(?<path>(?:value|headers)${STEP}*)(?<typed>\.\w*|\["?(?:[^"\\\]]|\\.)*)$`);
const WORD = /(?<![\w.\])"'])(?<typed>[A-Za-z_]\w*)$/;
const AFTER_FIELD = new RegExp(String.raw`(?<![\w.])(?<path>${PATH})\s+(?<typed>[=!<>]?)$`);
const AFTER_CONDITION = new RegExp(String.raw`(?:==|!=|<=|>=|<|>|\bin)\s*(?:"(?:[^"\\]|\\.)*"|-?[\d.]+|\w+|\[[^\]]*\])\s+(?<typed>[&|]?)$|\)\s+(?<typed2>[&|]?)$`);
const BEGINS = /(?:^|&&|\|\||[!(])\s*$/;

/** @type {Option[]} */
const SIGNS = [
  { label: "==", insert: "== ", about: "is" },
  { label: "!=", insert: "!= ", about: "is not" },
  { label: "<", insert: "< ", about: "less than" },
  { label: "<=", insert: "<= ", about: "at most" },
  { label: ">", insert: "> ", about: "more than" },
  { label: ">=", insert: ">= ", about: "at least" },
];
/** @type {Option[]} */
const JOINS = [
  { label: "&&", insert: "&& ", about: "and" },
  { label: "||", insert: "|| ", about: "or" },
];
/** @type {Option[]} */
const METHODS = [
  { label: ".contains(…)", insert: '.contains("', about: "a text has this in it" },
  { label: ".startsWith(…)", insert: '.startsWith("', about: "a text begins with this" },
  { label: ".matches(…)", insert: '.matches("', about: "a text fits an RE2 pattern" },
  { label: ".exists(each, …)", insert: ".exists(each, ", about: "something in a list" },
  { label: ".size()", insert: ".size() ", about: "how long a text or list is" },
];
/** @type {Option[]} */
const FUNCTIONS = [
  { label: 'text("…")', insert: 'text("', about: "each of these words, anywhere" },
  { label: "has(…)", insert: "has(value.", about: "the field is there" },
  { label: "size(…)", insert: "size(", about: "how long a text or list is" },
];
/** @type {Record<string, string>} */
const ABOUT = {
  value: "what the record says", key: "its key", headers: "its headers, lists of texts", topic: "the topic's name",
  partition: "a number", offset: "a number", timestamp: "its time in Kafka", size: "bytes of the value", format: "json, text, avro …",
};

/**
 * @param {string} text
 * @param {number} caret
 * @param {Known} known
 * @returns {Suggestions}
 */
export function suggestionsAt(text, caret, known) {
  const before = text.slice(0, caret);
  return valuesAt(before, known) ?? fieldsAt(before, known) ?? signsAt(before) ?? namesAt(text, before, known) ?? { from: caret, to: caret, options: [] };
}

/**
 * @param {string} before
 * @param {Known} known
 * @returns {Suggestions | null} what the field before a sign says in the records seen
 */
function valuesAt(before, known) {
  const found = VALUE.exec(before)?.groups;
  if (!found) return null;
  const { path = "", typed = "" } = found;
  const field = known.fields.get(path);
  if (!field) return typed === "" || typed.startsWith('"') ? { from: before.length, to: before.length, options: [] } : null;
  const bare = typed.replace(/^"/, "").toLowerCase();
  const fitting = [...field.values].filter(([literal]) => literal.replace(/^"/, "").toLowerCase().includes(bare) && literal !== typed);
  fitting.sort(([a, often], [b, oftenB]) => startsLast(a, bare) - startsLast(b, bare) || oftenB - often);
  const options = fitting.map(([literal, often]) => ({ label: literal, insert: `${literal} `, about: `${often} of ${known.records}` }));
  return { from: before.length - typed.length, to: before.length, options: options.slice(0, MOST) };
}

/**
 * @param {string} literal
 * @param {string} bare
 */
function startsLast(literal, bare) {
  return Number(!literal.replace(/^"/, "").toLowerCase().startsWith(bare));
}

/**
 * @param {string} before
 * @param {Known} known
 * @returns {Suggestions | null} the fields within what is typed, and what can be done with it
 */
function fieldsAt(before, known) {
  const found = FIELD.exec(before)?.groups;
  if (!found) return null;
  const { path = "", typed = "" } = found;
  const from = before.length - path.length - typed.length;
  const wanted = typed.replace(/^\.|^\["?/, "").toLowerCase();
  const inner = [...known.fields.values()].filter((field) => isWithin(field.path, path) && field.path.slice(path.length).toLowerCase().includes(wanted));
  const options = inner.map((field) => fieldOption(field, known));
  const isField = known.fields.has(path) && typed.startsWith(".");
  const methods = isField ? METHODS.filter(({ label }) => label.slice(1).toLowerCase().startsWith(wanted)) : [];
  const all = [...options, ...methods.map((method) => ({ ...method, insert: path + method.insert }))];
  return { from, to: before.length, options: all.slice(0, MOST) };
}

/**
 * @param {string} path
 * @param {string} of
 */
function isWithin(path, of) {
  return path.startsWith(of) && (path[of.length] === "." || path[of.length] === "[");
}

/**
 * @param {import("./known.js").KnownField} field
 * @param {Known} known
 * @returns {Option}
 */
function fieldOption({ path, seen, values }, known) {
  const [example] = [...values].reduce((most, each) => (each[1] > most[1] ? each : most), ["", 0]);
  const said = example === "" ? "" : values.size > 1 ? ` · ${example} …` : ` · ${example}`;
  return { label: path, insert: `${path} `, about: `in ${seen} of ${known.records}${said}` };
}

/**
 * @param {string} before
 * @returns {Suggestions | null} signs behind a field, or between conditions
 */
function signsAt(before) {
  const field = AFTER_FIELD.exec(before)?.groups;
  const condition = field ? null : AFTER_CONDITION.exec(before)?.groups;
  if (!field && !condition) return null;
  const typed = field?.["typed"] ?? condition?.["typed"] ?? condition?.["typed2"] ?? "";
  const options = (field ? SIGNS : JOINS).filter(({ label }) => label.startsWith(typed));
  return { from: before.length - typed.length, to: before.length, options };
}

/**
 * @param {string} text
 * @param {string} before
 * @param {Known} known
 * @returns {Suggestions | null} what a condition can begin with
 */
function namesAt(text, before, known) {
  const typed = WORD.exec(before)?.groups?.["typed"] ?? "";
  const from = before.length - typed.length;
  const isFirst = before.slice(0, from).trim() === "" && text.slice(before.length).trim() === "";
  const begins = typed === "" ? BEGINS.test(before) : true;
  if (!begins || (!isFirst && readAs(text) === "words")) return null;
  const wanted = typed.toLowerCase();
  const fits = (/** @type {string} */ label) => label.toLowerCase().startsWith(wanted);
  const fields = [...known.fields.values()].filter(({ path }) => /^(?:value|headers)./.test(path) && path.toLowerCase().includes(wanted));
  const names = NAMES.filter(fits).map((name) => ({ label: name, insert: name === "value" || name === "headers" ? `${name}.` : `${name} `, about: ABOUT[name] ?? "" }));
  const own = names.filter(({ label }) => label !== "value" || fields.length === 0);
  return { from, to: before.length, options: [...fields.map((field) => fieldOption(field, known)), ...own, ...FUNCTIONS.filter(({ label }) => fits(label))].slice(0, MOST) };
}
