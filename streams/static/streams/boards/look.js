// How somebody looks at a board: its window, filter and conditions, as the page's address says. Nothing of it is kept.

// As a board's own window may be: seconds, and ms since 1970.
const LONGEST = 7 * 24 * 3_600;
const LATEST = 8_640_000_000_000_000;

/**
 * @typedef {import("./worker/worker.js").BoardJson} BoardJson
 * @typedef {import("./figures/span.js").WindowJson} WindowJson
 */

/**
 * @param {BoardJson} kept
 * @param {URLSearchParams} asked
 * @returns {BoardJson} the board as the address wants it seen
 */
export function lookedAt(kept, asked) {
  return { ...kept, window: windowOf(asked) ?? kept.window, filter: asked.get("filter") ?? kept.filter, where: asked.getAll("where") };
}

/**
 * @param {URLSearchParams} asked
 * @returns {WindowJson | null}
 */
function windowOf(asked) {
  const [from, to] = [Number(asked.get("from") ?? NaN), Number(asked.get("to") ?? NaN)];
  if (from >= 0 && to > from && to <= LATEST) return { from, to };
  if (asked.get("window") === "opened") return { since: "opened" };
  const seconds = Number(asked.get("window"));
  return Number.isInteger(seconds) && seconds > 0 && seconds <= LONGEST ? { last_seconds: seconds } : null;
}

/**
 * @param {URLSearchParams} asked that becomes the address of this window
 * @param {WindowJson} window
 */
export function setWindow(asked, window) {
  for (const name of ["window", "from", "to"]) asked.delete(name);
  if ("from" in window) {
    asked.set("from", String(window.from));
    asked.set("to", String(window.to));
  } else asked.set("window", "since" in window ? "opened" : String(window.last_seconds));
}

/**
 * @param {URLSearchParams} asked
 * @param {string} condition
 * @returns {boolean} whether it was not there already
 */
export function addCondition(asked, condition) {
  if (asked.getAll("where").includes(condition)) return false;
  asked.append("where", condition);
  return true;
}

/**
 * @param {URLSearchParams} asked
 * @param {string} condition
 */
export function dropCondition(asked, condition) {
  const others = asked.getAll("where").filter((each) => each !== condition);
  asked.delete("where");
  for (const each of others) asked.append("where", each);
}
