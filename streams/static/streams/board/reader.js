// What a person reads on the board: the rows and the detail beside them, with the filter, the pause and the gaps that
// are loaded by hand. Knows no connection; what arrives is given to it.

import { isSame } from "../live/protocol.js";
import { Beginning } from "./beginning.js";
import { Detail } from "./detail.js";
import { part, say } from "../page/dom.js";
import { Entries } from "../record/entries.js";
import { filterOf, marksOf } from "../record/expression.js";
import { Unloaded, pasts, picking } from "./later.js";
import { Rows } from "./rows.js";
import { Search } from "./search.js";
import { chosenClock, retime, timeText } from "../page/clock.js";
import { chooseOrder, chosenOrder, isOldestFirst, offerOrders, orderName, turned } from "../page/order.js";

/**
 * @typedef {import("./row.js").Entry} Entry
 * @typedef {import("./row.js").RecordEntry} RecordEntry
 * @typedef {import("./row.js").GapEntry} GapEntry
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} ReaderTools
 * @property {string} itemsPath
 * @property {string} itemsTopic
 * @property {string} filtersApi address of the filters API
 * @property {string} topicsApi address of the topics API
 * @property {string} recordsPath address below which records have their pages
 * @property {() => import("../live/subscription.js").Subscription} subscription what the board watches now
 * @property {() => void} changed called after whatever the figures count
 * @property {() => void} deeper begins the topic again, as far back as can be searched
 * @property {() => void} asked the server's part of the filter may be another one now
 * @property {(span: { from: number, to: number } | null) => void} spanned which times are looked through in history, ms
 */

export class Reader {
  /** gaps that were not loaded yet */
  openGaps = 0;
  /** records that were loaded into gaps */
  loaded = 0;
  rows;
  search;
  #tools;
  #list;
  #entries;
  #detail;
  // Of what lies beside a record: the rows learn nothing from it.
  #beside;
  /** @type {Beginning | null} of the stream that began last */
  #beginning = null;
  /** @type {import("./older.js").Older | null} made when somebody first comes to the end of what is kept */
  #older = null;
  /** @type {import("./past.js").Past | null} */
  #pastMade = null;
  #wasHeld = false;
  #isWhole = false;
  /** @type {RegExp | null} */
  #marks = null;
  /** @type {Promise<import("./history.js").History> | null} loaded when it is first opened */
  #historyLoading = null;
  /** @type {import("./history.js").History | null} */
  #history = null;
  #isDetailFound = false;
  /** @type {Promise<import("./export.js").Export> | null} likewise */
  #exportLoading = null;
  #newer = part("newer", HTMLButtonElement);
  #newerCount = part("newer-count", HTMLElement);
  #newerArrow = part("newer-arrow", HTMLElement);
  #stream = part("stream", HTMLElement);
  #grid = part("grid", HTMLElement);
  #order = part("order", HTMLSelectElement);
  #olderButton = part("older-load", HTMLButtonElement);
  #olderNote = part("older-note", HTMLElement);
  #olderLine = part("older", HTMLElement);
  #found = part("history", HTMLElement);

