// The streams of one board over its one connection: hands out ids, and gives each message to the stream it is for.

import { Subscription } from "../../live/subscription.js";

/**
 * @typedef {import("../../live/protocol.js").ServerMessage} ServerMessage
 * @typedef {import("../../live/protocol.js").ClientMessage} ClientMessage
 * @typedef {Omit<import("../../live/subscription.js").SubscriptionEvents, "send" | "distrust"> & {
 *   filtered: (failed: number, unchecked: number) => void }} StreamEvents filtered: records that its filter failed with, and
 *   that it did not look into
 */

export class Streams {
  #connection;
  #nextId = 1;
  /** @type {Set<Subscription>} */
  #all = new Set();
  /** @type {Map<number, { subscription: Subscription, id: number }>} id on the wire → whose it is, and the id it knows */
  #asked = new Map();
  /** @type {Map<Subscription, StreamEvents>} */
  #events = new Map();
  /** @type {Map<string, Subscription>} name of a stream → whose it is */
  #named = new Map();
  #isOpen = false;

  /** @param {{ send: (message: ClientMessage) => void, distrust: (why: string) => void }} connection */
  constructor(connection) {
    this.#connection = connection;
  }

  /**
   * @param {string} filter of what is sent; "" for everything
   * @param {StreamEvents} events
   * @returns {Subscription} that watches nothing yet
   */
  add(filter, events) {
    const subscription = new Subscription({
      ...events,
      send: (message) => this.#send(subscription, filter, message),
      distrust: (why) => this.#connection.distrust(why),
    });
    this.#all.add(subscription);
    this.#events.set(subscription, events);
    if (this.#isOpen) subscription.connected();
    return subscription;
  }

  connected() {
    this.#isOpen = true;
    for (const subscription of this.#all) subscription.connected();
  }

  disconnected() {
    this.#isOpen = false;
    this.#asked.clear();
    this.#named.clear();
    for (const subscription of this.#all) subscription.disconnected();
  }

  /**
   * @param {ServerMessage} message
   * @param {number} bytes
   */
  heard(message, bytes) {
    if (message.type === "subscribed" || message.type === "error") {
      const asked = this.#asked.get(message.id ?? -1);
      this.#asked.delete(message.id ?? -1);
      if (message.type === "subscribed" && asked) this.#named.set(message.stream, asked.subscription);
      asked?.subscription.heard({ ...message, id: asked.id }, bytes);
      return;
    }
    if (message.type === "stats") this.#heardStats(message);
    for (const subscription of this.#all) subscription.heard(message, bytes);
  }

  /** @param {import("../../live/protocol.js").Stats & { failed?: number, unchecked?: number }} message */
  #heardStats({ stream, failed = 0, unchecked = 0 }) {
    const subscription = this.#named.get(stream);
    if (subscription && failed + unchecked > 0) this.#events.get(subscription)?.filtered(failed, unchecked);
  }

  /**
   * @param {Subscription} subscription
   * @param {string} filter
   * @param {ClientMessage} message
   */
  #send(subscription, filter, message) {
    if (message.type !== "subscribe") {
      this.#connection.send(message);
      return;
    }
    const id = this.#nextId;
    this.#nextId += 1;
    this.#asked.set(id, { subscription, id: message.id });
    this.#connection.send(/** @type {ClientMessage} */ ({ ...message, id, ...(filter && { filter }) }));
  }
}
