// Values that can be picked: a click, or enter, narrows the board to records that have the same there, or leaves them out.

import { conditionOf, fieldOf, quoted, valueCondition } from "./expression.js";
import { element, marked } from "../page/dom.js";
import { leavesOf, Source } from "../live/json.js";
import { fieldsOf } from "./preview.js";

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("../live/protocol.js").HeaderValue} HeaderValue
 * @typedef {(isNot: boolean) => string | null} Condition
 */

/** @type {WeakMap<Element, Condition>} */
const conditions = new WeakMap();

/**
 * @param {string} className
 * @param {Condition} condition
 * @param {(Node | string)[]} children
 * @returns {HTMLElement} something to be picked; plain where the language has no condition for it
 */
export function pick(className, condition, ...children) {
  const made = element("span", className, ...children);
  const said = condition(false);
  if (said === null) return made;
  made.classList.add("pick");
  made.setAttribute("role", "button");
  made.title = said;
  made.tabIndex = -1;
  conditions.set(made, condition);
  return made;
}

/** @param {string | null} key */
export function keyCondition(key) {
  return (/** @type {boolean} */ isNot) => conditionOf("key", { string: key, json: "null" }, isNot);
}

/**
 * @param {string} name
 * @param {HeaderValue | null} value
 * @returns {Condition}
 */
export function headerCondition(name, value) {
  const header = `headers${fieldOf(name)}`;
  const said = value === null ? "null" : quoted(typeof value === "string" ? value : value.base64);
  return (isNot) => (isNot ? `!(has(${header}) && ${said} in ${header})` : `${said} in ${header}`);
}

// Pretty-printed JSON: texts, signs and everything else that has a value.
const PARTS = /"(?:[^"\\]|\\.)*"|[{}[\],]|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

/**
 * @param {string} text pretty-printed JSON of a record's value
 * @param {RegExp | null} marks
 * @param {boolean} isStrict whether filters see the value so; else it is a text to them, and nothing in it is a field
 * @returns {(Node | string)[]} the same, coloured, with each value to be picked
 */
export function valueNodes(text, marks, isStrict) {
  /** @type {(Node | string)[]} */
  const nodes = [];
  /** @type {(string | number)[]} */
  const steps = [];
  let end = 0;
  for (const match of text.matchAll(PARTS)) {
    const [source] = match;
    nodes.push(text.slice(end, match.index));
    end = match.index + source.length;
    const last = steps.at(-1);
    if (source === "{") steps.push("");
    else if (source === "[") steps.push(0);
    else if (source === "}" || source === "]") steps.pop();
    else if (source === ",") {
      if (typeof last === "number") steps[steps.length - 1] = last + 1;
    } else if (source.startsWith('"') && text[end] === ":") {
      steps[steps.length - 1] = JSON.parse(source);
      nodes.push(element("span", "json-name", source));
      continue;
    } else {
      nodes.push(scalar(source, isStrict ? [...steps] : null, marks));
      continue;
    }
    nodes.push(source);
  }
  nodes.push(text.slice(end));
  return nodes;
}

/**
 * @param {string} source
 * @param {(string | number)[] | null} steps null where it cannot be picked
 * @param {RegExp | null} marks
 */
function scalar(source, steps, marks) {
  const isText = source.startsWith('"');
  const [leaf] = leavesOf(new Source(source));
  const condition = (/** @type {boolean} */ isNot) => (leaf && steps ? valueCondition(steps, leaf, isNot) : null);
  return pick(isText ? "json-string" : "json-value", condition, ...marked(source, marks));
}

/**
 * @param {EventTarget | null} target of a click or a key
 * @param {boolean} isNot
 * @returns {string | null} the condition of what was picked
 */
export function pickedAt(target, isNot) {
  const chosen = target instanceof Element ? target.closest(".pick") : null;
  return (chosen && conditions.get(chosen)?.(isNot)) ?? null;
}

/**
 * Lets the keyboard reach what can be picked: one of them is in the page's tab order, arrows lead to the others.
 *
 * @param {HTMLElement} panel
 */
export function makeReachable(panel) {
  const first = panel.querySelector(".pick");
  if (first instanceof HTMLElement) first.tabIndex = 0;
}

/**
 * @param {HTMLElement} panel
 * @param {Element | null} picked
 * @returns {number} its place among those in the panel, -1 when it is none of them
 */
export function pickIndex(panel, picked) {
  return [...panel.querySelectorAll(".pick")].findIndex((each) => each === picked);
}

/**
 * @param {HTMLElement} panel that was filled anew
 * @param {number} index as `pickIndex` gave it before; -1 changes nothing
 */
export function focusPick(panel, index) {
  const wanted = panel.querySelectorAll(".pick")[index];
  if (!(wanted instanceof HTMLElement)) return;
  for (const other of panel.querySelectorAll(".pick[tabindex='0']")) other.setAttribute("tabindex", "-1");
  wanted.tabIndex = 0;
  wanted.focus({ preventScroll: true });
}

/** @type {Record<string, (at: number, count: number) => number>} */
const MOVES = {
  ArrowDown: (at, count) => Math.min(count - 1, at + 1),
  ArrowRight: (at, count) => Math.min(count - 1, at + 1),
  ArrowUp: (at) => Math.max(0, at - 1),
  ArrowLeft: (at) => Math.max(0, at - 1),
  Home: () => 0,
  End: (_, count) => count - 1,
};

/**
 * @param {HTMLElement} panel
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the key moved on to another value
 */
export function moveAmong(panel, event) {
  const move = MOVES[event.key];
  if (!move || !(event.target instanceof HTMLElement) || !conditions.has(event.target)) return false;
  const all = /** @type {HTMLElement[]} */ ([...panel.querySelectorAll(".pick")]);
  const next = all[move(all.indexOf(event.target), all.length)];
  event.target.tabIndex = -1;
  if (next) next.tabIndex = 0;
  next?.focus();
  return true;
}

/**
 * @param {RecordEntry} entry
 * @param {Element} cell of its row that was clicked
 * @param {{ x: number, y: number }} point where
 * @param {boolean} isNot
 * @returns {string | null} the condition of what stands there
 */
export function conditionInRow(entry, cell, { x, y }, isNot) {
  const { record, partition } = entry;
  if (cell.classList.contains("key")) return keyCondition(record.key)(isNot);
  if (cell.classList.contains("where")) return conditionOf("partition", { string: null, json: String(partition) }, isNot);
  if (!cell.classList.contains("value") || !(record.value instanceof Source && record.value.isStrict)) return null;
  const name = nameAt(cell, document.caretPositionFromPoint?.(x, y)?.offsetNode ?? null);
  const field = name === null ? undefined : fieldsOf(record.value).find((each) => each.name === name.name && each.text === name.text);
  const leaf = field && leavesOf(record.value).find(({ path }) => path === field.path);
  return leaf ? valueCondition(leaf.path.split("\u0000").slice(1), leaf, isNot) : null;
}

/**
 * @param {Element} cell of a value: names in elements, what they say in the text behind them
 * @param {Node | null} node in it
 * @returns {{ name: string, text: string } | null}
 */
function nameAt(cell, node) {
  let at = node;
  while (at && at.parentNode !== cell) at = at.parentNode;
  while (at && !(at instanceof Element && at.classList.contains("name"))) at = at.previousSibling;
  if (!at) return null;
  let text = "";
  for (let next = at.nextSibling; next && !(next instanceof Element && next.classList.contains("name")); next = next.nextSibling) {
    text += next.textContent;
  }
  return { name: (at.textContent ?? "").replace(/: $/, ""), text: text.replace(/ {2}$/, "") };
}