  /** @param {ReaderTools} tools */
  constructor(tools) {
    this.#tools = tools;
    this.#entries = new Entries(tools.itemsTopic);
    this.#beside = new Entries(tools.itemsTopic);
    const list = (this.#list = part("rows", HTMLElement));
    this.rows = new Rows(
      list,
      {
        itemsPath: tools.itemsPath,
        fields: (value) => this.#entries.fields(value),
        load: (gap) => void this.#try(this.#load(gap)),
        marks: () => this.#marks,
      },
      { changed: tools.changed, older: () => void this.#try(this.#loadOlder()) },
    );
    this.#detail = new Detail(part("detail", HTMLElement), {
      itemsPath: tools.itemsPath,
      topicsApi: tools.topicsApi,
      formats: this.#formats,
      recordsPath: tools.recordsPath,
      past: () => this.#past(),
      epoch: () => this.#watched.epoch,
      entryOf: ({ topic, epoch, partition }, record) => this.#beside.of(topic, epoch, partition, record),
      go: (entry) => this.#go(entry),
      only: (key) => this.search.only(key),
      narrow: (condition) => this.search.add(condition),
      marks: () => (this.#isDetailFound && this.#history ? this.#history.marks : this.#marks),
      closed: () => (this.#isDetailFound ? this.#history?.rows.focus() : this.rows.focusSelected()),
      failed: () => this.note("the record could not be shown; the server cannot be reached"),
    });
    document.addEventListener("clockchange", () => {
      retime(document, Date.now());
      this.#detail.remark();
    });
    offerOrders(this.#order);
    document.addEventListener("orderchange", () => this.#rearrange());
    addEventListener("popstate", () => this.#rearrange());
    this.#arrange();
    list.addEventListener("pointerover", () => this.#detail.prepare(), { once: true });
    list.addEventListener("focusin", () => this.#detail.prepare(), { once: true });
    list.addEventListener("click", (event) => void this.#try(this.#clicked(event)));
    this.#newer.addEventListener("click", () => this.toNewest());
    this.#olderButton.addEventListener("click", () => void (this.search.serversPart === "" ? this.#try(this.#loadOlder()) : this.look()));
    part("history-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#inHistory((history) => history.start());
    });
    part("export-button", HTMLButtonElement).addEventListener("click", () => void this.#export());
    for (const name of ["history-button", "found-history"]) part(name, HTMLButtonElement).addEventListener("click", () => void this.look());
    part("gaps-button", HTMLButtonElement).addEventListener("click", () => this.rows.reveal((gap) => gap.range.reason !== "passed"));
    part("skipped-button", HTMLButtonElement).addEventListener("click", () => this.rows.reveal((gap) => gap.range.reason === "passed"));
    this.search = new Search({
      changed: (filter) => this.#filter(filter),
      asked: tools.asked,
      deeper: tools.deeper,
      history: () => void this.look(),
      field: () => ({
        api: tools.filtersApi,
        formats: this.#formats,
        topic: () => tools.subscription().topic,
        recent: (most) => this.rows.recent(most),
        fields: (value) => this.#entries.fields(value),
        apply: () => this.search.apply(),
        history: () => void this.look(),
        write: (text) => this.search.write(text),
      }),
    });
  }

  /** @param {import("./filter.js").Filter} filter */
  #filter(filter) {
    this.#marks = marksOf(filter.text);
    this.rows.filter(filter);
    this.#detail.remark();
  }

  /**
   * @param {string} topic that begins: of a former one nothing stays, of the same one the filter
   * @param {import("../live/protocol.js").Formats} formats by which it is read: what was read by others does not stay, either
   */
  begin(topic, formats) {
    this.openGaps = this.loaded = 0;
    this.#entries.forget();
    this.#beside.forget();
    const { topic: former, formats: formerly } = this.#tools.subscription();
    const isOther = topic !== former || !isSame(formats, formerly);
    if (isOther) this.#detail.close();
    this.rows.clear();
    this.#beginning = this.#older = null;
    this.#history?.forget(topic, isOther);
    if (topic !== this.#tools.subscription().topic) this.search.read();
  }

  /**
   * The stream began.
   *
   * @param {Record<string, number>} ends partition → position: what lies below is its past
   * @param {boolean} isWhole nothing that fits lies further down
   */
  began(ends, isWhole) {
    this.#beginning = new Beginning(ends, Date.now());
    this.#isWhole = isWhole;
  }

  /** @returns {boolean} whether the past has not come yet: nobody knows what the topic has */
  get isBeginning() {
    return this.#beginning !== null;
  }

  /** Shows what waits for a past that does not become complete, and how long ago things were. Called now and then. */
  tick() {
    if (this.#beginning) this.arrived([]);
    if (chosenClock() !== "relative") return;
    retime(this.#list, Date.now());
    this.#detail.retime();
    this.#history?.tick();
  }

  /** @param {import("../live/stream.js").Arrived[]} news */
  arrived(news) {
    const { topic, stream } = this.#tools.subscription();
    const arrived = this.#beginning ? this.#beginning.take(news, stream.cursor().positions, Date.now()) : news;
    if (this.#beginning?.isOver) this.#beginning = null;
    this.rows.add(arrived.map(({ partition, record }) => this.#entries.of(topic, stream.epoch, partition, record)));
  }

  /** @param {import("../live/stream.js").MissingRange[]} missing */
  missed(missing) {
    const { topic, stream } = this.#tools.subscription();
    this.openGaps += missing.length;
    this.rows.add(missing.map((range) => ({ kind: "gap", topic, epoch: stream.epoch, range, note: "", loading: false })));
  }

  /** @param {string} text */
  note(text) {
    this.rows.add([{ kind: "note", text: `${timeText(Date.now(), 0, chosenClock() === "utc" ? "utc" : "local").slice(0, 8)} ${text}` }]);
  }

  /** Holds the view, or lets it go on. */
  pause() {
    this.rows.pause(!this.rows.paused);
    this.#tools.changed();
  }

  /** Stands the order on its head. */
  turn() {
    chooseOrder(turned(chosenOrder()));
  }

  #rearrange() {
    this.#arrange();
    this.#tools.changed();
  }

  /** Takes over in which order records are to stand. */
  #arrange() {
    const order = chosenOrder();
    this.#order.value = order;
    if (this.#stream.dataset["order"] === order) return;
    this.#stream.dataset["order"] = order;
    this.#grid.setAttribute("aria-label", `Records, ${orderName(order)}`);
    say(this.#newerArrow, isOldestFirst(order) ? "↓" : "↑");
    // What loads older ones stands where those will.
    if (isOldestFirst(order)) this.#grid.before(this.#olderLine);
    else this.#grid.after(this.#olderLine);
    this.rows.arrange(order);
  }

  /** Goes to the newest record, and on with the stream. */
  toNewest() {
    this.rows.toNewest();
    this.#tools.changed();
  }

  /** @param {1 | -1} step down or up */
  move(step) {
    if (this.#history?.rows.hasFocus) {
      const found = this.#history.rows.move(step);
      if (found && this.#detail.entry) this.#show(found, true);
      return;
    }
    const entry = this.rows.move(step);
    if (entry?.kind === "record" && this.#detail.entry) this.#show(entry, false);
  }

  /** Opens what is selected: the detail of a record, the records of a gap. */
  open() {
    const entry = this.rows.selected;
    if (entry?.kind === "record") this.#show(entry, false);
    if (entry?.kind === "gap") void this.#try(this.#load(entry));
  }

  /**
   * @param {RecordEntry} entry
   * @param {boolean} isFound whether it stands in the list of what was found, else in the stream
   */
  #show(entry, isFound) {
    this.#isDetailFound = isFound;
    this.#detail.show(entry);
  }

  /**
   * @param {string} key that was pressed
   * @returns {boolean} whether the record that is shown has a use for it
   */
  act(key) {
    return this.#detail.act(key);
  }

  /** @param {RecordEntry} entry a neighbour of the one that is shown */
  #go(entry) {
    const row = this.#isDetailFound ? null : this.rows.find(entry);
    if (row) this.rows.follow(row);
    this.#detail.show(row ?? entry);
  }

  /** @returns {boolean} whether a detail was open, a row selected, or the search in history open */
  close() {
    if (this.#detail.entry) this.#detail.close();
    else if (this.#history?.isOpen && this.#history.rows.hasFocus) this.#history.close();
    else if (!this.rows.release()) {
      if (!this.#history?.isOpen) return false;
      this.#history.close();
    }
    return true;
  }

  /**
   * Looks in what Kafka keeps for what stands in the field.
   *
   * @param {import("../live/protocol.js").Range} [range] there alone
   */
  look(range) {
    return this.#inHistory((history) => history.start(range));
  }

  /** @param {string} [text] a time, or a partition and an offset; none: somebody is asked for it */
  goTo(text) {
    const isEarly = text === undefined && this.#history === null;
    if (isEarly) this.#askPlace();
    return this.#inHistory((history) => (text === undefined ? history.ask(isEarly) : history.goTo(text)));
  }

  /** Where to go to can be typed at once, while the search is loaded. */
  #askPlace() {
    this.#makeRoom();
    const place = part("history-at", HTMLInputElement);
    part("history-where", HTMLSelectElement).value = "at";
    part("history-order", HTMLSelectElement).value = "oldest";
    this.#found.hidden = place.hidden = false;
    place.focus();
  }

  /** @param {{ from: number, to: number }} span ms: shows the records of that time */
  lookAt(span) {
    return this.#inHistory((history) => history.startSpan(span));
  }

  /** @param {(history: import("./history.js").History) => void | Promise<void>} does */
  async #inHistory(does) {
    this.#historyLoading ??= this.#loadHistory();
    this.#makeRoom();
    try {
      await does(await this.#historyLoading);
    } catch (error) {
      this.#historyLoading = null;
      if (this.#history !== null) throw error;
      this.#found.hidden = true;
      this.note("the search in history could not be loaded; the server cannot be reached");
    }
  }

  /** What lies over the form, and over what is found, goes. */
  #makeRoom() {
    if (this.#detail.isOver) this.#detail.close();
  }

  async #loadHistory() {
    const [{ History }, { api }] = await Promise.all([import("./history.js"), this.#past()]);
    return (this.#history = new History(this.#historyTools(api)));
  }

  async #export() {
    this.#exportLoading ??= import("./export.js").then(
      ({ Export }) =>
        new Export({
          root: this.#tools.topicsApi,
          formats: this.#formats,
          topic: () => this.#tools.subscription().topic,
          filter: () => (this.#history?.isOpen ? this.#history.filter : filterOf(this.search.filter)),
          shown: () => this.rows.records,
          found: () => (this.#history?.isOpen ? this.#history.rows.entries : []),
        }),
    );
    try {
      await (await this.#exportLoading).open();
    } catch (error) {
      this.#exportLoading = null;
      if (!(error instanceof TypeError)) throw error;
      this.note("the export could not be loaded; the server cannot be reached");
    }
  }

  /**
   * @param {import("../live/records_api.js").RecordsApi} api
   * @returns {import("./history.js").HistoryTools}
   */
  #historyTools(api) {
    const entries = new Entries(this.#tools.itemsTopic);
    return {
      root: this.#tools.topicsApi,
      formats: this.#formats,
      api,
      topic: () => this.#tools.subscription().topic,
      spanned: this.#tools.spanned,
      asked: () => this.search.draft,
      entryOf: (topic, epoch, partition, record) => entries.of(topic, epoch, partition, record),
      row: { itemsPath: this.#tools.itemsPath, fields: (value) => entries.fields(value), load: () => {}, marks: () => null },
      open: (entry) => this.#show(entry, true),
      closed: () => this.search.focus(),
    };
  }

  /** Says how much is new, and what lies further down. */
  show() {
    this.#showHeld();
    const older = this.#older?.state ?? "more";
    const isThere = !this.rows.isEmpty && this.#tools.subscription().phase !== "ended";
    const isServers = this.search.serversPart !== "";
    this.#olderButton.hidden = !isThere || older === "beginning" || this.rows.isDeepest || (isServers && this.#isWhole);
    // Not disabled: that would take the keyboard away from whoever is on it.
    this.#olderButton.setAttribute("aria-disabled", String(older === "loading"));
    say(this.#olderButton, isServers ? "Search older ones in history" : older === "loading" ? "loading …" : "Load older records");
    const end = this.rows.isDeepest ? "A board shows no more than this; a filter or an address with a time narrows it." : this.#older?.note;
    say(this.#olderNote, isThere && older === "beginning" ? "Nothing older is in Kafka." : isThere ? (end ?? "") : "");
  }

  #showHeld() {
    // However the view goes on: what was loaded further down is not kept for ever, and is asked for anew from what is.
    if (this.#wasHeld && !this.rows.held) this.#older = null;
    this.#wasHeld = this.rows.held;
    const { fresh } = this.rows;
    this.#newer.hidden = !this.rows.held || this.rows.isEmpty || (fresh === 0 && this.rows.isAtNewest);
    say(this.#newerCount, fresh === 0 ? "newest" : this.rows.freshText);
  }

  async #loadOlder() {
    const { topic, stream } = this.#tools.subscription();
    if (this.search.serversPart !== "") return; // of a filter's past the server has sent what it found at once
    if (this.rows.isDeepest || this.rows.isEmpty || this.#older?.state === "loading") return;
    const past = await this.#past();
    if (stream !== this.#watched || topic !== this.#tools.subscription().topic) return;
    const older = (this.#older ??= past.older(topic, stream.epoch, this.rows.floors(stream.cursor().positions)));
    const loading = older.load();
    this.#tools.changed();
    const arrived = await loading;
    if (older !== this.#older) return; // somebody has gone back to the newest, or to another topic
    this.loaded += arrived.length;
    this.rows.addOlder(arrived.map(({ partition, record }) => this.#entries.of(topic, stream.epoch, partition, record)));
    this.#tools.changed();
  }

  /** By which formats the topic is read now, for this reader alone. */
  #formats = () => this.#tools.subscription().formats;

  get #watched() {
    return this.#tools.subscription().stream;
  }

  /** @param {GapEntry} gap */
  async #load(gap) {
    if (gap.loading) return;
    // Of a filtered stream only what matches belongs there, and that is the server's to say.
    if (this.search.serversPart !== "") return this.look(gap.range);
    const entryOf = (/** @type {GapEntry} */ { topic, epoch, range }, /** @type {KafkaRecord} */ record) =>
      this.#entries.of(topic, epoch, range.partition, record);
    const past = await this.#past();
    if (gap.loading) return; // pressed twice meanwhile
    const { loaded, isDone } = await past.fill(gap, { rows: this.rows, entryOf });
    if (gap.topic !== this.#tools.subscription().topic) return;
    this.loaded += loaded;
    if (isDone && gap.range.reason !== "passed") this.openGaps -= 1;
    this.#tools.changed();
  }

  /** @param {string} topic @throws {Unloaded | import("../live/records_api.js").LoadError} */
  async rates(topic) {
    return (await this.#past()).api.rates(topic);
  }

  async #past() {
    const { Past } = await pasts.get();
    return (this.#pastMade ??= new Past(this.#tools.topicsApi, this.#formats));
  }

  /** @param {Promise<void> | void} doing what somebody asked for, with a part of the page that may not be there yet */
  async #try(doing) {
    try {
      await doing;
    } catch (error) {
      if (!(error instanceof Unloaded)) throw error;
      this.note("this part of the page could not be loaded; the server cannot be reached");
    }
  }

  /** @param {MouseEvent} event */
  async #clicked(event) {
    if (!(event.target instanceof Element) || event.target.closest("a, button")) return;
    const entry = this.rows.entryAt(event.target);
    if (entry?.kind !== "record") return;
    if (event.altKey) {
      const cell = event.target.closest("[role=gridcell]");
      const { x, y, shiftKey } = event;
      const { conditionInRow } = picking.now ?? (await picking.get());
      const condition = cell && conditionInRow(entry, cell, { x, y }, shiftKey);
      if (condition) this.search.add(condition);
      return;
    }
    this.rows.select(entry);
    this.#show(entry, false);
  }
}
