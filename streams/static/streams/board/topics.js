// Which topic the board shows, and the address: `?topic=` holds the choice, so that a link leads to the same board.

import { part } from "../page/dom.js";
import { watched } from "../topics/recent.js";
import { Picker } from "./picker.js";

/** @typedef {import("../live/protocol.js").Topic} Topic */

export class Topics {
  /** @type {Topic[]} */
  #topics = [];
  #dot = part("topic-dot", HTMLElement);
  #page;
  #chosen;
  #picker;

  /**
   * @param {DOMStringMap} page the topic to begin with, when it is there; where the API is; who is signed in
   * @param {(topic: string) => void} chosen
   */
  constructor(page, chosen) {
    this.#page = page;
    this.#chosen = chosen;
    this.#picker = new Picker(page, (name) => this.#choose(name));
    addEventListener("popstate", () => this.#chosen(this.current));
  }

  /** @returns {string} the topic of the address, else the first one; "" when there is none */
  get current() {
    const asked = new URLSearchParams(location.search).get("topic");
    if (asked) return asked;
    const first = this.#topics.find(({ name }) => name === this.#page["firstTopic"]) ?? this.#topics[0];
    return first?.name ?? "";
  }

  /** @param {string} name */
  label(name) {
    return this.#topics.find((topic) => topic.name === name)?.label || name;
  }

  /** @param {string} name */
  has(name) {
    return this.#topics.some((topic) => topic.name === name);
  }

  /** @param {Topic[]} topics which the user may read */
  set(topics) {
    this.#topics = topics;
    this.#picker.set(topics);
    this.render();
  }

  render() {
    const current = this.current;
    const isThere = this.has(current);
    this.#picker.show(current, isThere || !current ? this.label(current) : `${current} (not available)`, isThere);
    const place = this.#topics.findIndex(({ name }) => name === current);
    this.#dot.dataset["series"] = String(Math.max(0, place) % 6);
    if (isThere) watched(this.#page["user"] ?? "", current);
  }

  /** @param {string} name */
  #choose(name) {
    const address = new URL(location.href);
    const order = address.searchParams.get("order");
    address.search = "";
    address.searchParams.set("topic", name);
    if (order !== null) address.searchParams.set("order", order);
    history.pushState(null, "", address);
    this.#chosen(name);
  }
}
