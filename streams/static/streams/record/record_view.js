// One record, whole: its value in one of five ways, what stands beside it, what can be copied, and the way to its
// neighbours. On the board's panel and on the record's own page. It changes when another record is shown, never by itself.

import { changesPart } from "./changes_part.js";
import { copyText, curlCommand, pageAddress, recordText, valueText } from "./copying.js";
import { decodedPart } from "./decoded.js";
import { Find, WholeText } from "./find.js";
import { HexLines, bytesOf } from "./hex.js";
import { LongText, TextLines } from "./long_text.js";
import { Neighbours } from "./neighbours.js";
import { focusPick, makeReachable, moveAmong, pickIndex, pickedAt, valueNodes } from "./picks.js";
import { facts, headerTable } from "./record_facts.js";
import { Source, prettyText } from "../live/json.js";
import { LoadError } from "../live/records_api.js";
import { button, element, link, marked, say } from "../page/dom.js";
import { grouped, isPrintable, printable, size } from "../page/format.js";

// Beyond this many characters a value is shown without colours, a part at a time: thousands of nodes would freeze the page.
const COLOURED_CHARACTERS = 64 * 1024;
// A value that is cut is loaded whole at once up to this size, bytes; a larger one when somebody asks for it.
const LOADED_BYTES = 4 * 1024 * 1024;
// Whoever goes from row to row faster than this does not want each of them whole, ms.
const RESTS_MS = 150;
const COPIED_MS = 1_500;

/** @typedef {"pretty" | "raw" | "hex" | "headers" | "changes"} Mode */
/** @type {{ mode: Mode, label: string, key: string, title: string }[]} */
const MODES = [
  { mode: "pretty", label: "Pretty", key: "1", title: "The value on lines of its own" },
  { mode: "raw", label: "Raw", key: "2", title: "The value as it stands in Kafka" },
  { mode: "hex", label: "Hex", key: "3", title: "The bytes of the value, and of the key" },
  { mode: "headers", label: "Headers", key: "4", title: "Every header with its size" },
  { mode: "changes", label: "Changes", key: "5", title: "What has changed since the record of the same key before it" },
];

/**
 * @typedef {import("./entries.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("./neighbours.js").Step} Step
 * @typedef {{ older: RecordEntry, is: KafkaRecord, doubt: string }} Compared a record of the same key and this one, whole
 *
 * @typedef {object} ViewTools
 * @property {string} itemsPath
 * @property {string} topicsApi address of the topics API
 * @property {() => import("../live/protocol.js").Formats} [formats] by which records are read now
 * @property {string} recordsPath address below which records have their pages
 * @property {import("../live/records_api.js").RecordsApi} api
 * @property {(entry: RecordEntry) => Promise<KafkaRecord>} loadWhole
 * @property {(entry: RecordEntry, record: KafkaRecord) => RecordEntry} entryOf of a neighbour
 * @property {(entry: RecordEntry) => void} go a neighbour is to be shown
 * @property {(key: string) => void} only
 * @property {(condition: string) => void} narrow a value was picked
 * @property {() => RegExp | null} marks
 * @property {(() => void) | null} close null where there is nothing to be closed
 */

export class RecordView {
  /** @type {RecordEntry | null} */
  entry = null;
  #root;
  #tools;
  /** @type {KafkaRecord | null} the entry's record, whole once it was loaded */
  #record = null;
  /** @type {Mode} */
  #mode = "pretty";
  // Whether what is picked is left out, where no key says so.
  #leavesOut = false;
  #neighbours;
  // What goes on belongs to the record that is shown: loading it whole, a step away from it, looking for the one before it.
  #asking = new AbortController();
  #stepping = new AbortController();
  /** @type {AbortController | null} */
  #comparing = null;
  /** @type {Compared | string | null} what came of that: stays until another record is shown; a sentence where there is none */
  #compared = null;
  #shownAt = -Infinity;
  #find;
  #title = element("h2", "mono");
  #said = element("p", "detail-note");
  #body = element("div", "detail-body");
  #more = element("div", "");
  /** @type {Map<Mode, HTMLButtonElement>} */
  #choices = new Map();

