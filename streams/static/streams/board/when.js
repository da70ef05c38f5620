// Which part of a topic is meant: all of it, the last hours, from one time to another, or offsets of a partition. What the
// form says, as the search API wants it. Pure functions.

/**
 * @typedef {"all" | "hour" | "day" | "time" | "offsets"} Where
 *
 * @typedef {object} Said as it stands in the form
 * @property {Where} where
 * @property {string} from local date and time, or an offset; "" for the beginning
 * @property {string} to likewise, "" for the end
 * @property {string} partition
 *
 * @typedef {Pick<import("./search_api.js").Asked, "from" | "to" | "partitions">} Bounds
 */

const HOUR_MS = 3_600_000;

/** What the form says cannot be used; in words for people. */
export class NoSuchPart extends Error {}

/**
 * @param {Said} said
 * @param {number} now ms
 * @returns {Bounds}
 * @throws {NoSuchPart}
 */
export function boundsOf({ where, from, to, partition }, now) {
  if (where === "hour") return { from: { timestamp: now - HOUR_MS } };
  if (where === "day") return { from: { timestamp: now - 24 * HOUR_MS } };
  if (where === "offsets") return offsetsOf(partition, from, to);
  if (where === "time") return timesOf(from, to);
  return {};
}

/**
 * @param {string} from
 * @param {string} to
 * @returns {Bounds}
 */
function timesOf(from, to) {
  const [first, last] = [from, to].map((text) => (text === "" ? null : new Date(text).getTime()));
  if (first === null && last === null) throw new NoSuchPart("Say from when, or until when.");
  if (Number.isNaN(first) || Number.isNaN(last)) throw new NoSuchPart("That is no time.");
  if (typeof first === "number" && typeof last === "number" && first >= last) throw new NoSuchPart("It ends before it begins.");
  return {
    ...(typeof first === "number" && { from: { timestamp: first } }),
    ...(typeof last === "number" && { to: { timestamp: last } }),
  };
}

/**
 * @param {string} partition
 * @param {string} from
 * @param {string} to
 * @returns {Bounds}
 */
function offsetsOf(partition, from, to) {
  const whole = (/** @type {string} */ text) => /^\d{1,15}$/.test(text.trim());
  if (!whole(partition)) throw new NoSuchPart("Say which partition: a number, 0 for the first.");
  if (from !== "" && !whole(from)) throw new NoSuchPart("From which offset: a whole number, or nothing for the first.");
  if (to !== "" && !whole(to)) throw new NoSuchPart("Up to which offset: a whole number, or nothing for the last.");
  const number = Number(partition);
  const at = (/** @type {string} */ text) => ({ positions: { [number]: Number(text) } });
  if (from !== "" && to !== "" && Number(from) >= Number(to)) throw new NoSuchPart("It ends before it begins.");
  return { partitions: [number], ...(from !== "" && { from: at(from) }), ...(to !== "" && { to: at(to) }) };
}
