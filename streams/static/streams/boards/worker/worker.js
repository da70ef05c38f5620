// A board's worker: holds the one connection, shares streams between tiles, computes their figures and posts them to the
// page some times a second. The page only draws.

import { Connection, liveAddress } from "../../live/connection.js";
import { Feed, notYours } from "./feed.js";
import { Filters, allOf } from "./filters.js";
import { Meter } from "../../live/meter.js";
import { RecordsApi } from "../../live/records_api.js";
import { Streams } from "./streams.js";
import { formatsOf } from "../../live/protocol.js";
import { prepare } from "../figures/kinds.js";
import { statusOf } from "../../live/status.js";

// Between posts of figures that changed.
const POST_MS = 250;
// Reading figures takes one part of the worker's time at most, taking records in has the rest.
const REST = 6;
// Windows move with the seconds of the server's clock; looked at so often.
const TICK_MS = 100;
// Kinds of tiles that take long to draw.
const DRAWN = new Set(["chart", "map"]);

/**
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {import("../figures/kinds.js").Asked} Asked
 * @typedef {object} BoardJson as in docs/board.schema.json
 * @property {string} slug
 * @property {string} name
 * @property {number} version
 * @property {import("../figures/span.js").WindowJson} window
 * @property {string} filter
 * @property {string[]} [where] conditions beside the filter, of who looks at it
 * @property {"utc" | "local" | "relative"} clock
 * @property {any} sharing
 * @property {Tile[]} tiles
 *
 * @typedef {{ type: "open", board: BoardJson, live: string, topics: string, check: string, csrf: string }
 *   | { type: "ask", tile: string, asked: Asked }
 *   | { type: "load", tile: string }
 *   | { type: "ready" }
 *   | { type: "retry" }
 *   | { type: "visible" }} Question ready: the page can draw; records that came before would only keep it from loading. live: where the socket is, at this server; topics: that of the topics API; check: where filters are checked
 *
 * @typedef {{ status: import("../../live/status.js").Status, rate: number, lag: number | null, jumps: number, topics: import("../../live/protocol.js").Topic[], offset: number,
 *   filter: import("./filters.js").Checked | null }} State
 *   offset: ms that the server's clock is ahead of this one's; filter: what came of the board's, null before
 * @typedef {{ type: "state", state: State } | { type: "tiles", tiles: import("./feed.js").Shown[] }} Answer
 */

