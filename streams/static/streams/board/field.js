// What helps to type a filter: completion under the field (a combobox with its listbox), whether the filter is right and
// where it is not, and what it would find among the newest records. Loaded when somebody first comes to the field.

import { button, element, part, say } from "../page/dom.js";
import { readAs, wordsFilter } from "../record/expression.js";
import { check } from "../record/filters_api.js";
import { knownFrom, RECORDS } from "./known.js";
import { suggestionsAt } from "./suggestions.js";
import { Source } from "../live/json.js";
import { clock, counted, grouped } from "../page/format.js";

// A filter is tried when nothing was typed for so long.
const CHECK_MS = 350;
// What is learned from the records seen is as old as this at most.
const LEARNED_MS = 3_000;
// Of a filter that is wrong, so much is shown before the place, and after it.
const AROUND = 36;
const FIELDS_SHOWN = 4;

/**
 * @typedef {import("../record/filters_api.js").Checked} Checked
 * @typedef {import("../record/filters_api.js").Example} Example
 *
 * @typedef {object} FieldTools
 * @property {string} api address of the filters API
 * @property {() => import("../live/protocol.js").Formats} formats by which records are read now
 * @property {() => string} topic
 * @property {(most: number) => import("./row.js").Entry[]} recent what is kept, newest first
 * @property {(value: Source) => import("../record/preview.js").Field[]} fields
 * @property {() => void} apply
 * @property {(text: string) => void} write this text holds from now on
 * @property {() => void} history
 */