  /**
   * @param {HTMLElement} root
   * @param {ViewTools} tools
   */
  constructor(root, tools) {
    this.#root = root;
    this.#tools = tools;
    this.#neighbours = new Neighbours(tools.api, tools.topicsApi, tools.formats);
    this.#said.setAttribute("role", "status");
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "find in it";
    field.setAttribute("aria-label", "Find in this record");
    field.setAttribute("aria-keyshortcuts", "f");
    const count = element("span", "muted detail-found");
    count.setAttribute("role", "status");
    this.#find = new Find(field, count);
    root.replaceChildren(this.#head(), this.#modes(element("span", "detail-find", field, count)), this.#said, this.#body, this.#more);
    root.addEventListener("click", (event) => this.#picked(event));
    root.addEventListener("keydown", (event) => this.#pressed(event));
  }

  /** @param {RecordEntry} entry */
  show(entry) {
    this.#leave();
    this.entry = entry;
    this.#record = entry.record;
    const address = link(`${entry.partition}:${grouped(entry.record.offset)}`, pageAddress(this.#tools.recordsPath, entry));
    address.title = "The page of this record: its address can be sent to others who may watch the topic";
    this.#title.replaceChildren(address);
    for (const each of this.#root.querySelectorAll("[data-needs=key]")) each.toggleAttribute("disabled", entry.record.key === null);
    say(this.#said, "");
    this.#fill();
    this.#root.scrollTop = 0;
    const isFast = performance.now() - this.#shownAt < RESTS_MS;
    this.#shownAt = performance.now();
    if (entry.record.truncated && entry.record.size <= LOADED_BYTES) void this.#loadCut(entry, isFast);
  }

  /**
   * Nothing is shown any more.
   *
   * @param {string} [why] in words for people
   */
  clear(why = "") {
    this.#leave();
    this.entry = this.#record = null;
    this.#title.replaceChildren();
    this.#body.replaceChildren();
    this.#more.replaceChildren();
    say(this.#said, why);
    this.#find.within(null);
  }

  /** Ends what goes on for the record that was shown. */
  #leave() {
    for (const each of [this.#asking, this.#stepping, this.#comparing]) each?.abort();
    this.#asking = new AbortController();
    this.#comparing = this.#compared = null;
  }

  /** What is marked has changed; where somebody is in the record stays. */
  remark() {
    if (!this.entry) return;
    const places = () => [this.#root, this.#body.querySelector(".detail-value")];
    const scrolled = places().map((place) => place?.scrollTop ?? 0);
    const at = pickIndex(this.#root, document.activeElement);
    this.#fill();
    places().forEach((place, index) => place?.scrollTo(0, scrolled[index] ?? 0));
    focusPick(this.#root, at);
  }

  /**
   * @param {string} key that was pressed
   * @returns {boolean} whether it is one of a record's
   */
  act(key) {
    const mode = MODES.find((each) => each.key === key)?.mode;
    if (!this.entry) return false;
    if (mode) this.#choose(mode);
    else if (key === "f") this.#find.focus();
    else if (key === ",") void this.#step(-1, false);
    else if (key === ".") void this.#step(1, false);
    else if (key === "<") void this.#step(-1, true);
    else if (key === ">") void this.#step(1, true);
    else if (key === "y") void this.#copy("value", this.#root.querySelector("[data-copy=value]"));
    else return false;
    return true;
  }

  // Parts that stay --------------------------------------------------------------------------------------------------

  #head() {
    const step = (/** @type {string} */ sign, /** @type {string} */ label, /** @type {string} */ key, /** @type {Step} */ way, /** @type {boolean} */ isOfKey) => {
      const made = button(sign, "quiet", () => void this.#step(way, isOfKey));
      made.setAttribute("aria-label", label);
      made.setAttribute("aria-keyshortcuts", key);
      made.title = `${label} (${key})`;
      if (isOfKey) made.dataset["needs"] = "key";
      return made;
    };
    const steps = element("div", "detail-steps",
      step("←", "Previous record of the partition", ",", -1, false), step("→", "Next record of the partition", ".", 1, false),
      element("span", "muted", "key"), step("←", "Previous record of the same key", "<", -1, true), step("→", "Next record of the same key", ">", 1, true));
    steps.setAttribute("role", "group");
    steps.setAttribute("aria-label", "Neighbours of this record");
    const head = element("div", "detail-head", this.#title, steps);
    const { close } = this.#tools;
    if (close) {
      const closes = button("✕", "quiet detail-close", close);
      closes.setAttribute("aria-label", "Close detail");
      head.append(closes);
    }
    return head;
  }

  /** @param {HTMLElement} finds */
  #modes(finds) {
    const choices = element("div", "detail-choices");
    choices.setAttribute("role", "group");
    choices.setAttribute("aria-label", "How the record is shown");
    for (const { mode, label, key, title } of MODES) {
      const choice = button(label, "quiet", () => this.#choose(mode));
      choice.title = `${title} (${key})`;
      choice.setAttribute("aria-keyshortcuts", key);
      choice.dataset["mode"] = mode;
      if (mode === "changes") choice.dataset["needs"] = "key";
      this.#choices.set(mode, choice);
      choices.append(choice);
    }
    return element("div", "detail-modes", choices, finds);
  }

  /** @param {Mode} mode */
  #choose(mode) {
    if (this.#choices.get(mode)?.disabled) return;
    if (mode !== "changes") this.#endComparing(); // nobody waits for it
    else if (this.#mode === mode && typeof this.#compared === "string") this.#compared = null; // pressed again: it goes on
    this.#mode = mode;
    this.#fill();
  }

  // The record -------------------------------------------------------------------------------------------------------

  /** Everything that is about the one record, anew. */
  #fill() {
    const { entry } = this;
    const record = this.#record;
    if (!entry || !record) return;
    if (this.#mode === "changes" && record.key === null) this.#mode = "pretty";
    for (const [mode, choice] of this.#choices) choice.setAttribute("aria-pressed", String(mode === this.#mode));
    this.#root.dataset["mode"] = this.#mode;
    void this.#showValue(entry, record);
    const decoded = decodedPart(entry, record, { loadSchema: (each, of) => this.#tools.api.schema(each.topic, each.partition, each.record.offset, of), readAs: (each, format) => this.#tools.api.readAs(each.topic, each.partition, each.record.offset, format), showBytes: () => this.#choose("hex") });
    this.#more.replaceChildren(
      ...(this.#mode === "pretty" && record.encoding !== "none" ? [this.#pickTools()] : []),
      ...(cutSentence(record) ? [element("p", "detail-note", cutSentence(record))] : []),
      this.#copyTools(entry, record), ...decoded, facts(entry, record, this.#tools.marks(), this.#mode !== "headers"));
    makeReachable(this.#root);
  }

  /**
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record
   */
  async #showValue(entry, record) {
    const { signal } = this.#asking;
    const mode = this.#mode;
    if (mode === "changes") return this.#showChanges(entry);
    const parts = this.#valueAtOnce(mode, record);
    if (parts) {
      this.#put(parts);
      return;
    }
    this.#put([element("p", "muted", "Loading …")]);
    try {
      const loaded = this.#valueAtOnce(mode, await this.#whole(entry));
      if (!signal.aborted && this.#mode === mode && loaded) this.#put(loaded);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (!signal.aborted && this.#mode === mode) this.#put([element("p", "detail-note", error.message)]);
    }
  }

  /**
   * @param {Mode} mode
   * @param {KafkaRecord} record
   * @returns {(HTMLElement | LongText)[] | null} null where more of it has to be loaded first
   */
  #valueAtOnce(mode, record) {
    if (mode === "headers") return record.cut?.includes("headers") ? null : [headerTable(record, this.#tools.marks())];
    if (mode === "hex") return record.raw === undefined ? null : hexParts(record);
    if (record.encoding === "none") return [element("p", "muted", "Tombstone: no value. The key was deleted.")];
    if (record.size === 0 && mode !== "changes") return [element("p", "muted", "Empty: a value without a byte.")];
    if (mode === "pretty") return [valuePart(record, this.#tools.marks())];
    if (mode === "raw") {
      const text = rawText(record);
      return text === null ? null : [textPart("Raw value", text, this.#tools.marks())];
    }
    return null;
  }

  /** @param {(HTMLElement | LongText)[]} parts */
  #put(parts) {
    this.#body.replaceChildren(...parts.map((each) => (each instanceof LongText ? each.element : each)));
    const [first] = parts;
    if (first instanceof LongText) {
      first.drawn = () => this.#find.drawn();
      // Its lines, and in hex the places in them, are known with its width, and are others with another one.
      first.folded = () => this.#find.within(first);
      this.#find.within(null);
    } else this.#find.within(first ? new WholeText(first) : null);
    for (const each of parts) if (each instanceof LongText) each.fit();
    makeReachable(this.#root);
  }

  /**
   * What has changed: looked for once for each record, however often it is drawn.
   *
   * @param {RecordEntry} entry
   */
  async #showChanges(entry) {
    if (this.#compared !== null) {
      this.#putChanges(entry, this.#compared);
      return;
    }
    this.#put([element("p", "muted", "Looking for the record of this key before it …")]);
    if (this.#comparing !== null) return;
    const comparing = (this.#comparing = new AbortController());
    let compared;
    try {
      compared = await this.#compare(entry, comparing.signal);
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      compared = error.message;
    }
    if (comparing !== this.#comparing) return;
    this.#comparing = null;
    this.#compared = compared;
    this.#putChanges(entry, compared);
  }

  #endComparing() {
    this.#comparing?.abort();
    this.#comparing = null;
  }

  /**
   * @param {RecordEntry} entry
   * @param {AbortSignal} signal
   * @returns {Promise<Compared | string>} why there is nothing to compare with, in words for people
   */
  async #compare(entry, signal) {
    const before = await this.#neighbours.ofKey(entry, -1, signal);
    if (typeof before === "string") return before;
    const older = this.#tools.entryOf(entry, before.record);
    const was = older.record.truncated ? await this.#tools.loadWhole(older) : older.record;
    return { older: { ...older, record: was }, is: entry.record.truncated ? await this.#whole(entry) : entry.record, doubt: before.doubt };
  }

  /**
   * @param {RecordEntry} entry
   * @param {Compared | string} compared
   */
  #putChanges(entry, compared) {
    if (typeof compared === "string") this.#put([element("p", "muted", compared)]);
    else {
      const { older, is, doubt } = compared;
      this.#put([changesPart(older, { ...entry, record: is }, () => this.#tools.go(older)), ...(doubt ? [element("p", "detail-note", doubt)] : [])]);
    }
  }

  /**
   * @param {RecordEntry} entry
   * @returns {Promise<KafkaRecord>} with its bytes; asked for once
   */
  async #whole(entry) {
    if (this.entry === entry && this.#record && this.#record.raw !== undefined) return this.#record;
    const record = await this.#tools.loadWhole(entry);
    if (this.entry === entry) this.#record = record;
    return record;
  }

  /**
   * @param {RecordEntry} entry
   * @param {boolean} isFast whether the next one may follow at once
   */
  async #loadCut(entry, isFast) {
    const { signal } = this.#asking;
    if (isFast) await new Promise((rested) => setTimeout(rested, RESTS_MS));
    if (signal.aborted) return;
    try {
      await this.#whole(entry);
      if (!signal.aborted) this.remark();
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (!signal.aborted) say(this.#said, error.message);
    }
  }

  /**
   * @param {Step} way
   * @param {boolean} isOfKey
   */
  async #step(way, isOfKey) {
    const { entry } = this;
    if (!entry || (isOfKey && entry.record.key === null)) return;
    this.#stepping.abort();
    this.#stepping = new AbortController();
    const { signal } = this.#stepping;
    say(this.#said, "Looking …");
    try {
      const found = await (isOfKey ? this.#neighbours.ofKey(entry, way, signal) : this.#neighbours.inPartition(entry, way, signal));
      if (signal.aborted) return;
      if (typeof found === "string") say(this.#said, found);
      else {
        this.#tools.go(this.#tools.entryOf(entry, found.record));
        if (found.doubt) say(this.#said, found.doubt);
      }
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      if (!signal.aborted) say(this.#said, error.message);
    }
  }

  // Copying and picking ----------------------------------------------------------------------------------------------

  /**
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record
   */
  #copyTools(entry, record) {
    const tools = element("div", "detail-tools");
    const copies = element("div", "copy-tools", element("span", "muted", "Copy"));
    copies.setAttribute("role", "group");
    copies.setAttribute("aria-label", "Copy");
    for (const what of ["value", "key", "record", "curl", "link"]) {
      if ((what === "value" && record.encoding === "none") || (what === "key" && record.key === null)) continue;
      /** @type {HTMLButtonElement} */
      const copy = button(what, "quiet", () => void this.#copy(what, copy));
      copy.dataset["copy"] = what;
      copy.setAttribute("aria-label", `Copy ${what}`);
      if (what === "curl") copy.title = "A command that prints this record; TOKEN is an API token of yours";
      if (what === "value") copy.title = "Copy the value as it stands in Kafka (y)";
      copies.append(copy);
    }
    tools.append(copies);
    const { key } = record;
    if (key !== null) tools.append(button("Only this key", "quiet", () => this.#tools.only(key)));
    if (entry.event && entry.event.happened !== "deleted") {
      tools.append(link("Open item", `${this.#tools.itemsPath}${entry.event.id}/#version-${entry.event.version}`));
    }
    if (record.truncated) tools.append(button("Load whole record", "", () => void this.#loadCut(entry, false)));
    return tools;
  }

  /**
   * @param {string} what
   * @param {HTMLElement | null} pressed
   */
  async #copy(what, pressed) {
    const { entry } = this;
    const record = this.#record;
    if (!entry || !record || !pressed) return;
    let said = "Copied";
    try {
      said = (await copyText(await this.#copied(what, entry, record))) ? "Copied" : "Not allowed to copy";
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      say(this.#said, error.message);
      return;
    }
    pressed.textContent = said;
    pressed.setAttribute("aria-label", said);
    setTimeout(() => {
      pressed.textContent = what;
      pressed.setAttribute("aria-label", `Copy ${what}`);
    }, COPIED_MS);
  }

  /**
   * @param {string} what
   * @param {RecordEntry} entry
   * @param {KafkaRecord} record
   * @returns {Promise<string>}
   */
  async #copied(what, entry, record) {
    if (what === "curl") return curlCommand(this.#tools.topicsApi, entry);
    if (what === "link") return pageAddress(this.#tools.recordsPath, entry);
    const whole = record.truncated ? await this.#whole(entry) : record;
    if (what === "key") return whole.key ?? "";
    return what === "value" ? valueText(whole) : recordText(entry, whole);
  }

  #pickTools() {
    const choices = [false, true].map((isNot) => {
      const choice = button(isNot ? "without it" : "only with it", "quiet", () => {
        this.#leavesOut = isNot;
        choices.forEach((each, index) => each.setAttribute("aria-pressed", String((index === 1) === isNot)));
      });
      choice.setAttribute("aria-pressed", String(this.#leavesOut === isNot));
      return choice;
    });
    const tools = element("div", "pick-tools", element("span", "muted", "A value that is clicked:"), ...choices);
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "What a click on a value does");
    tools.title = "Which records are left: those with the same value there, or the others. With Alt or Shift it is the other way round.";
    return tools;
  }

  /** @param {MouseEvent | KeyboardEvent} event */
  #picked(event) {
    if (!getSelection()?.isCollapsed && event instanceof MouseEvent) return; // somebody marks text
    const condition = pickedAt(event.target, this.#leavesOut !== (event.altKey || event.shiftKey));
    if (condition === null) return;
    event.preventDefault();
    this.#tools.narrow(condition);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key === "Enter" || event.key === " ") this.#picked(event);
    else if (moveAmong(this.#root, event)) event.preventDefault();
  }
}

/**
 * @param {KafkaRecord} record
 * @param {RegExp | null} marks
 */
function valuePart(record, marks) {
  const text = record.value instanceof Source ? prettyText(record.value) : printable(record.value ?? "");
  if (!(record.value instanceof Source) || text.length >= COLOURED_CHARACTERS) return textPart("Value", text, marks);
  const shown = region("Value");
  shown.append(...valueNodes(text, marks, record.value.isStrict));
  return shown;
}

/**
 * @param {string} label
 * @param {string} text
 * @param {RegExp | null} marks
 */
function textPart(label, text, marks) {
  if (text.length >= COLOURED_CHARACTERS) return new LongText(label, (columns) => new TextLines(text, columns));
  const shown = region(label);
  shown.append(...marked(text, marks));
  return shown;
}

/** @param {KafkaRecord} record with its bytes */
function hexParts(record) {
  const parts = [["Bytes", record.raw], ["Key in hex", record.key_raw]].flatMap(([label, base64]) => {
    if (base64 === null || base64 === undefined || base64 === "") return [];
    const bytes = bytesOf(base64);
    const title = element("p", "muted detail-bytes", `${label === "Bytes" ? "value" : "key"}, ${grouped(bytes.length)} bytes`);
    return [new LongText(label ?? "", (columns) => new HexLines(bytes, columns)), title];
  });
  return parts.length === 0 ? [element("p", "muted", "There is not a byte: neither value nor key.")] : parts;
}

/** @param {string} label */
function region(label) {
  const shown = element("pre", "detail-value");
  shown.tabIndex = 0;
  shown.setAttribute("role", "region");
  shown.setAttribute("aria-label", label);
  return shown;
}

/**
 * @param {KafkaRecord} record
 * @returns {string | null} the value as its bytes read; null when they have to be loaded first
 */
function rawText(record) {
  const isAsItIs = !record.truncated && !record.format && (record.encoding === "json" || record.encoding === "text");
  if (isAsItIs) return printable(valueText(record));
  if (record.raw === undefined) return null;
  if (record.raw === null) return "";
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(record.raw));
    return isPrintable(text) ? text : `base64\n${record.raw}`;
  } catch {
    return `base64\n${record.raw}`;
  }
}

/** @param {KafkaRecord} record */
function cutSentence(record) {
  if (!record.truncated) return "";
  const cut = record.cut ?? ["value"];
  return [
    cut.includes("value") ? `Cut to its beginning; the value has ${size(record.size)}. ` : "",
    cut.includes("key") ? "The key is cut to its beginning. " : "",
    cut.includes("headers") ? "Its headers were left out. " : "",
  ].join("");
}