class BoardWorker {
  #meter = new Meter();
  /** @type {import("../../live/protocol.js").Heartbeat | null} */
  #heartbeat = null;
  /** @type {import("../../live/protocol.js").Topic[]} */
  #topics = [];
  /** @type {Map<string, Feed>} topic, filter and formats → stream */
  #feeds = new Map();
  /** @type {Map<string, Asked>} */
  #asked = new Map();
  /** @type {Set<string>} tiles whose reader asked for something else */
  #due = new Set();
  #board;
  #second = 0;
  #restUntil = 0;
  #connection;
  #streams = new Streams({
    send: (message) => this.#connection.send(message),
    distrust: (why) => this.#connection.distrust(why),
  });
  #topicsApi;
  #live;
  /** @type {Promise<import("./earlier.js").Earlier | null> | null} loaded when something is seen that is compared */
  #earlier = null;
  #filters;
  /** what the kinds of its tiles are computed with */
  #preparing = Promise.resolve();
  /** @type {import("./filters.js").Checked | null} the board's */
  #filter = null;
  #isWelcome = false;
  #isReady = false;
  #isMade = false;
  #isSeated = false;
  #isShown = false;

  /** @param {Extract<Question, { type: "open" }>} question */
  constructor({ board, live, topics, check, csrf }) {
    this.#board = board;
    this.#topicsApi = topics;
    this.#live = liveAddress(live);
    this.#filters = new Filters(check, csrf);
    this.#connection = new Connection(this.#live, {
      changed: ({ kind }) => {
        if (kind !== "open") {
          this.#heartbeat = null;
          this.#streams.disconnected();
        }
        this.#tellState();
      },
      heard: (message, bytes) => this.#heard(message, bytes),
    });
  }

  start() {
    setInterval(() => this.#tick(), TICK_MS);
    setInterval(() => this.#post(), POST_MS);
    this.#connection.start();
    // Asked on the way to the socket: the streams begin once their filters are known.
    for (const { filter } of [this.#board, ...this.#board.tiles]) this.#filters.check(filter);
    this.#preparing = prepare(this.#board.tiles.map(({ kind }) => kind));
  }

  /** @param {Exclude<Question, { type: "open" }>} question */
  answer(question) {
    switch (question.type) {
      case "ask":
        this.#asked.set(question.tile, question.asked);
        this.#due.add(question.tile);
        break;
      case "load":
        for (const feed of this.#feeds.values()) if (feed.has(question.tile)) feed.load();
        break;
      case "ready":
        this.#isReady = true;
        this.#make();
        break;
      case "retry":
        this.#connection.retryNow();
        break;
      case "visible":
        if (this.#connection.state.kind === "waiting") this.#connection.retryNow();
        break;
    }
  }

  /**
   * @param {import("../../live/protocol.js").ServerMessage} message
   * @param {number} bytes
   */
  #heard(message, bytes) {
    const now = Date.now();
    if (message.type === "welcome") {
      this.#meter.setClock(message.server_time, now);
      this.#isWelcome = true;
      this.#topics = message.topics;
      this.#make();
      this.#watchThem();
      this.#streams.connected();
    } else if (message.type === "topics") {
      this.#topics = message.topics;
      this.#watchThem();
    } else {
      if (message.type === "heartbeat") {
        this.#heartbeat = message;
        this.#meter.setClock(message.server_time, now);
      }
      this.#streams.heard(message, bytes);
      // Whoever sees nothing yet waits for no post.
      if (message.type === "records" && !this.#isShown && [...this.#feeds.values()].some((feed) => feed.hasRecords)) {
        this.#isShown = true;
        this.#post();
      }
    }
    // Records come many times a second, and say nothing that the next second would not.
    if (message.type !== "records" && message.type !== "stats") this.#tellState();
  }

  /** Begins, once the server's clock is known and the page can draw. */
  #make() {
    if (this.#isMade || !this.#isWelcome || !this.#isReady) return;
    this.#isMade = true;
    this.#meter.begin(Date.now());
    this.#makeFeeds();
  }

  /** A stream for each topic, filter and formats. */
  async #makeFeeds() {
    const { tiles, filter, where = [] } = this.#board;
    const shown = tiles.filter(({ kind }) => kind !== "text");
    // The page draws them in this order: rows and figures stand there before what takes long to draw.
    shown.sort((one, other) => Number(DRAWN.has(one.kind)) - Number(DRAWN.has(other.kind)));
    const [ofBoard, ...ofTiles] = await Promise.all([filter, ...shown.map((tile) => tile.filter)].map((text) => this.#filters.check(text)));
    await this.#preparing;
    this.#filter = ofBoard ?? null;
    const faults = [];
    for (const [place, tile] of shown.entries()) {
      const own = ofTiles[place];
      if (ofBoard?.problem) faults.push(faulty(tile, "The board's filter cannot be used."));
      else if (own?.problem) faults.push(faulty(tile, `This tile's filter cannot be used: ${own.problem}`));
      else this.#feedOf(tile.topic, allOf([ofBoard?.normalised ?? "", ...where, own?.normalised ?? ""]), formatsOf(tile.options)).seat(tile);
    }
    this.#isSeated = true;
    if (faults.length > 0) tell({ type: "tiles", tiles: faults });
    this.#watchThem();
    this.#tellState();
  }

  /**
   * @param {string} topic
   * @param {string} filter
   * @param {import("../../live/protocol.js").Formats} formats
   * @returns {Feed}
   */
  #feedOf(topic, filter, formats) {
    const name = JSON.stringify([topic, filter, formats]);
    let feed = this.#feeds.get(name);
    if (!feed) {
      feed = new Feed(topic, filter, formats, this.#board.window, {
        streams: this.#streams,
        api: new RecordsApi(this.#topicsApi, undefined, () => formats),
        earlier: { read: (part) => this.#readEarlier(part) },
        now: () => this.#now(),
        met: (record) => this.#meter.arrived(record.timestamp, Date.now()),
        isLinked: () => this.#heartbeat?.link === "live",
        changed: () => this.#tellState(),
      });
      this.#feeds.set(name, feed);
    }
    return feed;
  }

  /**
   * @param {import("./earlier.js").Part} part
   * @returns {Promise<boolean>} whether all of it came
   */
  async #readEarlier(part) {
    this.#earlier ??= import("./earlier.js").then(({ Earlier }) => new Earlier(this.#live), () => null);
    return (await this.#earlier)?.read(part) ?? false;
  }

  /** Watches those whose topic is there and not watched; asking for others counts as a fault. */
  #watchThem() {
    for (const feed of this.#feeds.values()) {
      const isThere = this.#topics.some(({ name }) => name === feed.topic);
      if (!isThere && feed.subscription.topic === "") {
        feed.refusal ??= { code: "unknown_topic", message: notYours(feed.topic) };
        feed.isFresh = true;
      } else if (isThere && (feed.subscription.topic === "" || feed.subscription.phase === "ended")) feed.watch();
    }
  }

  #now() {
    return this.#meter.serverTime(Date.now());
  }

  #tick() {
    const second = Math.floor(this.#now() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    for (const feed of this.#feeds.values()) feed.tick();
    this.#tellState();
  }

  #post() {
    const begun = performance.now();
    if (begun < this.#restUntil && this.#due.size === 0) return;
    const tiles = [];
    for (const feed of this.#feeds.values()) {
      const shown = feed.isFresh ? feed.read(this.#asked) : [];
      // Who asked waits for no second.
      for (const id of this.#due) if (!shown.some((each) => each.id === id)) shown.push(...feed.read(this.#asked, id));
      tiles.push(...shown);
    }
    this.#due.clear();
    if (tiles.length > 0) tell({ type: "tiles", tiles });
    const done = performance.now();
    this.#restUntil = done + REST * (done - begun);
  }

  #tellState() {
    const now = Date.now();
    const feeds = [...this.#feeds.values()];
    const open = feeds.filter(({ refusal }) => refusal === null);
    // The pill is as good as the least of the streams that may be watched.
    const worst = open.find(({ subscription }) => subscription.phase !== "live") ?? open[0] ?? feeds[0];
    const isBare = this.#isSeated && feeds.length === 0;
    const lag = this.#meter.lag(now);
    const status = statusOf({
      connection: this.#connection.state,
      phase: isBare ? "live" : (worst?.subscription.phase ?? "idle"),
      refusal: worst?.refusal ?? null,
      obstacle: worst?.subscription.obstacle ?? "",
      isUnborn: worst?.subscription.isUnborn ?? false,
      heartbeat: this.#heartbeat,
      lag,
      quiet: this.#connection.quietFor(now),
      topic: worst?.topic ?? "this board",
      now,
    });
    const jumps = feeds.reduce((sum, { subscription }) => sum + subscription.jumps, 0);
    tell({ type: "state", state: { status, rate: this.#meter.rate(now), lag, jumps, topics: this.#topics, offset: this.#now() - now, filter: this.#filter } });
  }
}

/**
 * @param {Tile} tile
 * @param {string} problem
 * @returns {import("./feed.js").Shown}
 */
function faulty({ id }, problem) {
  return { id, figures: null, basis: null, problem, since: null, note: "", isFilling: false };
}

/** @param {Answer} answer */
function tell(answer) {
  postMessage(answer);
}

/** @type {BoardWorker | null} */
let worker = null;

addEventListener("message", ({ data }) => {
  const question = /** @type {Question} */ (data);
  if (question.type === "open") {
    worker = new BoardWorker(question);
    worker.start();
  } else worker?.answer(question);
});