export class Field {
  #input;
  #tools;
  #popup = part("field-help", HTMLElement);
  #list = part("field-options", HTMLElement);
  #said = part("field-said", HTMLElement);
  #more = part("field-more", HTMLElement);
  #tasks = part("field-tasks", HTMLElement);
  /** @type {import("./suggestions.js").Suggestions} */
  #suggestions = { from: 0, to: 0, options: [] };
  #active = -1;
  #known = knownFrom([]);
  #learnedAt = -Infinity;
  #learnedOf = "";
  #isOpen = false;
  /** @type {{ text: string, checked: Checked } | null} of what was checked last */
  #checked = null;
  /** @type {AbortController | null} */
  #checking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLInputElement} input
   * @param {FieldTools} tools
   */
  constructor(input, tools) {
    this.#input = input;
    this.#tools = tools;
    input.addEventListener("keydown", (event) => this.#pressed(event), { capture: true });
    input.addEventListener("click", () => this.#isOpen && this.#suggest());
    input.addEventListener("keyup", (event) => {
      if (this.#isOpen && ["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) this.#suggest();
    });
    const box = input.closest("[data-part=field]") ?? input;
    box.addEventListener("focusout", (event) => {
      const { relatedTarget } = /** @type {FocusEvent} */ (event);
      if (!(relatedTarget instanceof Node && box.contains(relatedTarget))) this.close();
    });
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
    this.#list.addEventListener("click", (event) => {
      const chosen = event.target instanceof Element ? event.target.closest("[role=option]") : null;
      if (chosen) this.#take([...this.#list.children].indexOf(chosen));
    });
  }

  /** Something else stands in the field now. */
  typed() {
    clearTimeout(this.#timer);
    this.#checking?.abort();
    const text = this.#input.value;
    const isOwn = document.activeElement === this.#input;
    if (text.trim() === "" || !isOwn) {
      this.close();
      return;
    }
    this.#open();
    this.#suggest();
    if (readAs(text) === "words") this.#showWords();
    else {
      this.#showWaiting();
      this.#timer = setTimeout(() => void this.#try(text), CHECK_MS);
    }
  }

  close() {
    clearTimeout(this.#timer);
    this.#checking?.abort();
    this.#isOpen = false;
    this.#popup.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#setActive(-1);
  }

  /** @returns {Promise<boolean>} whether what stands in the field can be applied; when not, it is shown why */
  async isRight() {
    const text = this.#input.value;
    if (this.#checked?.text !== text || this.#checked.checked.kind === "unknown") {
      clearTimeout(this.#timer);
      this.#checking?.abort();
      this.#checking = new AbortController();
      try {
        this.#checked = { text, checked: await check(this.#tools.api, { filter: text.trim() }, this.#checking.signal) };
      } catch {
        return false; // something else is typed already
      }
    }
    const { checked } = this.#checked;
    if (checked.kind !== "wrong") return true; // what the server could not say now, it says when it is asked for records
    this.#open();
    this.#showChecked(text, checked);
    return false;
  }

  /** @param {number} _at where the server found the applied filter wrong; it is asked again, for the sentence */
  showWrong(_at) {
    if (document.activeElement === this.#input) void this.isRight();
    else this.#input.setAttribute("aria-invalid", "true");
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { options } = this.#suggestions;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!this.#isOpen) {
        this.#open();
        this.#suggest();
        if (this.#input.value.trim() === "") this.#showEmpty();
      }
      const count = this.#suggestions.options.length;
      const step = event.key === "ArrowDown" ? 1 : -1;
      // Before the first and behind the last is the field itself.
      if (count > 0) this.#setActive(((this.#active + 1 + step + count + 1) % (count + 1)) - 1);
    } else if (event.key === "Enter" && this.#isOpen && options[this.#active]) this.#take(this.#active);
    else if (event.key === "Escape" && this.#isOpen) this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} index of the option that is chosen */
  #take(index) {
    const option = this.#suggestions.options[index];
    if (!option) return;
    const { from, to } = this.#suggestions;
    const { value } = this.#input;
    const after = value.slice(to).replace(/^\s+/, "");
    this.#input.value = value.slice(0, from) + option.insert + after;
    const caret = from + option.insert.length;
    this.#input.setSelectionRange(caret, caret);
    this.#input.focus();
    this.#input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #open() {
    this.#isOpen = true;
    this.#popup.hidden = false;
  }

  #suggest() {
    const now = performance.now();
    const topic = this.#tools.topic();
    if (now - this.#learnedAt > LEARNED_MS || topic !== this.#learnedOf) {
      this.#known = knownFrom(this.#tools.recent(RECORDS));
      this.#learnedAt = now;
      this.#learnedOf = topic;
    }
    const caret = this.#input.selectionStart ?? this.#input.value.length;
    this.#suggestions = suggestionsAt(this.#input.value, caret, this.#known);
    this.#list.replaceChildren(
      ...this.#suggestions.options.map(({ label, about }, index) => {
        const option = element("li", "", element("bdi", "mono", label), element("bdi", "muted", about));
        option.id = `field-option-${index}`;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
        return option;
      }),
    );
    const isEmpty = this.#suggestions.options.length === 0;
    this.#list.hidden = isEmpty;
    this.#list.scrollTop = 0;
    this.#input.setAttribute("aria-expanded", String(!isEmpty));
    this.#setActive(-1);
  }

  /** @param {number} index of the option the keyboard is at, -1 for the field itself */
  #setActive(index) {
    this.#list.children[this.#active]?.setAttribute("aria-selected", "false");
    this.#active = index;
    const active = this.#list.children[index];
    active?.setAttribute("aria-selected", "true");
    active?.scrollIntoView({ block: "nearest" });
    if (active) this.#input.setAttribute("aria-activedescendant", active.id);
    else this.#input.removeAttribute("aria-activedescendant");
  }

  /** @param {string} text a filter */
  async #try(text) {
    this.#checking = new AbortController();
    /** @type {Checked} */
    let checked;
    try {
      checked = await check(this.#tools.api, { filter: text.trim(), topic: this.#tools.topic(), ...this.#tools.formats() }, this.#checking.signal);
    } catch {
      return; // something else is typed already
    }
    this.#checked = { text, checked };
    if (this.#isOpen) this.#showChecked(text, checked);
  }

  #showEmpty() {
    this.#tell("Type words, or a filter like value.price > 12. Choose with ↑ ↓ and enter.", [], [this.#historyButton()]);
  }

  #showWords() {
    this.#right();
    const text = this.#input.value;
    this.#tell("Words: each is looked for in the records that this tab holds, as you type.", [], [
      this.#task("As a filter, by the server", () => this.#tools.write(wordsFilter(text))),
      this.#historyButton(),
    ]);
  }

  #showWaiting() {
    this.#right();
    this.#tell("Filter: trying it …", [], []);
  }

  /**
   * @param {string} text that was checked
   * @param {Checked} checked
   */
  #showChecked(text, checked) {
    const instead = this.#task("Look for these words instead", () => this.#tools.write(wordsFilter(text)));
    if (checked.kind === "wrong") {
      this.#input.setAttribute("aria-invalid", "true");
      this.#tell(checked.message, [pointed(text, checked.at)], [instead], "wrong");
      return;
    }
    this.#right();
    const tasks = [this.#task("Apply", this.#tools.apply), this.#historyButton()];
    if (checked.kind === "unknown") this.#tell(`Filter: it could not be tried. ${checked.message}`, [], tasks);
    else if (checked.tried) this.#tell(triedSentence(checked.tried), this.#examples(checked.tried), tasks);
    else this.#tell("Filter: it can be used.", [], tasks);
  }

  /** @param {import("../record/filters_api.js").Tried} tried */
  #examples({ examples: { matched, failed } }) {
    const lines = matched.map((example) => this.#example(example));
    for (const example of failed.slice(0, 1)) {
      lines.push(element("p", "example failed", `failed at ${placeOf(example)}: ${example.message ?? ""}`));
    }
    return lines;
  }

  /** @param {Example} example */
  #example(example) {
    const { value, timestamp, key } = example.record;
    const said = value instanceof Source ? this.#tools.fields(value).slice(0, FIELDS_SHOWN).map(({ name, text }) => (name ? `${name}: ${text}` : text)).join("  ") : (value ?? "no value");
    return element("p", "example mono", `${clock(timestamp)}  ${placeOf(example)}  `, element("bdi", "", key ?? ""), "  ", element("bdi", "", said));
  }

  #right() {
    this.#input.removeAttribute("aria-invalid");
  }

  /**
   * @param {string} sentence
   * @param {Node[]} more
   * @param {Node[]} tasks
   * @param {string} [tone]
   */
  #tell(sentence, more, tasks, tone = "") {
    this.#said.className = `field-said ${tone}`;
    say(this.#said, sentence);
    this.#more.replaceChildren(...more);
    this.#tasks.replaceChildren(...tasks);
  }

  /**
   * @param {string} text
   * @param {() => void} press
   */
  #task(text, press) {
    return button(text, "quiet", () => {
      press();
      this.#input.focus();
    });
  }

  #historyButton() {
    return button("Search in history", "quiet", () => {
      this.close();
      this.#tools.history();
    });
  }
}

