// The keys of the items list: `/` to the search, `j` and `k` from row to row. A row is its link, so Enter opens it. They
// never steal from a field or from a browser's own combination.

import { rowsIn } from "./itemrows.js";

const TYPING = "input, textarea, select, [contenteditable]";

/** @param {HTMLElement} region of the list */
export function listenToKeys(region) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (target.closest(TYPING)) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.key === "/") focus(document.querySelector("#search"));
    else if (event.key === "j") focus(neighbour(region, 1));
    else if (event.key === "k") focus(neighbour(region, -1));
    else return;
    event.preventDefault();
  });
}

/**
 * @param {HTMLElement} region
 * @param {1 | -1} step down or up
 * @returns {Element | null} the link of the next row; of the first one in sight where none has the focus
 */
function neighbour(region, step) {
  const rows = [...rowsIn(region)];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const first = rows.findIndex((row) => row.getBoundingClientRect().top >= 0);
  return rows[at < 0 ? Math.max(0, first) : at + step]?.querySelector("th a") ?? null;
}

/** @param {Element | null} target */
function focus(target) {
  if (!(target instanceof HTMLElement)) return;
  target.focus();
  target.scrollIntoView({ block: "nearest" });
  if (target instanceof HTMLInputElement) target.select();
}
