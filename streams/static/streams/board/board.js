// The live board: puts connection, subscription, reader and figures together. Decides nothing that they decide.

import { Connection, liveAddress } from "../live/connection.js";
import { part, say } from "../page/dom.js";
import { isSame } from "../live/protocol.js";
import { addressReadAs, formatsIn, formatsSentence } from "./filter.js";
import { FiguresView } from "./figures.js";
import { listen } from "./keyboard.js";
import { Unloaded, charts, loadTheRest, nothings, sheets } from "./later.js";
import { Meter } from "../live/meter.js";
import { Reader } from "./reader.js";
import { statusOf } from "../live/status.js";
import { FRESH_START, Subscription } from "../live/subscription.js";
import { Topics } from "./topics.js";
import { changeClock, clockName } from "../page/clock.js";
import { duration } from "../page/format.js";

// Between looks at clocks, rates and countdowns.
const TICK_MS = 500;
// A stream that has just begun gets this long before the board calls it empty.
const EMPTY_AFTER_MS = 1_000;
// How much of the past a search looks through: all that the protocol gives.
const DEEP_START = { last: 2_000 };
const NEW_LIFE = "the topic began a new life; the board goes on from its first record";
// Where the first rows, or what stands instead, were there: a mark among the browser's own of how the page was loaded.
const FIRST_VIEW = "streamboard.first-view";
// A connection that is back sooner was a blip, and needs no banner.
const BLIP_MS = 3_000;

