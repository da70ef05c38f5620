// Which topic the board shows, and the address: `?topic=` holds the choice, so that a link leads to the same board. The
// combobox that finds one is loaded when somebody comes to it, or after the first view.

import { Unloaded, pickers } from "./later.js";
import { part } from "../page/dom.js";

/** @typedef {import("../live/protocol.js").Topic} Topic */

// Keys of the field that open its list.
const OPENS = new Set(["ArrowDown", "ArrowUp", "Enter"]);

export class Topics {
  /** @type {Topic[]} */
  #topics = [];
  #dot = part("topic-dot", HTMLElement);
  #page;
  #chosen;
  /** @type {import("./picker.js").Picker | null} */
  #picker = null;
  #input = part("topic", HTMLInputElement);
  #said = "";

  /**
   * @param {DOMStringMap} page the topic to begin with, when it is there; where the API is; who is signed in
   * @param {(topic: string) => void} chosen
   */
  constructor(page, chosen) {
    this.#page = page;
    this.#chosen = chosen;
    this.#input.addEventListener("focus", () => void this.prepare());
    // A press puts the caret where it was, after the focus: what stands there is to be typed over.
    this.#input.addEventListener("click", () => this.#input.value === this.#said && this.#input.select());
    for (const kind of ["pointerdown", "keydown"]) this.#input.addEventListener(kind, (event) => void this.#reached(event));
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
    this.#input.disabled = topics.length === 0;
    this.#picker?.set(topics);
    this.render();
  }

  /** Brings the combobox. Where the server cannot be reached the field goes on saying which topic is shown. */
  async prepare() {
    try {
      const { Picker } = await pickers.get();
      if (this.#picker) return;
      this.#picker = new Picker(this.#page, (name) => this.#choose(name));
      this.#picker.set(this.#topics);
      // What was typed meanwhile is looked for; the field says again which topic is shown when it is left.
      const typed = document.activeElement === this.#input && this.#input.value !== this.#said ? this.#input.value : null;
      this.render();
      if (typed !== null) this.#picker.typed(typed);
    } catch (error) {
      if (!(error instanceof Unloaded)) throw error;
      this.#input.title = "The list of topics could not be loaded; the server cannot be reached.";
    }
  }

  /** @param {Event} event that opens the list, and came before what opens it was there */
  async #reached(event) {
    if (this.#picker || (event instanceof KeyboardEvent && !OPENS.has(event.key))) return;
    if (event instanceof KeyboardEvent) event.preventDefault();
    const isChosen = event instanceof KeyboardEvent && event.key === "Enter" && this.#input.value !== this.#said;
    await this.prepare();
    const picker = /** @type {import("./picker.js").Picker | null} */ (this.#picker);
    if (isChosen) picker?.enter();
    else picker?.open();
  }

  render() {
    const current = this.current;
    const isThere = this.has(current);
    const label = isThere || !current ? this.label(current) : `${current} (not available)`;
    if (this.#picker) this.#picker.show(current, label, isThere);
    else if (document.activeElement !== this.#input) this.#input.value = label;
    this.#said = label;
    const place = this.#topics.findIndex(({ name }) => name === current);
    this.#dot.dataset["series"] = String(Math.max(0, place) % 6);
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
