// Reads an item event from a record: what happened to which item, by whom. Knows no page.

import { Source, leavesOf } from "./json.js";

/**
 * @typedef {import("./protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} ItemEvent
 * @property {"created" | "updated" | "deleted" | "restored"} happened
 * @property {string} id
 * @property {string} version
 * @property {string} name
 * @property {string} price
 * @property {string} sku
 * @property {string} owner a username, or ""
 * @property {string} updatedAt ISO 8601 in UTC
 * @property {string | null} actor
 */

// An item event has a dozen.
const MOST_FIELDS = 50;
const TYPE = /^item\.(created|updated|deleted|restored)$/;

/**
 * @param {KafkaRecord} record
 * @returns {ItemEvent | null} null when it is none, or one that cannot be read
 */
export function itemEventOf(record) {
  const type = record.headers["ce_type"];
  const match = typeof type === "string" ? TYPE.exec(type) : null;
  const value = record.value;
  if (!match || !(value instanceof Source)) return null;
  const item = new Map(leavesOf(value, { levels: 1, most: MOST_FIELDS }).map((leaf) => [leaf.name, leaf]));
  const plain = (/** @type {string} */ field) => plainText(item.get(field));
  const id = plain("id");
  if (!/^\d+$/.test(id)) return null;
  return {
    happened: /** @type {ItemEvent["happened"]} */ (match[1]),
    id,
    version: plain("version"),
    name: plain("name"),
    price: plain("price"),
    sku: plain("sku"),
    owner: plain("owner"),
    updatedAt: plain("updated_at"),
    actor: item.get("actor")?.string ?? null,
  };
}

/**
 * @param {import("./json.js").Leaf | undefined} leaf
 * @returns {string} a text, or a number's digits; "" for everything else
 */
function plainText(leaf) {
  if (!leaf) return "";
  return leaf.string ?? (/^-?\d/.test(leaf.json) ? leaf.json : "");
}

// How many (item, version) pairs are remembered: several boards full, a few hundred KiB.
const REMEMBERED = 10_000;

/** Knows which versions of items were seen: Kafka may hold an event twice (at least once), and the board says so. */
export class SeenVersions {
  /** @type {Map<string, string>} item and version → the place it was first seen */
  #places = new Map();

  /**
   * @param {ItemEvent} event
   * @param {string} place of its record
   * @returns {boolean} whether this version was seen at another place before
   */
  isRepeated(event, place) {
    const key = `${event.id}:${event.version}`;
    const first = this.#places.get(key);
    if (first !== undefined) return first !== place;
    this.#places.set(key, place);
    if (this.#places.size > REMEMBERED) {
      for (const oldest of this.#places.keys()) {
        this.#places.delete(oldest);
        break;
      }
    }
    return false;
  }
}