class Board {
  #root = part("board", HTMLElement);
  #page = this.#root.dataset;
  #meter = new Meter();
  #topics = new Topics(this.#page, (topic) => this.#chosen(topic));
  /** @type {import("./chart.js").Chart | null} */
  #chart = null;
  /** @type {import("./chart.js").Span | null} which times are looked through in history */
  #span = null;
  /** @type {import("./empty.js").Nothing | null} */
  #nothing = null;
  /** @type {import("./formats.js").FormatsSheet | null} */
  #sheet = null;
  #hasAskedRest = false;
  // Before, nobody knows which topics there are.
  #isWelcome = false;
  #help = part("help", HTMLDialogElement);
  #reader = new Reader({
    itemsPath: this.#page["itemsPath"] ?? "/items/",
    itemsTopic: this.#page["itemsTopic"] ?? "",
    filtersApi: this.#page["filtersApi"] ?? "/api/filters/",
    topicsApi: this.#page["topicsApi"] ?? "/api/topics/",
    recordsPath: this.#page["recordsPath"] ?? "/records/",
    subscription: () => this.#subscription,
    changed: () => this.#refresh(),
    deeper: () => this.#watch(this.#topics.current, DEEP_START),
    spanned: (span) => {
      this.#span = span;
      this.#chart?.mark(span);
    },
    asked: () => {
      const { filter, formats } = this.#subscription;
      if (this.#reader.search.serversPart !== filter || !isSame(formatsIn(location.search), formats)) this.#watch(this.#topics.current);
    },
  });
  #figures = new FiguresView(this.#root, {
    loginPath: this.#page["loginPath"] ?? "/accounts/login/",
    retry: () => this.#retry(),
  });
  /** @type {import("../live/protocol.js").Heartbeat | null} */
  #heartbeat = null;
  /** @type {{ code: string, message: string } | null} */
  #refusal = null;
  // Infinity until the stream has begun: a topic is not called empty before.
  #begunAt = Infinity;
  // Whether it was asked what the topic had before this stream.
  #hasAskedRates = false;
  #brokenAt = 0;
  #newest = "";
  /** @type {string | null} the place of the address that was gone to */
  #wentTo = null;
  /** @type {import("../live/protocol.js").Subscribed["last"] | null} what the stream began with, where it began with the newest */
  #last = null;
  /** @type {import("../live/protocol.js").Start} */
  #start = FRESH_START;
  // What the server's filter did since the stream began.
  #sifted = newSifted(0, null);
  #subscription = new Subscription({
    send: (message) => this.#connection.send(message),
    distrust: (why) => this.#connection.distrust(why),
    began: (how) => this.#began(how),
    arrived: (arrived) => this.#arrived(arrived),
    missed: (missing) => this.#reader.missed(missing),
    reset: () => this.#reader.note(NEW_LIFE),
    counted: (second, records, outcomes) => this.#counted(second, records, outcomes),
    refused: (code, message, at) => {
      this.#refusal = { code, message };
      if (code === "bad_filter" && at !== undefined) void this.#reader.search.showWrong(at);
      this.#refresh();
    },
    changed: () => this.#refresh(),
  });
  #connection = new Connection(liveAddress(this.#page["livePath"] ?? "/ws/live/"), {
    changed: (state) => {
      if (state.kind !== "open") {
        if (this.#subscription.phase === "live") this.#brokenAt = Date.now();
        this.#hasAskedRest = false; // what could not be loaded is asked for again once the server is back
        this.#heartbeat = null;
        this.#subscription.disconnected();
      }
      this.#refresh();
    },
    heard: (message, bytes) => this.#heard(message, bytes),
  });

  start() {
    part("pause", HTMLElement).addEventListener("click", () => this.#reader.pause());
    part("help-button", HTMLElement).addEventListener("click", () => this.#help.showModal());
    part("goto-button", HTMLElement).addEventListener("click", () => void this.#reader.goTo());
    part("clock", HTMLElement).addEventListener("click", changeClock);
    part("formats-button", HTMLElement).addEventListener("click", () => void this.#chooseFormats());
    part("formats-own", HTMLElement).addEventListener("click", () => {
      this.#readAs({});
      part("formats-button", HTMLElement).focus(); // the button that was pressed is gone now
    });
    document.addEventListener("clockchange", () => this.#showClock());
    this.#showClock();
    listen({
      filter: () => this.#reader.search.focus(),
      pause: () => this.#reader.pause(),
      move: (step) => this.#reader.move(step),
      detail: () => this.#reader.open(),
      close: () => this.#reader.close(),
      newest: () => this.#reader.toNewest(),
      history: () => void this.#reader.look(),
      goTo: () => void this.#reader.goTo(),
      clock: changeClock,
      turn: () => this.#reader.turn(),
      help: () => this.#help.showModal(),
      record: (key) => this.#reader.act(key),
    });
    setInterval(() => this.#tick(), TICK_MS);
    this.#connection.start();
  }

  /**
   * @param {import("../live/protocol.js").ServerMessage} message
   * @param {number} bytes
   */
  #heard(message, bytes) {
    if (message.type === "welcome") {
      this.#meter.setClock(message.server_time, Date.now());
      this.#topics.set(message.topics);
      this.#chosen(this.#topics.current);
      this.#isWelcome = true;
      this.#refusal = null;
      this.#subscription.connected();
    } else if (message.type === "topics") {
      this.#topics.set(message.topics);
      const topic = this.#topics.current;
      const isBack = this.#subscription.phase === "ended" && this.#topics.has(topic);
      if (isBack || topic !== this.#subscription.topic) this.#watch(topic);
    } else {
      if (message.type === "heartbeat") {
        this.#heartbeat = message;
        this.#meter.setClock(message.server_time, Date.now());
        this.#refresh();
      }
      this.#subscription.heard(message, bytes);
    }
  }

  /** @param {string} topic as the address or the switcher names it now */
  #chosen(topic) {
    if (topic !== this.#subscription.topic) this.#watch(topic);
  }

  /**
   * @param {string} topic to show afresh
   * @param {import("../live/protocol.js").Start} [start] where it begins; a board that is opened to find something begins deep
   */
  #watch(topic, start) {
    this.#topics.render();
    document.title = topic ? `${this.#topics.label(topic)} · Streamboard` : "Live · Streamboard";
    this.#refusal = null;
    this.#brokenAt = 0;
    this.#begunAt = Infinity;
    this.#newest = "";
    const formats = formatsIn(location.search);
    this.#reader.begin(topic, formats);
    this.#showFormats(formats);
    this.#meter.begin(Date.now());
    const { isSifting, serversPart } = this.#reader.search;
    this.#start = start ?? (isSifting ? DEEP_START : FRESH_START);
    this.#subscription.watch(topic, this.#start, serversPart, formats);
    this.#refresh();
  }

  /** @param {import("../live/protocol.js").Formats} formats by which the topic is read from now on, for this person alone */
  #readAs(formats) {
    if (isSame(formats, this.#subscription.formats)) return;
    history.pushState(null, "", addressReadAs(location.href, formats));
    this.#watch(this.#topics.current);
  }

  /** @param {import("../live/protocol.js").Formats} formats */
  #showFormats(formats) {
    const said = formatsSentence(formats);
    say(part("formats-said", HTMLElement), said);
    part("formats", HTMLElement).hidden = said === "";
  }

  async #chooseFormats() {
    try {
      const { FormatsSheet } = await sheets.get();
      this.#sheet ??= new FormatsSheet((formats) => this.#readAs(formats));
      this.#sheet.open(this.#subscription.formats);
    } catch (error) {
      if (!(error instanceof Unloaded)) throw error;
      this.#reader.note("the formats could not be loaded; the server cannot be reached");
    }
  }

  #retry() {
    const { state } = this.#connection;
    if (state.kind !== "open" || this.#connection.quietFor(Date.now()) !== null) this.#connection.retryNow();
    else this.#watch(this.#topics.current);
  }

  /** @param {Parameters<import("../live/subscription.js").SubscriptionEvents["began"]>[0]} how */
  #began({ resumed, newLife, missing, ends, last }) {
    const at = new URLSearchParams(location.search).get("at");
    if (!resumed && at !== null && at !== this.#wentTo) void this.#reader.goTo(at);
    this.#wentTo = at;
    this.#begunAt = Date.now();
    this.#last = !resumed ? last : newLife ? null : this.#last;
    this.#reader.began(ends, this.#last?.stopped === "beginning");
    this.#sifted = newSifted(this.#begunAt, resumed ? null : last);
    if (resumed && this.#brokenAt) this.#meter.away(this.#brokenAt, this.#begunAt);
    if (!resumed) {
      this.#meter.begin(this.#begunAt);
      this.#hasAskedRates = false;
    } else if (newLife) this.#reader.note(NEW_LIFE);
    else if (missing.length === 0 && this.#brokenAt) {
      this.#reader.note(`reconnected after ${duration(this.#begunAt - this.#brokenAt)}, nothing missed`);
    }
    this.#brokenAt = 0;
    this.#reader.missed(missing);
  }

  /** @type {import("../live/subscription.js").SubscriptionEvents["counted"]} */
  #counted(second, records, outcomes) {
    this.#meter.counted(second, records);
    if (outcomes === null) return;
    this.#sifted.records += records;
    this.#sifted.outcomes.matched += outcomes.matched;
    this.#sifted.outcomes.failed += outcomes.failed;
    this.#sifted.outcomes.unchecked += outcomes.unchecked;
  }

  /** @param {import("../live/stream.js").Arrived[]} arrived */
  #arrived(arrived) {
    const now = Date.now();
    for (const { record } of arrived) this.#meter.arrived(record.timestamp, now);
    const last = arrived.at(-1);
    if (last) this.#newest = String(last.partition);
    this.#reader.arrived(arrived);
  }

  #refresh() {
    const now = Date.now();
    const { stream, phase, topic, obstacle, isUnborn } = this.#subscription;
    const { state } = this.#connection;
    /** @type {import("../live/connection.js").ConnectionState} */
    const connection = state.kind === "open" && !this.#isWelcome ? { kind: "connecting", since: state.since, why: "" } : state;
    const lag = this.#meter.lag(now);
    const known = { connection, phase, refusal: this.#refusal, obstacle, isUnborn, heartbeat: this.#heartbeat, lag, quiet: this.#connection.quietFor(now), topic, now };
    const { positions } = stream.cursor();
    const nothing = this.#whyNothing(now);
    this.#figures.show({
      topic,
      epoch: stream.epoch,
      status: statusOf(known),
      received: stream.received,
      shown: this.#reader.rows.shown,
      skipped: this.#reader.rows.skipped,
      gaps: this.#reader.openGaps,
      missing: stream.missing,
      duplicates: stream.duplicates,
      jumps: this.#subscription.jumps,
      loaded: this.#reader.loaded,
      connectedMs: connection.kind === "open" ? now - connection.since : null,
      newest: this.#newest && `${this.#newest}:${positions[this.#newest]}`,
      positions,
      rate: this.#meter.rate(now),
      lag,
      paused: this.#reader.rows.paused,
      held: this.#reader.rows.held,
      fresh: this.#reader.rows.fresh,
      freshText: this.#reader.rows.freshText,
      isLong: now - connection.since > BLIP_MS,
      isSaid: nothing === "refused" || nothing === "unborn",
    });
    this.#reader.show();
    const { shown, searched, isFull } = this.#reader.rows;
    this.#reader.search.show({ shown, searched, isFull, isDeep: this.#start === DEEP_START || this.#last?.stopped === "beginning", sifted: this.#sifted, isLive: phase === "live" });
    if (nothing !== null) void nothings.get().catch(() => null); // the next look shows it
    if (nothings.now) this.#nothing ??= this.#makeNothing(nothings.now);
    this.#nothing?.show(nothing, topic, this.#topics.label(topic), this.#refusal);
    if (connection.kind === "open" && (nothing !== null || this.#reader.rows.shown > 0)) this.#loadTheRest();
  }

  /** The first view stands there. */
  #loadTheRest() {
    if (this.#hasAskedRest) return;
    this.#hasAskedRest = true;
    if (performance.getEntriesByName(FIRST_VIEW).length === 0) performance.mark(FIRST_VIEW);
    loadTheRest();
    this.#topics.prepare();
  }

  /** @param {typeof import("./empty.js")} module */
  #makeNothing({ Nothing }) {
    const { itemsTopic = "", newItemPath = "/items/new/", kafka = "" } = this.#page;
    return new Nothing(part("nothing", HTMLElement), { itemsTopic, newItemPath, kafka });
  }

  /** @param {typeof import("./chart.js")} module */
  #makeChart({ Chart }) {
    const chart = new Chart(part("chart", HTMLElement), part("chart-caption", HTMLElement), (span) => void this.#reader.lookAt(span));
    chart.mark(this.#span);
    return chart;
  }

  /** What the topic had before the page was opened; without an answer the bars begin now. Whoever may not watch it is not answered. */
  async #askRates() {
    if (this.#hasAskedRates || this.#connection.state.kind !== "open" || this.#subscription.phase !== "live") return;
    this.#hasAskedRates = true;
    const begun = this.#begunAt;
    try {
      const { epoch, from, records } = await this.#reader.rates(this.#topics.current);
      if (begun === this.#begunAt && epoch === this.#subscription.stream.epoch) this.#meter.countedBefore(from, records);
    } catch {
      // The pill says what is wrong.
    }
    if (begun !== this.#begunAt) this.#hasAskedRates = false; // it went on since, and the answer is of before
  }

  #showClock() {
    for (const each of document.querySelectorAll("[data-clock]")) each.textContent = clockName();
  }

  #tick() {
    this.#reader.tick();
    this.#refresh();
    const now = Date.now();
    // The server counts what the topic has, whatever its filter lets through.
    const what = this.#subscription.filter === "" ? "records/s" : "records/s of the topic, matching or not";
    if (charts.now) this.#chart ??= this.#makeChart(charts.now);
    if (this.#chart) void this.#askRates();
    this.#chart?.show(this.#meter.series(now), now, this.#meter.serverTime(now), what);
  }

  /**
   * @param {number} now
   * @returns {import("./empty.js").Reason | null} why there is no row to show
   */
  #whyNothing(now) {
    const { phase, topic, isUnborn } = this.#subscription;
    const { rows } = this.#reader;
    if (phase === "ended" && rows.isEmpty) return "refused";
    if (this.#connection.state.kind === "open" && this.#isWelcome && !topic) return "no topics";
    const hasBegun = phase === "live" && !this.#reader.isBeginning;
    const isFiltered = rows.isFiltered && (rows.searched > 0 || (hasBegun && this.#reader.search.serversPart !== ""));
    if (isFiltered && rows.shown === 0) return "filter";
    const isSettled = hasBegun && now - this.#begunAt > EMPTY_AFTER_MS;
    if (!rows.isEmpty) return null;
    if (isUnborn && this.#heartbeat?.link !== "down") return "unborn";
    return isSettled ? "empty" : null;
  }
}

/**
 * @param {number} since ms
 * @param {import("../live/protocol.js").Subscribed["last"] | null} last
 * @returns {import("./filter.js").Sifted} nothing counted yet
 */
function newSifted(since, last) {
  return { since, last: last ?? null, records: 0, outcomes: { matched: 0, failed: 0, unchecked: 0 } };
}

new Board().start();
