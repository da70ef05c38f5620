// The search in what Kafka keeps, beside the live stream: asks, shows what comes as it comes, and says what was looked at
// and what was not. Loaded when it is first opened.

import { part, say } from "../page/dom.js";
import { filterOf, marksOf } from "../record/expression.js";
import { FoundChart } from "./found_chart.js";
import { FoundRows } from "./found_rows.js";
import { joined, lookedSentence } from "./looked.js";
import { LoadError } from "../live/records_api.js";
import { WrongFilter, search } from "../record/search_api.js";
import { NoSuchPart, boundsOf, fieldTime, placeOf, placeSentence } from "./when.js";
import { chosenClock, dateText, retime } from "../page/clock.js";
import { counted, grouped, size } from "../page/format.js";

// Found in one go; somebody who wants more goes on.
const LIMIT = 200;
// A list that is longer is not read: a narrower filter, or an export, is what helps.
const MOST_FOUND = 2_000;
// Records on each side of one that was found.
const AROUND = 5;

/**
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("../record/search_api.js").Line} Line
 * @typedef {import("./looked.js").Looked} Looked
 *
 * @typedef {object} HistoryTools
 * @property {string} root address of the topics API
 * @property {() => import("../live/protocol.js").Formats} formats by which records are read now
 * @property {import("../live/records_api.js").RecordsApi} api
 * @property {() => string} topic
 * @property {() => import("./filter.js").Filter} asked what stands in the field, and the key
 * @property {(topic: string, epoch: string, partition: number, record: KafkaRecord) => RecordEntry} entryOf
 * @property {import("./row.js").RowTools} row
 * @property {(entry: RecordEntry) => void} open
 * @property {() => void} closed
 * @property {(span: { from: number, to: number } | null) => void} spanned which times are looked through, ms
 */

export class History {
  #tools;
  #panel = part("history", HTMLElement);
  #where = part("history-where", HTMLSelectElement);
  #times = part("history-times", HTMLElement);
  #fromTime = part("history-from-time", HTMLInputElement);
  #toTime = part("history-to-time", HTMLInputElement);
  #offsets = part("history-offsets", HTMLElement);
  #at = part("history-at", HTMLInputElement);
  #atMeans = part("history-at-means", HTMLElement);
  #order = part("history-order", HTMLSelectElement);
  #partition = part("history-partition", HTMLInputElement);
  #from = part("history-from", HTMLInputElement);
  #to = part("history-to", HTMLInputElement);
  #go = part("history-go", HTMLButtonElement);
  #cancel = part("history-cancel", HTMLButtonElement);
  #on = part("history-on", HTMLButtonElement);
  #filterShown = part("history-filter", HTMLElement);
  #progress = part("history-progress", HTMLElement);
  #bar = part("history-bar", HTMLProgressElement);
  #counts = part("history-counts", HTMLElement);
  #said = part("history-said", HTMLElement);
  #grid = part("history-grid", HTMLElement);
  #chart = new FoundChart(part("history-chart", HTMLElement));
  #rows;
  /** @type {AbortController | null} of the search under way */
  #running = null;
  /** @type {RegExp | null} */
  #marks = null;
  #topic = "";
  #epoch = "";
  #filter = "";
  /** @type {unknown} */
  #cursor = null;
  #looked = nothingLooked();
  /** @type {import("../record/search_api.js").Totals | null} of the part under way */
  #totals = null;
  #hasBegun = false;
  #isNewestFirst = true;
  /** @type {import("./when.js").Place | null} that was gone to: the record there, or the next one, is chosen when it comes */
  #goal = null;
  // Where that is, when nothing stands just there.
  #goalSaid = "";

