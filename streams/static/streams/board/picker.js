// Choosing a topic among thousands: a combobox that finds as one types, with favourites and recent ones first, and what
// the server has heard of those that it shows. After the combobox pattern of WAI-ARIA: the focus stays in the field.

import { element, marked, part, say } from "../page/dom.js";
import { duration, grouped, rate } from "../page/format.js";
import { find, findable } from "../topics/finding.js";
import { recentOf, watched } from "../topics/recent.js";
import { TopicsApi } from "../topics/topics_api.js";

/** @typedef {import("../live/protocol.js").Topic} Topic */

// Between looks at rates while the list is open, and after the last key.
const LOOK_MS = 2_000;
const TYPED_MS = 120;
const PAGE_STEP = 10;

export class Picker {
  #field = part("topic-field", HTMLElement);
  #input = part("topic", HTMLInputElement);
  #star = part("topic-star", HTMLButtonElement);
  #sheet = part("topic-sheet", HTMLElement);
  #list = part("topic-options", HTMLElement);
  #said = part("topic-said", HTMLElement);
  #user;
  #api;
  #choose;
  /** @type {import("../topics/finding.js").Findable[]} */
  #all = [];
  /** @type {Set<string>} */
  #favourites = new Set();
  /** @type {Map<string, import("../topics/topics_api.js").About>} what was heard last */
  #heard = new Map();
  /** @type {HTMLElement[]} what is offered, in order */
  #options = [];
  #active = -1;
  #current = "";
  #shown = "";
  #timer = 0;
  #looks = 0;

