// One line about a JSON value: the fields that differ between records before those that repeat. Learns per topic.

import { Source, leavesOf } from "../live/json.js";
import { printable } from "../page/format.js";

// A preview is one line: no more fields, characters a field and levels than a wide screen shows.
const FIELDS_SHOWN = 12;
const FIELD_CHARACTERS = 120;
const LEVELS = 3;
// What is learned stays bounded, however wild the records are.
const FIELDS_KNOWN = 200;
// The order of fields is settled anew after this many records, doubling: rows side by side keep one order.
const FIRST_SETTLING = 8;
// A field that changed in less than this share of the records counts as repeating.
const REPEATS_BELOW = 0.1;
// And one that is the key in more than this share of them.
const REPEATS_KEY_ABOVE = 0.9;

/**
 * @typedef {{ path: string, name: string, text: string }} Field
 * @typedef {{ seen: number, changed: number, asKey: number, last: string, order: number }} Habit
 */

export class Preview {
  /** @type {Map<string, Habit>} */
  #habits = new Map();
  /** @type {Map<string, number>} path → rank; repeating fields rank behind differing ones */
  #ranks = new Map();
  #records = 0;
  #settleAt = FIRST_SETTLING;

  /**
   * Takes note of a record's fields. Call it once a record, in the order of arrival.
   *
   * @param {Source} value
   * @param {string | null} [key] of the record: a field that says it again repeats what stands beside it
   */
  learn(value, key = null) {
    for (const { path, text } of fieldsOf(value)) {
      const habit = this.#habits.get(path);
      if (habit) {
        habit.seen += 1;
        if (habit.last !== text) habit.changed += 1;
        if (text === key) habit.asKey += 1;
        habit.last = text;
      } else if (this.#habits.size < FIELDS_KNOWN) {
        this.#habits.set(path, { seen: 1, changed: 0, asKey: Number(text === key), last: text, order: this.#habits.size });
      }
    }
    this.#records += 1;
    if (this.#records < this.#settleAt) return;
    this.#settleAt *= 2;
    this.#settle();
  }

  /**
   * @param {Source} value
   * @returns {Field[]} at most a line of fields; one without a name when the value has none
   */
  fields(value) {
    const fields = fieldsOf(value);
    const said = fields.filter((field) => field.text !== "null" && field.text !== '""');
    const rank = (/** @type {Field} */ field) => this.#ranks.get(field.path) ?? FIELDS_KNOWN;
    if (this.#ranks.size > 0) said.sort((a, b) => rank(a) - rank(b));
    return (said.length > 0 ? said : fields).slice(0, FIELDS_SHOWN);
  }

  #settle() {
    const repeats = (/** @type {Habit} */ { seen, changed, asKey }) =>
      Number(changed / seen < REPEATS_BELOW || asKey / seen > REPEATS_KEY_ABOVE);
    const settled = [...this.#habits].sort(([, a], [, b]) => repeats(a) - repeats(b) || a.order - b.order);
    this.#ranks = new Map(settled.map(([path], rank) => [path, rank]));
  }
}

/**
 * @param {Source} value
 * @returns {Field[]} its leaves, in the order of the document
 */
export function fieldsOf(value) {
  const leaves = leavesOf(value, { levels: LEVELS, most: FIELDS_KNOWN });
  return leaves.map(({ path, name, string, json }) => ({ path, name, text: shortText(string || json) }));
}

/** @param {string} text */
function shortText(text) {
  return printable(oneLine(text.length > FIELD_CHARACTERS ? `${text.slice(0, FIELD_CHARACTERS)}…` : text));
}

/**
 * @param {string} text
 * @returns {string} with a sign for each end of a line: a preview is one line
 */
function oneLine(text) {
  return text.includes("\n") ? text.replace(/\s*\n\s*/g, " ↵ ") : text;
}
