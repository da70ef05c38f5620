// One stream of a board, and the tiles that stand on it: what arrives is put into the window, and figures are read from it.

import { BadPath, Fields } from "../figures/paths.js";
import { LoadError, RecordsApi } from "../../live/records_api.js";
import { Window } from "../figures/window.js";
import { NotLoaded, figuresOf } from "../figures/kinds.js";
import { counted } from "../../page/format.js";
import { startOf } from "../figures/span.js";

// Tiles that are large to send and to draw follow once a second; the next tick of the window brings what was passed over.
const LARGE = new Set(["map", "chart", "table", "distribution"]);
const LARGE_MS = 900;
// The embedded broker finds a time by reading, and only so far; after so many refusals, while Kafka is there, the newest
// records have to do.
const REFUSALS = 2;
const NEWEST = 2_000; // all that the protocol gives
// The window before one that is no longer is read once that is filled, where a number is compared with it; a longer one is
// compared once the board was open for so long.
const BEFORE_S = 300;
// A stream that ended by a fault of the server's is asked for again after this long.
const AGAIN_MS = 2_000;
const FILLING = "being filled from Kafka";
const FROM_NEWEST = "begun with the newest 2\u202F000 records, as nobody could tell where the window begins";

/**
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {import("../figures/kinds.js").TileFigures} TileFigures
 * @typedef {import("../figures/kinds.js").Asked} Asked
 * @typedef {import("../figures/window.js").Basis} Basis
 * @typedef {{ tile: Tile, figures: TileFigures | null, fault: string, readAt: number, isBare: boolean, isPart: boolean }} Seat fault: why the tile can show
 *   nothing; readAt: ms, when its figures were read last; isBare: they were of no record; isPart: of some,
 *   and more were to come
 *
 * @typedef {object} Shown what the page gets of a tile
 * @property {string} id
 * @property {any} figures null when there are none
 * @property {Basis | null} basis
 * @property {string} problem why it shows nothing, or not everything; "" when there is none
 * @property {number | null} since ms: what the figures begin with
 * @property {string} note what else has to be said of the figures; "" when there is nothing
 * @property {boolean} isFilling whether records are still to come that were in Kafka before
 *
 * @typedef {object} FeedTools
 * @property {import("./streams.js").Streams} streams
 * @property {RecordsApi} api
 * @property {Pick<import("./earlier.js").Earlier, "read">} earlier
 * @property {() => number} now ms, of the server
 * @property {(record: import("../../live/protocol.js").KafkaRecord) => void} met a live record, for the lag
 * @property {() => boolean} isLinked whether the server reaches Kafka
 * @property {() => void} changed
 */

export class Feed {
  topic;
  filter;
  formats;
  /** whether something is new since the figures were read last */
  isFresh = true;
  /** @type {{ code: string, message: string } | null} */
  refusal = null;
  #span;
  #tools;
  /** @type {Seat[]} */
  #seats = [];
  /** @type {Window} */
  #window;
  #subscription;
  #note = "";
  /** ms: when it was begun with the newest records, because nobody could tell where the window begins */
  #doubtedAt = -Infinity;
  #isLoading = false;
  #refusals = 0;
  /** @type {Record<string, number> | null} where the stream began; where it begins when it is filled anew */
  #origin = null;
  /** @type {Record<string, number> | null} what was in Kafka when the stream began; null once all of it has come */
  #ends = null;
  /** ms: where the stream began, while what was before is to be read */
  #unread = NaN;
  #failed = 0;
  #unchecked = 0;

