// What the server answers where it refuses a board: in sentences, each with the place of what is wrong. Pure.

// Of one board; who mends these sees the next ones.
const FAULTS = 5;

/** @typedef {{ loc: (string | number)[], msg: string, type: string }} Fault */

/** By the type of a fault: words behind its place. */
const WORDS = /** @type {Record<string, string>} */ ({
  missing: "is missing",
  extra_forbidden: "is not known here",
  model_type: "has to be an object, {…}",
  union_tag_not_found: "has no kind",
});
/** By the name of a part whose signs are bounded. */
const SIGNS = /** @type {Record<string, string>} */ ({
  slug: "has to be of small letters, digits, - and _",
  id: "has to be of letters, digits, - and _",
  topic: "has to be a topic’s name: letters, digits, dots, - and _",
});

/**
 * @param {{ status: number, json: any }} refusal as it came
 * @returns {string} why
 */
export function refusalOf({ status, json }) {
  const detail = json?.detail;
  if (typeof detail === "string") return detail;
  return Array.isArray(detail) && detail.length > 0 ? faultsText(detail) : `The server answered ${status}.`;
}

/**
 * @param {Fault[]} faults
 * @returns {string} the first ones in sentences
 */
export function faultsText(faults) {
  return [...faults.slice(0, FAULTS).map(faultText), ...(faults.length > FAULTS ? ["There are more."] : [])].join(" ");
}

/** @param {Fault} fault */
function faultText({ loc, msg, type }) {
  const where = placeOf(loc.slice(1));
  const words = wordsOf(type, msg, String(loc.at(-1)));
  const said = words === null ? `${where ? `${where}: ` : ""}${msg}` : `${where || "It"} ${words}`;
  return /[.!?]$/.test(said) ? said : `${said}.`;
}

/**
 * @param {string} type
 * @param {string} msg
 * @param {string} name of the part
 * @returns {string | null} null where the server's own sentence says it
 */
function wordsOf(type, msg, name) {
  if (type === "union_tag_invalid") return `has a kind that there is not; there are ${msg.split(": ").at(-1)?.replaceAll("'", "")}`;
  if (type === "literal_error" && name === "format") return `is another one than is read here, ${/'(.*)'/.exec(msg)?.[1]}`;
  if (type === "string_pattern_mismatch") return SIGNS[name] ?? null;
  return WORDS[type] ?? null;
}

/**
 * @param {(string | number)[]} path
 * @returns {string} "Tile 2 (number) › options › figure": tiles are counted from 1
 */
function placeOf(path) {
  const [list, place, kind, ...rest] = path;
  const parts = list === "tiles" && typeof place === "number" ? [`Tile ${place + 1}${kind === undefined ? "" : ` (${kind})`}`, ...rest] : path;
  return parts.map((part) => (typeof part === "number" ? part + 1 : part)).join(" › ");
}
