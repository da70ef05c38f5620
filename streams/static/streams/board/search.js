// The one field of the board as a person handles it, the key that was chosen, the sentence that says what was looked
// through, and the address that keeps it. Words are looked for as they are typed, in the records that the tab holds. A
// filter is the server's: it is tried while it is typed (field.js) and holds when it is applied.

import { joinedWith, readAs } from "../record/expression.js";
import { part, say } from "../page/dom.js";
import { EVERYTHING, addressWith, filterIn, foundSentence, isNarrow, isSifting, serversPart, siftedSentence } from "./filter.js";

// Browsers refuse an address that changes with every key pressed.
const ADDRESS_MS = 300;
// Words that are typed are looked for after a pause as short as this: what will be a filter begins as words, too.
const WORDS_MS = 200;

/**
 * @typedef {import("./filter.js").Filter} Filter
 *
 * @typedef {object} SearchTools
 * @property {(filter: Filter) => void} changed what is kept has to be looked through again
 * @property {() => void} asked the server's part may be another one now
 * @property {() => void} deeper begins again further back
 * @property {() => void} history looks for it in what Kafka keeps
 * @property {() => import("./field.js").FieldTools} field what completing and trying a filter need
 *
 * @typedef {object} Found
 * @property {number} shown
 * @property {number} searched
 * @property {boolean} isFull
 * @property {boolean} isDeep
 * @property {import("./filter.js").Sifted} sifted
 * @property {boolean} isLive whether the stream goes on
 */

export class Search {
  /** @type {Filter} that holds now */
  filter = EVERYTHING;
  #field = part("filter", HTMLInputElement);
  #kind = part("filter-kind", HTMLElement);
  #clear = part("filter-clear", HTMLButtonElement);
  #strip = part("found", HTMLElement);
  #key = part("found-key", HTMLButtonElement);
  #keyText = part("found-key-text", HTMLElement);
  #sentence = part("found-text", HTMLElement);
  #deeper = part("found-deeper", HTMLButtonElement);
  #tools;
  /** @type {import("./field.js").Field | null} loaded when somebody first comes to the field */
  #opened = null;
  /** @type {Promise<void> | null} */
  #opening = null;
  // Whether something was typed that does not hold yet.
  #isTyping = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #addressTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #wordsTimer;

  /** @param {SearchTools} tools */
  constructor(tools) {
    this.#tools = tools;
    this.#field.addEventListener("focus", () => void this.#open());
    this.#field.addEventListener("input", () => this.#typed());
    this.#field.addEventListener("keydown", (event) => this.#pressed(event));
    this.#clear.addEventListener("click", () => {
      this.write("");
      this.focus();
    });
    this.#key.addEventListener("click", () => {
      this.#become({ ...this.filter, key: null });
      this.focus();
    });
    this.#deeper.addEventListener("click", () => {
      tools.deeper();
      this.focus(); // the button is gone now
    });
    addEventListener("popstate", () => {
      this.read();
      tools.asked();
    });
  }

  get isNarrow() {
    return isNarrow(this.filter);
  }

  /** @returns {boolean} whether the tab looks through what it holds */
  get isSifting() {
    return isSifting(this.filter);
  }

  /** @returns {string} what the server is asked for, "" for everything */
  get serversPart() {
    return serversPart(this.filter);
  }

  /** @returns {Filter} what stands in the field now, applied or not */
  get draft() {
    return { ...this.filter, text: this.#field.value };
  }

  focus() {
    this.#field.focus();
  }

  /** Takes over what the address says now. */
  read() {
    clearTimeout(this.#addressTimer);
    clearTimeout(this.#wordsTimer);
    this.filter = filterIn(location.search);
    this.#field.value = this.filter.text;
    this.#said();
    this.#tools.changed(this.filter);
  }

  /** @param {string} key to find alone */
  only(key) {
    this.#become({ ...this.filter, key });
  }

  /** @param {string} condition that records have to meet besides; it holds at once */
  add(condition) {
    this.write(joinedWith(this.#field.value, condition));
  }

  /** @param {string} text to hold from now on, as if it had been typed and applied */
  write(text) {
    this.#field.value = text;
    this.#said();
    this.apply();
  }

  /** What stands in the field holds from now on. */
  apply() {
    clearTimeout(this.#wordsTimer);
    this.#settle();
    if (this.#field.value.trim() !== this.filter.text.trim()) this.#become(this.draft);
  }

  /** @param {number} at character where the server says that the filter is wrong */
  async showWrong(at) {
    await this.#open();
    this.#opened?.showWrong(at);
  }

  /** @param {Found} found */
  show(found) {
    const { key, text } = this.filter;
    this.#strip.hidden = !this.isNarrow;
    this.#key.hidden = key === null;
    this.#deeper.hidden = !this.isSifting || found.isDeep || found.searched === 0;
    say(this.#keyText, key ?? "");
    const isDraft = readAs(this.#field.value) === "filter" && this.#field.value.trim() !== text.trim();
    const draft = isDraft ? "What is in the field does not hold yet: press enter there. " : "";
    const sifted = this.serversPart !== "" && found.isLive ? `${siftedSentence(found.sifted, Date.now())} ` : "";
    say(this.#sentence, draft + sifted + (this.isSifting ? foundSentence(found) : ""));
  }

  #settle() {
    this.#isTyping = false;
    this.#opened?.close();
  }

  #typed() {
    this.#isTyping = true;
    this.#said();
    clearTimeout(this.#wordsTimer);
    if (readAs(this.#field.value) === "words") this.#wordsTimer = setTimeout(() => this.#become(this.draft), WORDS_MS);
    else if (this.serversPart === "" && this.filter.text.trim() !== "") this.#become({ ...this.filter, text: "" }); // its beginning
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.defaultPrevented || event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      this.#settle();
      this.#tools.history();
    } else void this.#enter();
  }

  async #enter() {
    if (readAs(this.#field.value) === "filter") {
      await this.#open();
      if (this.#opened && !(await this.#opened.isRight())) return;
    }
    this.apply();
  }

  #open() {
    this.#opening ??= import("./field.js").then(
      ({ Field }) => {
        this.#opened = new Field(this.#field, this.#tools.field());
        if (this.#isTyping) this.#opened.typed();
      },
      () => {
        this.#opening = null; // the server is away: what it would say is said when the filter is applied
      },
    );
    return this.#opening;
  }

  #said() {
    const { value } = this.#field;
    say(this.#kind, value.trim() === "" ? "" : readAs(value));
    this.#clear.hidden = value === "";
    this.#opened?.typed();
  }

  /** @param {Filter} filter */
  #become(filter) {
    const former = serversPart(this.filter);
    this.filter = filter;
    this.#tools.changed(filter);
    clearTimeout(this.#addressTimer);
    const wanted = () => addressWith(location.href, this.filter);
    if (serversPart(filter) !== former) {
      // A filter is a step that one can go back from; words are written while they are typed.
      if (wanted() !== location.href) history.pushState(null, "", wanted());
      this.#tools.asked();
    } else this.#addressTimer = setTimeout(() => history.replaceState(history.state, "", wanted()), ADDRESS_MS);
  }
}
