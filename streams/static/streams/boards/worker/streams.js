// The streams of one board over its one connection: hands out ids, and gives each message to the stream it is for.

import { Subscription } from "../../live/subscription.js";

/**
 * @typedef {import("../../live/protocol.js").ServerMessage} ServerMessage
 * @typedef {import("../../live/protocol.js").ClientMessage} ClientMessage
 * @typedef {Omit<import("../../live/subscription.js").SubscriptionEvents, "send" | "distrust">} StreamEvents
 */

export class Streams {
  #connection;
  #nextId = 1;
  /** @type {Set<Subscription>} */
  #all = new Set();
  /** @type {Map<number, { subscription: Subscription, id: number }>} id on the wire → whose it is, and the id it knows */
  #asked = new Map();

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
    return subscription;
  }

  connected() {
    for (const subscription of this.#all) subscription.connected();
  }

  disconnected() {
    this.#asked.clear();
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
      asked?.subscription.heard({ ...message, id: asked.id }, bytes);
      return;
    }
    for (const subscription of this.#all) subscription.heard(message, bytes);
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