  /** @param {HistoryTools} tools */
  constructor(tools) {
    this.#tools = tools;
    this.#rows = new FoundRows(part("history-rows", HTMLElement), {
      row: { ...tools.row, marks: () => this.#marks },
      open: tools.open,
      around: (entry) => this.#around(entry),
    });
    this.#where.addEventListener("change", () => {
      // What follows a place is read on from there, all else back from the newest; either can be chosen after that.
      if (this.#where.value === "at" || this.#order.value === "oldest") this.#order.value = this.#where.value === "at" ? "oldest" : "newest";
      this.#showWhere();
    });
    this.#at.addEventListener("input", () => this.#showAt());
    this.#order.addEventListener("change", () => this.#ordered());
    document.addEventListener("clockchange", () => {
      this.#showWhere();
      this.#chart.show(this.#rows.times);
    });
    this.#cancel.addEventListener("click", () => this.cancel());
    this.#on.addEventListener("click", () => void this.#run(this.#cursor));
    part("history-close", HTMLButtonElement).addEventListener("click", () => this.close());
  }

  get isOpen() {
    return !this.#panel.hidden;
  }

  get rows() {
    return this.#rows;
  }

  /** @returns {string} what is looked for, "" for every record */
  get filter() {
    return this.#filter;
  }

  /** @returns {RegExp | null} what of it is marked */
  get marks() {
    return this.#marks;
  }

  /**
   * Looks for what stands in the field now, where the form says, from its beginning.
   *
   * @param {import("../live/protocol.js").Range} [range] instead of what the form says; it says so then
   */
  async start(range) {
    this.#panel.hidden = false;
    if (range) {
      this.#where.value = "offsets";
      this.#partition.value = String(range.partition);
      [this.#from.value, this.#to.value] = [String(range.from), String(range.to)];
    }
    this.#showWhere();
    const asked = this.#tools.asked();
    this.#empty();
    this.#topic = this.#tools.topic();
    this.#filter = filterOf(asked);
    this.#marks = marksOf(asked.text);
    say(this.#filterShown, this.#filter || "every record");
    await this.#run(null);
  }

  /**
   * Opens the form that goes to a time or an offset; what was found stays.
   *
   * @param {boolean} [isOpen] since before this was loaded: what was chosen in it meanwhile stays, too
   */
  ask(isOpen = false) {
    this.#topic = this.#tools.topic();
    this.#panel.hidden = false;
    if (!isOpen) [this.#where.value, this.#order.value] = ["at", "oldest"];
    this.#showWhere();
    this.#show("");
    if (isOpen && this.#panel.contains(document.activeElement)) return; // somebody chooses or types there
    this.#at.focus();
    this.#at.select();
  }

  /** @param {string} text a time, or a partition and an offset, to go to */
  async goTo(text) {
    this.ask();
    this.#at.value = text;
    await this.start();
  }

  /** @param {{ from: number, to: number }} span ms: its records are loaded, what stands in the field permitting */
  async startSpan({ from, to }) {
    const isUtc = chosenClock() === "utc";
    this.#where.value = "time";
    [this.#fromTime.value, this.#toTime.value] = [fieldTime(from, isUtc), fieldTime(to, isUtc)];
    await this.start();
  }

  /** Writes times anew that say how long ago. */
  tick() {
    if (this.isOpen) retime(this.#grid, Date.now());
  }

  #ordered() {
    const order = /** @type {import("./found_rows.js").Order} */ (this.#order.value);
    const isTurned = this.#cursor !== null && (order === "newest") !== this.#isNewestFirst;
    this.#rows.sort(order);
    // What is listed is a part only: the other way round another part comes first.
    if (isTurned && this.#running === null) void this.start();
  }

  /** Ends the search under way; what was found stays. */
  cancel() {
    this.#running?.abort();
  }

  close() {
    this.cancel();
    this.#panel.hidden = true;
    this.#tools.spanned(null);
    this.#tools.closed();
  }

  /**
   * @param {string} topic that is shown now: of another one nothing stays, whether or not the panel is open
   * @param {boolean} isOther whether the same one is read by other formats now
   */
  forget(topic, isOther) {
    if (topic === this.#topic && !isOther) return;
    this.cancel();
    this.#running = null; // nobody waits any more for what it still says
    this.#topic = topic;
    this.#empty();
    this.#show("");
    this.#panel.hidden = true;
    this.#tools.spanned(null);
  }

  /** Nothing was looked for yet, and nothing found. */
  #empty() {
    this.#filter = this.#epoch = "";
    this.#marks = null;
    this.#cursor = null;
    this.#totals = null;
    this.#goal = null;
    this.#goalSaid = "";
    this.#hasBegun = false;
    this.#looked = nothingLooked();
    this.#rows.clear();
    this.#chart.show([]);
    say(this.#filterShown, "");
  }

  #showWhere() {
    this.#times.hidden = this.#where.value !== "time";
    this.#offsets.hidden = this.#where.value !== "offsets";
    for (const zone of this.#panel.querySelectorAll("[data-part=history-zone]")) zone.textContent = chosenClock() === "utc" ? "UTC" : "";
    this.#showAt();
  }

  /** Says how what is typed is read. */
  #showAt() {
    const isAt = this.#where.value === "at";
    for (const each of [this.#at, this.#atMeans]) each.hidden = !isAt;
    if (!isAt || this.#at.value.trim() === "") {
      say(this.#atMeans, "");
      return;
    }
    try {
      const clock = chosenClock();
      const place = placeOf(this.#at.value, Date.now(), clock === "utc");
      say(this.#atMeans, "timestamp" in place ? dateText(place.timestamp, 0, clock === "relative" ? "local" : clock) : `partition ${place.partition}, offset ${grouped(place.offset)}`);
    } catch (error) {
      if (!(error instanceof NoSuchPart)) throw error;
      say(this.#atMeans, "…");
    }
  }

  /** @returns {import("./when.js").Bounds} */
  #bounds() {
    const where = /** @type {import("./when.js").Where} */ (this.#where.value);
    const isTime = where === "time";
    return boundsOf(
      {
        where,
        from: where === "at" ? this.#at.value : isTime ? this.#fromTime.value : this.#from.value,
        to: isTime ? this.#toTime.value : this.#to.value,
        partition: this.#partition.value,
        isUtc: chosenClock() === "utc",
      },
      Date.now(),
    );
  }

  /** @param {unknown} cursor to go on from, null to begin */
  async #run(cursor) {
    this.cancel();
    const running = (this.#running = new AbortController());
    this.#hasBegun = false;
    this.#totals = null;
    this.#show("Asking the server …");
    try {
      const place = cursor === null ? this.#bounds() : { cursor };
      if (cursor === null) this.#placed(place);
      const asked = { ...(this.#filter && { filter: this.#filter }), ...place, ...this.#tools.formats(), newest_first: this.#isNewestFirst, by_time: !this.#isNewestFirst, limit: LIMIT };
      for await (const line of search(this.#tools.root, this.#topic, asked, running.signal)) {
        if (running !== this.#running) return;
        this.#heard(line);
      }
      if (running !== this.#running) return;
      if (running.signal.aborted) this.#ended("cancelled", "");
    } catch (error) {
      if (running !== this.#running) return;
      this.#running = null;
      this.#refused(error);
    }
  }

  /** @param {import("./when.js").Bounds | { cursor: unknown }} place where a search begins */
  #placed(place) {
    const order = /** @type {import("./found_rows.js").Order} */ (this.#order.value);
    this.#isNewestFirst = order === "newest";
    this.#rows.sort(order);
    const { from, to } = "cursor" in place ? {} : place;
    const isSpan = from !== undefined && "timestamp" in from && to !== undefined && "timestamp" in to;
    this.#tools.spanned(isSpan ? { from: from.timestamp, to: to.timestamp } : null);
    const [partition, offset] = from !== undefined && "positions" in from ? (Object.entries(from.positions)[0] ?? []) : [];
    if (this.#where.value !== "at" || from === undefined) this.#goal = null;
    else this.#goal = "timestamp" in from ? from : offset === undefined ? null : { partition: Number(partition), offset };
  }

  /** @param {Line} line */
  #heard(line) {
    if (line.type === "waiting") this.#show(`Other searches are under way: yours is number ${line.place} in turn.`);
    else if (line.type === "begin") this.#begin(line);
    else if (line.type === "records") this.#found(line.partition, line.records);
    else if (line.type === "progress") {
      this.#totals = line;
      this.#show("");
    } else if (line.type === "restarted") this.#show(line.message || "The search was interrupted on the server and goes on.");
    else if (line.type === "broken") this.#ended("broken", line.message);
    else if (line.type === "end") {
      this.#looked.scanned = joined([...this.#looked.scanned, ...line.scanned_ranges]);
      this.#looked.lost = joined([...this.#looked.lost, ...(line.lost_ranges ?? [])]);
      this.#totals = { ...line, done: line.done ?? (line.reason === "complete" ? 1 : (this.#totals?.done ?? 0)) };
      this.#cursor = line.cursor ?? null;
      this.#ended(line.reason, line.message ?? "");
    }
  }

  /** @param {Extract<Line, { type: "begin" }>} line */
  #begin({ epoch, ranges }) {
    // Of a search that goes on these are what is left: what was wanted is what the first one named.
    if (this.#epoch === "") this.#looked.wanted = joined(ranges);
    this.#epoch = epoch;
    this.#hasBegun = true;
    if (this.#goal) this.#goalSaid = placeSentence(this.#goal, ranges, null, this.#filter !== "");
    this.#show("");
  }

  /**
   * @param {number} partition
   * @param {KafkaRecord[]} records
   */
  #found(partition, records) {
    this.#rows.add(records.map((record) => this.#tools.entryOf(this.#topic, this.#epoch, partition, record)));
    this.#grid.hidden = false;
    this.#chart.show(this.#rows.times);
    const goal = this.#goal;
    this.#goal = null;
    if (goal === null || "timestamp" in goal) return;
    const isThere = records.some(({ offset }) => offset === goal.offset);
    const first = isThere || this.#isNewestFirst ? goal.offset : Math.min(...records.map(({ offset }) => offset));
    this.#goalSaid = placeSentence(goal, this.#looked.wanted, first, this.#filter !== "");
    // When the rows stand there. Another record than the one that was gone to is not opened unasked.
    requestAnimationFrame(() => this.#rows.choose({ partition, offset: first }, isThere));
  }

  /**
   * @param {string} reason
   * @param {string} message
   */
  #ended(reason, message) {
    this.#running = null;
    const looked = this.#looked;
    const { scanned = 0, failed = 0, unchecked = 0, undecodable = 0, done = 0 } = this.#totals ?? {};
    const isUnsure = reason === "cancelled" || reason === "broken";
    looked.records += scanned;
    looked.failed += failed;
    looked.unchecked += unchecked;
    looked.undecodable += undecodable;
    Object.assign(looked, { reason, message, found: this.#rows.count, unsure: isUnsure ? scanned : 0, done });
    this.#show("");
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof LoadError || error instanceof NoSuchPart)) throw error;
    const where = error instanceof WrongFilter ? ` (at character ${error.at + 1})` : "";
    this.#show(`${error.message}${where}`);
  }

  /** @param {string} sentence instead of what was looked at */
  #show(sentence) {
    const isRunning = this.#running !== null;
    const { count } = this.#rows;
    const hadFocus = [this.#go, this.#cancel, this.#on].some((each) => each === document.activeElement);
    this.#go.hidden = isRunning;
    this.#cancel.hidden = !isRunning;
    this.#grid.hidden = count === 0;
    this.#progress.hidden = !isRunning && this.#totals === null;
    if (this.#totals) this.#bar.value = this.#totals.done;
    else this.#bar.removeAttribute("value");
    say(this.#counts, countsText(this.#totals, this.#hasBegun));
    const isFull = count >= MOST_FOUND;
    this.#on.hidden = isRunning || this.#cursor === null || isFull;
    // What was pressed is gone now: the keyboard goes to what can be done instead.
    if (hadFocus) [this.#cancel, this.#on, this.#go].find((each) => !each.hidden)?.focus();
    const full = isFull && !isRunning ? ` No more than ${grouped(MOST_FOUND)} are listed: narrow the filter or the time, or export them.` : "";
    if (sentence) say(this.#said, sentence);
    else if (isRunning) say(this.#said, this.#hasBegun ? (this.#isNewestFirst ? "Looking, newest first …" : "Looking, oldest first …") : "Asking the server …");
    else say(this.#said, this.#lookedSaid() + full);
    this.#panel.dataset["state"] = isRunning ? "running" : this.#looked.reason || "idle";
  }

  /** @returns {string} what came of it */
  #lookedSaid() {
    const { reason, wanted } = this.#looked;
    if (reason === "") return "";
    if (reason === "complete" && wanted.length === 0 && this.#goalSaid) return this.#goalSaid;
    return [this.#goalSaid, lookedSentence(this.#looked)].filter(Boolean).join(" ");
  }

  /** @param {RecordEntry} entry @returns {Promise<import("./found_rows.js").Around | string>} */
  async #around({ topic, epoch, partition, record }) {
    const { offset } = record;
    try {
      const page = await this.#page(topic, partition, Math.max(0, offset - AROUND), offset + 1 + AROUND);
      if (page.epoch !== epoch) return "It belongs to an earlier life of the topic.";
      const entries = page.records.map((each) => this.#tools.entryOf(topic, epoch, partition, each));
      return { before: entries.filter((each) => each.record.offset < offset), after: entries.filter((each) => each.record.offset > offset) };
    } catch (error) {
      if (error instanceof LoadError) return error.message;
      throw error;
    }
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} from
   * @param {number} to
   */
  async #page(topic, partition, from, to) {
    try {
      return await this.#tools.api.page(topic, { partition, from, to });
    } catch (error) {
      // Retention may have taken those before it.
      if (!(error instanceof LoadError) || error.next === null || error.next >= to) throw error;
      return this.#tools.api.page(topic, { partition, from: error.next, to });
    }
  }
}

/** @returns {Looked} */
function nothingLooked() {
  return { wanted: [], scanned: [], lost: [], reason: "", message: "", found: 0, records: 0, unsure: 0, failed: 0, unchecked: 0, undecodable: 0, done: 0 };
}

/**
 * @param {import("../record/search_api.js").Totals | null} totals
 * @param {boolean} hasBegun
 * @returns {string} how far a search is
 */
function countsText(totals, hasBegun) {
  if (!totals) return hasBegun ? "0 %" : "";
  const { scanned, matched, bytes, done } = totals;
  return `${Math.round(done * 100)} % · ${counted(scanned, "record")} looked at · ${grouped(matched)} found · ${size(bytes)}`;
}
