// The topic switcher and the address: `?topic=` holds the choice, so that a link leads to the same board.

import { part } from "../page/dom.js";

/** @typedef {import("../live/protocol.js").Topic} Topic */

export class Topics {
  /** @type {Topic[]} */
  #topics = [];
  #select = part("topic", HTMLSelectElement);
  #dot = part("topic-dot", HTMLElement);
  #first;
  #chosen;

  /**
   * @param {string} first the topic to begin with, when it is there
   * @param {(topic: string) => void} chosen
   */
  constructor(first, chosen) {
    this.#first = first;
    this.#chosen = chosen;
    this.#select.addEventListener("change", () => this.#choose(this.#select.value));
    addEventListener("popstate", () => this.#chosen(this.current));
  }

  /** @returns {string} the topic of the address, else the first one; "" when there is none */
  get current() {
    const asked = new URLSearchParams(location.search).get("topic");
    if (asked) return asked;
    const first = this.#topics.find(({ name }) => name === this.#first) ?? this.#topics[0];
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
    this.render();
  }

  render() {
    const current = this.current;
    const options = this.#topics.map(({ name, label }) => new Option(label || name, name));
    if (current && !this.has(current)) options.unshift(new Option(`${current} (not available)`, current));
    this.#select.replaceChildren(...(options.length > 0 ? options : [new Option("no topic", "")]));
    this.#select.value = current;
    this.#select.disabled = options.length < 2;
    this.#select.title = current;
    const place = this.#topics.findIndex(({ name }) => name === current);
    this.#dot.dataset["series"] = String(Math.max(0, place) % 6);
  }

  /** @param {string} name */
  #choose(name) {
    const address = new URL(location.href);
    address.search = "";
    address.searchParams.set("topic", name);
    history.pushState(null, "", address);
    this.#chosen(name);
  }
}
