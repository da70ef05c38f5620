// In which order live lists of records stand: newest or oldest first; as the records came, by time across partitions, or
// partition by partition. A person's choice, kept in this browser and in the address (`?order=`); pages hear of it as
// `orderchange`.

import { element } from "./dom.js";

/**
 * @typedef {"newest" | "oldest" | "time-newest" | "time-oldest" | "place-newest" | "place-oldest"} Order
 * @typedef {{ time: number | null, partition: number, offset: number }} Place of a record; time: ms
 * @typedef {{ time: number, partition: number, offset: number, came: number }} Placed
 */

const STORED = "streamboard.order";
/** @type {Record<Order, string>} */
const NAMES = {
  newest: "newest first",
  oldest: "oldest first",
  "time-newest": "newest first, by time",
  "time-oldest": "oldest first, by time",
  "place-newest": "newest first, by partition",
  "place-oldest": "oldest first, by partition",
};

/**
 * @param {Order} [offered] for whoever has not chosen
 * @returns {Order} of the address, else the one that was chosen last in this browser
 */
export function chosenOrder(offered = "newest") {
  const asked = new URLSearchParams(location.search).get("order");
  if (isOrder(asked)) return asked;
  let stored = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // Storage may be forbidden: the address still holds the choice.
  }
  return isOrder(stored) ? stored : offered;
}

/** @param {Order} order for this browser from now on, and in the address */
export function chooseOrder(order) {
  try {
    localStorage.setItem(STORED, order);
  } catch {
    // as above
  }
  const address = new URL(location.href);
  address.searchParams.set("order", order);
  history.replaceState(history.state, "", address);
  document.dispatchEvent(new CustomEvent("orderchange"));
}

/**
 * @param {Order} order
 * @returns {boolean} whether new records stand at the bottom
 */
export function isOldestFirst(order) {
  return order.endsWith("oldest");
}

/**
 * @param {Order} order
 * @returns {string} in words
 */
export function orderName(order) {
  return NAMES[order];
}

/**
 * @param {Order} order
 * @returns {Order} the same the other way round
 */
export function turned(order) {
  return /** @type {Order} */ (isOldestFirst(order) ? order.replace("oldest", "newest") : order.replace("newest", "oldest"));
}

/** @param {HTMLSelectElement} select gets an option for each order, and chooses */
export function offerOrders(select) {
  for (const [order, name] of Object.entries(NAMES)) {
    const option = /** @type {HTMLOptionElement} */ (element("option", "", name));
    option.value = order;
    select.append(option);
  }
  select.addEventListener("change", () => chooseOrder(/** @type {Order} */ (select.value)));
}

/**
 * @template T
 * @param {T[]} came in the order in which they came, oldest first
 * @param {Order} order
 * @param {(each: T) => Place | null} placeOf null: it stands with the one that came before it
 * @returns {T[]} in that order
 */
export function arranged(came, order, placeOf) {
  const isOldest = isOldestFirst(order);
  if (order === "newest" || order === "oldest") return isOldest ? came : [...came].reverse();
  /** @type {Place} */
  let last = { time: null, partition: 0, offset: 0 };
  const placed = came.map((each, at) => {
    const place = placeOf(each) ?? last;
    last = { ...place, time: place.time ?? last.time };
    return { each, time: last.time ?? 0, partition: last.partition, offset: last.offset, came: at };
  });
  const compare = order.startsWith("time") ? byTime : byPlace;
  const way = isOldest ? 1 : -1;
  return placed.sort((a, b) => compare(a, b, way)).map(({ each }) => each);
}

/**
 * @param {Placed} a
 * @param {Placed} b
 * @param {1 | -1} way
 */
function byTime(a, b, way) {
  return way * (a.time - b.time) || byPlace(a, b, way);
}

/**
 * @param {Placed} a
 * @param {Placed} b
 * @param {1 | -1} way of the offsets; partitions stand in their order
 */
function byPlace(a, b, way) {
  return a.partition - b.partition || way * (a.offset - b.offset) || way * (a.came - b.came);
}

/**
 * @param {string | null} text
 * @returns {text is Order}
 */
function isOrder(text) {
  return text !== null && Object.hasOwn(NAMES, text);
}