  /**
   * @param {DOMStringMap} page
   * @param {(name: string) => void} choose
   */
  constructor(page, choose) {
    this.#user = page["user"] ?? "";
    this.#api = new TopicsApi(page["topicsApi"] ?? "/api/topics/", page["csrf"] ?? "");
    this.#choose = choose;
    const input = this.#input;
    input.addEventListener("focus", () => input.select());
    input.addEventListener("pointerdown", () => this.open());
    input.addEventListener("input", () => this.#find(input.value));
    input.addEventListener("keydown", (event) => this.#pressed(event));
    this.#field.addEventListener("focusout", ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.#field.contains(relatedTarget))) this.#close();
    });
    this.#sheet.addEventListener("pointerdown", (event) => {
      if (!(event.target instanceof Element && event.target.closest("a"))) event.preventDefault(); // the focus stays in the field
    });
    this.#list.addEventListener("click", ({ target }) => {
      const option = target instanceof Element ? target.closest("[role=option]") : null;
      if (option) this.#take(this.#options.findIndex((each) => each === option));
    });
    this.#star.addEventListener("click", () => void this.#toggle());
  }

  /** @param {Topic[]} topics which the user may read */
  set(topics) {
    const isNews = topics.length !== this.#all.length || topics.some(({ name, label }, at) => name !== this.#all[at]?.topic.name || label !== this.#all[at]?.topic.label);
    if (!isNews) return; // the server says them anew with each connection: what is open stays as it is
    this.#all = findable(topics);
    this.#input.disabled = topics.length === 0;
    if (this.#isOpen) this.#again(this.#input.value === this.#shown ? "" : this.#input.value);
  }

  /** @param {string} text that was looked for: what fits now, where somebody is in it permitting */
  #again(text) {
    const { scrollTop } = this.#list;
    const name = this.#options[this.#active]?.dataset["topic"];
    this.#find(text);
    const active = this.#options.findIndex(({ dataset }) => dataset["topic"] === name);
    if (active >= 0) this.#setActive(active);
    this.#list.scrollTop = scrollTop;
  }

  /**
   * @param {string} name of the topic that the board shows
   * @param {string} label as the field says it
   * @param {boolean} isThere whether it may be watched
   */
  show(name, label, isThere) {
    const isOther = name !== this.#current;
    this.#current = name;
    this.#shown = label;
    if (!this.#isOpen) this.#input.value = label;
    this.#input.title = name;
    this.#star.hidden = !isThere;
    if (isThere) watched(this.#user, name);
    if (isOther && isThere) void this.#look();
  }

  /** @param {string} text that was typed before this was there */
  typed(text) {
    this.#input.value = text;
    this.#find(text);
  }

  /** Takes what stands first: Enter was pressed before this was there. */
  enter() {
    if (this.#isOpen) this.#take(this.#active);
  }

  get #isOpen() {
    return !this.#sheet.hidden;
  }

  open() {
    if (this.#isOpen || this.#input.disabled) return;
    this.#sheet.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#find("");
    clearInterval(this.#looks);
    this.#looks = setInterval(() => void this.#look(), LOOK_MS);
  }

  #close() {
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    this.#sheet.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
    this.#input.value = this.#shown;
  }

  /** @param {string} text what is typed */
  #find(text) {
    if (!this.#isOpen) {
      this.open(); // what stood there is typed over
      if (text === "") return;
    }
    const { groups, count } = find(this.#all, text, this.#favourites, recentOf(this.#user));
    const words = text.split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const marks = words.length > 0 ? new RegExp(words.join("|"), "giu") : null;
    this.#options = [];
    this.#list.replaceChildren(...groups.map(({ heading, topics }) => this.#group(heading, topics, marks)));
    this.#list.hidden = count === 0;
    this.#list.scrollTop = 0;
    const offered = this.#options.length;
    say(this.#said, count === 0 ? "Nothing has all of that in its name or label." : offered < count ? `${grouped(offered)} of ${grouped(count)}; type to find others.` : `${grouped(count)} to choose from.`);
    const current = this.#options.findIndex(({ dataset }) => dataset["topic"] === this.#current);
    this.#setActive(text === "" ? current : Math.min(0, offered - 1));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), TYPED_MS);
  }

  /**
   * @param {string} heading
   * @param {Topic[]} topics
   * @param {RegExp | null} marks
   */
  #group(heading, topics, marks) {
    const options = topics.map((topic) => this.#option(topic, marks));
    const group = element("div", "", ...options);
    group.setAttribute("role", "group");
    if (heading) {
      const title = element("div", "topic-heading", heading);
      title.setAttribute("aria-hidden", "true");
      group.prepend(title);
    }
    group.setAttribute("aria-label", heading || "Found");
    return group;
  }

  /**
   * @param {Topic} topic
   * @param {RegExp | null} marks
   */
  #option({ name, label }, marks) {
    const star = element("span", "topic-liked", this.#favourites.has(name) ? "★" : "");
    star.setAttribute("aria-hidden", "true");
    const told = label && label !== name ? [element("bdi", "", ...marked(label, marks)), " ", element("bdi", "muted mono", ...marked(name, marks))] : [element("bdi", "", ...marked(name, marks))];
    const option = element("div", "topic-option", star, element("span", "topic-name", ...told), element("span", "topic-heard mono", ""));
    option.id = `topic-option-${this.#options.length}`;
    option.dataset["topic"] = name;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    this.#options.push(option);
    this.#tell(option);
    return option;
  }

  /** @param {HTMLElement} option is told what was heard of its topic */
  #tell(option) {
    const heard = this.#heard.get(option.dataset["topic"] ?? "");
    const place = option.querySelector(".topic-heard");
    if (!heard || !place) return;
    const since = heard.last === null ? "" : ` · ${duration(Math.max(0, Date.now() - heard.last))} ago`;
    say(place, heard.rate === null ? "not in Kafka" : heard.rate > 0 ? rate(heard.rate) + since : since.slice(3));
  }

  /** @param {number} index of the option the keyboard is at, -1 for the field itself */
  #setActive(index) {
    this.#options[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index;
    const active = this.#options[index];
    active?.setAttribute("aria-selected", "true");
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.#input.setAttribute("aria-activedescendant", active.id);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.isComposing) return;
    const { key } = event;
    if (key === "Escape" && this.#isOpen) {
      this.#close();
      this.#input.select();
    } else if (key === "Enter" && this.#isOpen) {
      this.#take(this.#active);
    } else if (key === "Enter" || ((key === "ArrowDown" || key === "ArrowUp") && !this.#isOpen)) {
      this.open();
    } else if (key === "ArrowUp" && event.altKey) {
      this.#close();
    } else if (STEPS[key] !== undefined) {
      this.#step(STEPS[key]);
    } else return;
    event.preventDefault();
  }

  /** @param {number} by how many options; one step beyond an end goes on at the other */
  #step(by) {
    const last = this.#options.length - 1;
    if (last < 0) return;
    const at = this.#active + by;
    const isOne = Math.abs(by) === 1;
    if (at > last) this.#setActive(isOne ? 0 : last);
    else if (at < 0) this.#setActive(isOne ? last : 0);
    else this.#setActive(at);
  }

  /** @param {number} index of the option that was chosen */
  #take(index) {
    const name = this.#options[index]?.dataset["topic"];
    this.#close();
    if (name && name !== this.#current) this.#choose(name);
    this.#input.select();
  }

  /** Asks what was heard of the current topic and of those that are shown. */
  async #look() {
    try {
      const told = await this.#api.about([this.#current, ...(this.#isOpen ? this.#options.map(({ dataset }) => dataset["topic"] ?? "") : [])]);
      for (const about of told) this.#heard.set(about.name, about);
      this.#likes(new Set(told.filter(({ favourite }) => favourite).map(({ name }) => name)));
    } catch {
      // The board's pill says that the server is away; what was heard stays as it was.
    }
    for (const option of this.#options) this.#tell(option);
  }

  /** @param {Set<string>} favourites as the server has them now */
  #likes(favourites) {
    const isNews = favourites.size !== this.#favourites.size || [...favourites].some((name) => !this.#favourites.has(name));
    this.#favourites = favourites;
    this.#star.setAttribute("aria-pressed", String(favourites.has(this.#current)));
    // What somebody has begun to choose from does not move under the hand.
    if (isNews && this.#isOpen && this.#input.value === this.#shown) this.#again("");
  }

  async #toggle() {
    const name = this.#current;
    const isFavourite = !this.#favourites.has(name);
    const problem = await this.#api.setFavourite(name, isFavourite);
    if (problem) {
      this.open();
      say(this.#said, problem);
      return;
    }
    const now = new Set(this.#favourites);
    if (isFavourite) now.add(name);
    else now.delete(name);
    this.#likes(now);
  }
}

/** @type {Record<string, number>} */
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE_STEP, PageUp: -PAGE_STEP };