  /**
   * @param {string} topic
   * @param {string} filter
   * @param {import("../../live/protocol.js").Formats} formats by which records are read; {}: by the topic's
   * @param {import("../figures/span.js").WindowJson} span
   * @param {FeedTools} tools
   */
  constructor(topic, filter, formats, span, tools) {
    this.topic = topic;
    this.filter = filter;
    this.formats = formats;
    this.#span = span;
    this.#tools = tools;
    this.#window = new Window(span, tools.now());
    this.#subscription = tools.streams.add(filter, {
      began: (how) => this.#began(how),
      arrived: (arrived) => this.#arrived(arrived),
      missed: (missing) => this.#missed(missing),
      reset: () => this.#anew(),
      counted: () => {},
      filtered: (failed, unchecked) => {
        this.#failed += failed;
        this.#unchecked += unchecked;
        this.isFresh = true;
      },
      refused: (code, message) => this.#ended(code, message),
      changed: () => {
        if (this.#subscription?.phase === "retrying") this.#refused();
        this.isFresh = true; // it is being filled, or something keeps it from beginning
        tools.changed();
      },
    });
  }

  get subscription() {
    return this.#subscription;
  }

  /** whether its window holds any */
  get hasRecords() {
    return this.#window.records > 0;
  }

  /** @param {Tile} tile that stands on this stream from its beginning on; its kind is prepared */
  seat(tile) {
    this.#seats.push({ tile, readAt: -Infinity, isBare: true, isPart: false, ...this.#figuresOf(tile) });
  }

  /** Begins, from Kafka's past where the window reaches there. */
  watch() {
    this.refusal = null;
    this.#refusals = 0;
    this.#origin = null;
    const start = this.#start();
    this.#anew(start);
    this.#watch(start);
  }

  /** @param {import("../../live/protocol.js").Start} start */
  #watch(start) {
    this.#subscription.watch(this.topic, start, "", this.formats); // the filter is put in on the way
  }

  #start() {
    return startOf(this.#span, this.#tools.now());
  }

  /** Reads the window before, where a tile compares with it: what was seen first has come. */
  async #recall() {
    const [since, window] = [this.#unread, this.#window];
    this.#unread = NaN;
    const isCompared = "last_seconds" in this.#span && this.#span.last_seconds <= BEFORE_S && this.#seats.some(({ tile }) => tile.kind === "number");
    if (!isCompared || !("last_seconds" in this.#span) || this.#origin === null) return;
    const from = since - this.#span.last_seconds * 1000;
    const isWhole = await this.#tools.earlier.read({
      topic: this.topic, filter: this.filter, formats: this.formats, from, epoch: this.#subscription.stream.epoch, until: this.#origin,
      take: (partition, record) => window.recalled(new Fields(this.topic, partition, record), this.#tools.now()),
    });
    if (!isWhole || window !== this.#window) return;
    window.know(from, since);
    this.isFresh = true;
  }

  /**
   * @param {string} code
   * @param {string} message
   */
  #ended(code, message) {
    this.refusal = { code, message };
    this.isFresh = true;
    this.#tools.changed();
    if (code === "failed") setTimeout(() => this.#goOn(), AGAIN_MS);
  }

  /** Goes on where the server's fault ended the stream. */
  #goOn() {
    if (this.#subscription.phase !== "ended") return;
    this.refusal = null;
    this.#watch({ cursor: this.#subscription.stream.cursor() });
  }

  /** The stream could not begin, and will be asked for again. */
  #refused() {
    if (!this.#tools.isLinked() || this.#subscription.stream.epoch) return;
    this.#refusals += 1;
    if (this.#refusals !== REFUSALS) return;
    // Not from within its own event: it sets the time of its next try after it.
    setTimeout(() => {
      if (this.#subscription.phase !== "retrying") return;
      this.#doubtedAt = this.#tools.now();
      this.#window.doubt();
      this.#unread = NaN;
      this.#watch({ last: NEWEST });
    });
  }

  tick() {
    const { records } = this.#window;
    this.#window.tick(this.#tools.now());
    if (records > 0 || this.#window.records > 0) this.isFresh = true;
  }

  /**
   * @param {Map<string, Asked>} asked by tile
   * @param {string | null} [only] the tile
   * @returns {Shown[]}
   */
  read(asked, only = null) {
    const now = this.#tools.now();
    this.#window.isFilling = this.#isFilling;
    if (!this.#window.isFilling && this.#origin !== null && !Number.isNaN(this.#unread)) this.#recall();
    const isBare = !this.hasRecords;
    // What could not begin yet has no zero either.
    const isFilling = this.#isComing || (this.#subscription.phase === "retrying" && !this.#subscription.stream.epoch);
    const isPart = isFilling && !isBare;
    const isDue = (/** @type {Seat} */ seat) => !LARGE.has(seat.tile.kind) || now - seat.readAt >= LARGE_MS || (seat.isBare && !isBare) || (seat.isPart && !isPart);
    const seats = this.#seats.filter((seat) => (only === null ? isDue(seat) : seat.tile.id === only));
    // What was passed over is read when it is due: nothing else may ever be new.
    if (only === null) this.isFresh = seats.length < this.#seats.length;
    // Of what may not be watched there are no figures: that is no zero.
    const isDenied = this.refusal?.code === "forbidden" || this.refusal?.code === "unknown_topic";
    return seats.map((seat) => {
      const { tile, fault } = seat;
      const figures = isDenied ? null : seat.figures;
      Object.assign(seat, { readAt: now, isBare, isPart });
      return {
        id: tile.id,
        figures: fault || !figures ? null : figures.read(this.#window, now, asked.get(tile.id) ?? {}),
        basis: figures && !fault ? this.#window.basis(this.topic, this.#subscription.stream.epoch, figures.counted) : null,
        problem: fault || this.#problem(),
        since: this.#since(),
        note: this.#aside(),
        isFilling,
      };
    });
  }

  /** @param {string} id */
  has(id) {
    return this.#seats.some(({ tile }) => tile.id === id);
  }

  /** Loads what gaps of the window left out, one after the other; what of it could not be had is said in the end. */
  async load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#note = "";
    try {
      if (this.filter) this.#fillAnew();
      else await this.#loadGaps();
    } finally {
      this.#isLoading = false;
      this.isFresh = true;
    }
  }

  async #loadGaps() {
    const window = this.#window;
    let lost = 0;
    /** @type {Set<string>} */
    const refusals = new Set();
    for (const gap of [...window.gaps]) {
      const left = await this.#loadGap(window, gap);
      if (window !== this.#window) return;
      lost += left.lost;
      if (left.refusal) refusals.add(left.refusal);
    }
    const gone = lost > 0 ? [`Kafka does not keep ${counted(lost, "missing offset")} any more.`] : [];
    this.#note = [...gone, ...refusals].join(" ");
  }

  /** Only the server reads filters: so the whole window comes again through it, and what a gap left out with it. */
  #fillAnew() {
    const { epoch } = this.#subscription.stream;
    const { opened } = this.#window;
    const start = "since" in this.#span && this.#origin ? { cursor: { epoch, positions: this.#origin } } : this.#start();
    this.#anew(start);
    this.#window.opened = opened;
    this.#watch(start);
  }

  /**
   * Loads a gap, or where retention took its beginning, what is left of it.
   *
   * @param {Window} window that it is of
   * @param {import("../figures/window.js").Gap} gap
   * @returns {Promise<{ lost: number, refusal: string }>} lost: offsets that Kafka does not keep any more; refusal: why
   *   something else could not be loaded
   */
  async #loadGap(window, gap) {
    try {
      await this.#loadPages(window, gap);
      return { lost: 0, refusal: "" };
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      const { next, message } = error;
      if (next === null || next <= gap.from) return { lost: 0, refusal: message };
      const lost = Math.min(next, gap.to) - gap.from;
      if (next >= gap.to) return { lost, refusal: "" };
      window.part(gap, next);
      const rest = await this.#loadGap(window, gap);
      return { lost: lost + rest.lost, refusal: rest.refusal };
    }
  }

  /**
   * @param {Window} window
   * @param {import("../figures/window.js").Gap} gap
   */
  async #loadPages(window, gap) {
    while (gap.from < gap.to && window === this.#window) {
      const page = await this.#tools.api.page(this.topic, gap);
      if (page.epoch !== this.#subscription.stream.epoch) throw new LoadError("It belongs to an earlier life of the topic.");
      if (window !== this.#window) return;
      let covers = gap.from;
      for (const record of page.records) {
        window.loaded(new Fields(this.topic, gap.partition, record), covers, this.#tools.now());
        covers = record.offset + 1;
      }
      window.narrow(gap, page.next ?? gap.to);
      this.isFresh = true;
    }
  }

  /** @param {Parameters<import("../../live/subscription.js").SubscriptionEvents["began"]>[0]} how */
  #began({ resumed, newLife, missing, ends }) {
    if (newLife) this.#anew();
    if (newLife) this.#origin = null;
    if (!resumed || newLife) {
      const { positions } = this.#subscription.stream.cursor();
      this.#origin ??= positions;
      this.#window.begin(positions, ends);
    }
    this.#ends = ends;
    this.#missed(missing);
    this.isFresh = true;
  }

  /** @param {import("../../live/stream.js").Arrived[]} arrived */
  #arrived(arrived) {
    const now = this.#tools.now();
    // After a standstill records come before the next second does, and are of now.
    if (arrived.length > 0) this.#window.tick(now);
    for (const { partition, record } of arrived) {
      this.#window.arrived(new Fields(this.topic, partition, record), now);
      this.#tools.met(record);
    }
    if (arrived.length > 0 || this.#ends !== null) this.isFresh = true;
  }

  /** @param {import("../../live/stream.js").MissingRange[]} missing */
  #missed(missing) {
    for (const range of missing) this.#window.missed(range);
    if (missing.length > 0 || this.#ends !== null) this.isFresh = true;
  }

  /**
   * Forgets all figures: the topic has a new life, or the window begins anew.
   *
   * @param {import("../../live/protocol.js").Start} [start] of the stream that fills it
   */
  #anew(start) {
    const since = start && "timestamp" in start ? start.timestamp : undefined;
    this.#window = new Window(this.#span, this.#tools.now(), since);
    this.#unread = since ?? NaN;
    this.#ends = null;
    this.#note = "";
    this.#doubtedAt = -Infinity;
    this.#failed = this.#unchecked = 0;
    for (const seat of this.#seats) Object.assign(seat, this.#figuresOf(seat.tile), { readAt: -Infinity, isBare: true, isPart: false });
    if (this.#subscription.stream.epoch) this.#window.begin(this.#subscription.stream.cursor().positions);
    this.isFresh = true;
  }

  /**
   * @param {Tile} tile
   * @returns {{ figures: TileFigures | null, fault: string }}
   */
  #figuresOf(tile) {
    try {
      const figures = figuresOf(tile, this.#span);
      if (figures) this.#window.tell(figures);
      return { figures, fault: "" };
    } catch (error) {
      if (!(error instanceof BadPath || error instanceof NotLoaded)) throw error;
      return { figures: null, fault: error.message };
    }
  }

  #since() {
    const { from } = this.#window.bounds;
    return Number.isFinite(from) ? from : this.#window.opened;
  }

  /** Whether records are still to come that were there when the stream began. */
  get #isFilling() {
    if (this.#ends === null) return false;
    const { positions } = this.#subscription.stream.cursor();
    if (Object.entries(this.#ends).every(([partition, end]) => (positions[partition] ?? 0) >= end)) this.#ends = null;
    return this.#ends !== null;
  }

  /** Whether it is being filled, or is to be. */
  get #isComing() {
    return this.#subscription.phase === "asked" || this.#isFilling;
  }

  /** That there is more to come; and what live records the filter failed with, or did not look into, as the server says. */
  #aside() {
    const parts = [];
    if (this.#isComing) parts.push(FILLING);
    if (this.#since() < this.#doubtedAt) parts.push(FROM_NEWEST); // later, all of the window has been seen
    if (this.#failed > 0) parts.push(`the filter failed with ${counted(this.#failed, "record")}`);
    if (this.#unchecked > 0) parts.push(`${counted(this.#unchecked, "record")} too large for it`);
    return parts.join(", ");
  }

  #problem() {
    const { refusal } = this;
    if (!refusal) return this.#note || this.#subscription.obstacle;
    if (refusal.code === "expensive") {
      if (!this.filter) return "Reading it by these formats takes too much of the server's time, and was ended.";
      return "The filter takes too much of the server's time, and was ended: make it simpler.";
    }
    if (refusal.code === "failed") return "The server could not go on with the filter, or the formats; it is asked again.";
    if (refusal.code === "bad_filter") return `The filter cannot be used: ${refusal.message}`;
    if (refusal.code === "forbidden" || refusal.code === "unknown_topic") return notYours(this.topic);
    return refusal.message || "This stream cannot be opened.";
  }
}

/**
 * @param {string} topic
 * @returns {string} what is said of a topic that is not among those of the viewer
 */
export function notYours(topic) {
  return `You may not watch ${topic}, or it is not there. Whoever looks after topics in the admin can let you.`;
}
