// Reads an item event from a record: what happened to which item, by whom. Knows no page.

import { digitsOf } from "./json.js";

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

const TYPE = /^item\.(created|updated|deleted|restored)$/;

/**
 * @param {KafkaRecord} record
 * @returns {ItemEvent | null} null when it is none, or one that cannot be read
 */
export function itemEventOf(record) {
  const type = record.headers["ce_type"];
  const match = typeof type === "string" ? TYPE.exec(type) : null;
  const value = record.value;
  if (!match || record.encoding !== "json" || typeof value !== "object" || value === null) return null;
  const item = /** @type {{ [field: string]: unknown }} */ (value);
  const id = plain(item["id"]);
  if (!/^\d+$/.test(id)) return null;
  return {
    happened: /** @type {ItemEvent["happened"]} */ (match[1]),
    id,
    version: plain(item["version"]),
    name: plain(item["name"]),
    price: plain(item["price"]),
    sku: plain(item["sku"]),
    owner: plain(item["owner"]),
    updatedAt: plain(item["updated_at"]),
    actor: typeof item["actor"] === "string" ? item["actor"] : null,
  };
}

/** @param {unknown} value */
function plain(value) {
  if (typeof value === "string") return digitsOf(value) ?? value;
  return typeof value === "number" ? String(value) : "";
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
