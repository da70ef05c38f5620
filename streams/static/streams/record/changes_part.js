// What has changed between two records of a key, as a part of the page.

import { changesBetween } from "./changes.js";
import { button, element } from "../page/dom.js";
import { chosenClock, dateText } from "../page/clock.js";
import { counted, duration, grouped } from "../page/format.js";

// Rows of changes, and characters of one side of a change: nobody reads more, and the values themselves are a key away.
const MOST_ROWS = 300;
const MOST_CHARACTERS = 4_000;

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 */

/**
 * @param {RecordEntry} before whole
 * @param {RecordEntry} after whole
 * @param {() => void} open shows the one before
 * @returns {HTMLElement}
 */
export function changesPart(before, after, open) {
  const shown = element("div", "detail-value changes");
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", "What has changed");
  const opens = button(`${before.partition}:${grouped(before.record.offset)}`, "quiet mono", open);
  opens.title = "Show that record";
  const [was, is] = [before, after].map(({ record }) => Number(record.timestamp ?? NaN));
  const ago = Number.isNaN(Number(was)) || Number.isNaN(Number(is)) ? "" : `, ${duration(Math.abs(Number(is) - Number(was)))} ${Number(is) < Number(was) ? "later" : "earlier"}`;
  shown.append(element("p", "muted changes-since", "Since ", opens, `${ago} (${dateText(before.record.timestamp, Date.now(), chosenClock() === "relative" ? "local" : chosenClock())}):`), ...body(before, after));
  return shown;
}

/**
 * @param {RecordEntry} before
 * @param {RecordEntry} after
 */
function body(before, after) {
  const notes = [];
  if (after.record.encoding === "none") notes.push("The key was deleted: this is a tombstone.");
  if (before.record.encoding === "none") notes.push("The key had been deleted: the one before is a tombstone.");
  const { changes, same, isAll } = changesBetween(before.record, after.record);
  if (changes.length === 0) notes.push("Nothing: value and headers are the same.");
  if (changes.length > MOST_ROWS) notes.push(`${grouped(changes.length - MOST_ROWS)} more changes are not listed.`);
  if (!isAll) notes.push("One of them has so many fields that not all were compared.");
  const rows = changes.slice(0, MOST_ROWS).map(({ path, before: was, after: is }) => {
    const name = element("th", "", path);
    name.setAttribute("scope", "row");
    const sides = [was === null ? null : side("del", "−", "before", was), is === null ? null : side("ins", "+", "now", is)];
    const row = element("tr", "", name, element("td", "", ...sides.filter((each) => each !== null)));
    row.dataset["change"] = was === null ? "new" : is === null ? "gone" : "changed";
    return row;
  });
  const table = element("table", "", element("tbody", "", ...rows));
  return [...(rows.length > 0 ? [table] : []), ...notes.map((note) => element("p", "", note)), element("p", "muted", `${counted(same, "field")} the same.`)];
}

/**
 * @param {"del" | "ins"} tag
 * @param {string} sign
 * @param {string} word
 * @param {string} text
 */
function side(tag, sign, word, text) {
  const cut = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  return element("div", `side ${tag}`, element("span", "sign", `${sign} `), element("span", "visually-hidden", `${word}: `), element(tag, "", element("bdi", "", cut)));
}