/** @param {Example} example */
function placeOf({ partition, record }) {
  return `${partition}:${grouped(record.offset)}`;
}

/**
 * @param {import("../record/filters_api.js").Tried} tried
 * @returns {string} what it would find
 */
export function triedSentence({ records, matched, failed, unchecked }) {
  if (records === 0) return "Filter: it can be used. The topic has no records to try it on. Enter applies it.";
  const besides = [
    failed > 0 ? `failed with ${grouped(failed)}` : "",
    unchecked > 0 ? `${grouped(unchecked)} too large to look into` : "",
  ].filter(Boolean);
  const rest = besides.length > 0 ? ` (${besides.join(", ")})` : "";
  return `Filter: ${grouped(matched)} of the newest ${counted(records, "record")} ${matched === 1 ? "matches" : "match"}${rest}. Enter applies it.`;
}

/**
 * @param {string} text of a filter
 * @param {number} at character, in code points
 * @returns {HTMLElement} the text around it, and a sign under the character
 */
function pointed(text, at) {
  const { line, under } = pointedText(text, at);
  const shown = element("pre", "pointed", `${line}\n`, element("span", "wrong", under));
  shown.setAttribute("aria-hidden", "true"); // the sentence says it
  return shown;
}

/**
 * @param {string} text
 * @param {number} at character, in code points; the server was sent the text without the blanks around it
 * @returns {{ line: string, under: string }}
 */
export function pointedText(text, at) {
  const signs = [...text.trim()];
  const from = Math.max(0, at - AROUND);
  const to = Math.min(signs.length, at + AROUND);
  const before = from > 0 ? "…" : "";
  const line = before + signs.slice(from, to).join("") + (to < signs.length ? "…" : "");
  return { line, under: `${" ".repeat(before.length + at - from)}▲` };
}
