// Keeps one topic's stream going over a connection that comes and goes: subscribes, resumes with the cursor,
// acknowledges, and starts the stream again when a range shows that something was lost.

import { ACK_BYTES, ACK_MS } from "./protocol.js";
import { Stream } from "./stream.js";
import { isSame } from "./protocol.js";

// The server answers within 10 s; a little more for the way.
const ANSWER_MS = 13_000;
// What `unavailable` waits when the server names no time.
const RETRY_MS = 2_000;
// The server counts a `too_many` as a refused request, of which 20 in a minute close the socket.
const TOO_MANY_MS = 10_000;
// Streams whose filter the server could not go on with, in a row, before that is told instead of tried again.
const FAILURES = 3;
// Losses found in one connection before the connection itself is distrusted.
const LOSSES_A_CONNECTION = 3;
// How much of the past a fresh board asks for.
/** @type {Start} */
export const FRESH_START = { last: 200 };

/**
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {import("./protocol.js").ClientMessage} ClientMessage
 * @typedef {import("./protocol.js").Start} Start
 * @typedef {import("./stream.js").Arrived} Arrived
 * @typedef {import("./stream.js").MissingRange} MissingRange
 * @typedef {"idle" | "asked" | "live" | "leaving" | "retrying" | "ended"} Phase
 *
 * @typedef {object} SubscriptionEvents
 * @property {(message: ClientMessage) => void} send
 * @property {(why: string) => void} distrust
 * @property {(how: { resumed: boolean, newLife: boolean, reason: string | null, missing: MissingRange[],
 *   ends: Record<string, number>, last: import("./protocol.js").Subscribed["last"] | null }) => void} began
 * @property {(arrived: Arrived[]) => void} arrived
 * @property {(missing: MissingRange[]) => void} missed
 * @property {(reason: string) => void} reset
 * @property {(second: number, records: number, outcomes: import("./protocol.js").Outcomes | null) => void} counted
 *   outcomes: what the stream's filter did since the last time; null without a filter
 * @property {(code: string, message: string, at?: number) => void} refused the stream ended or never began; `code` as in
 *   the protocol, `at` a character of the filter
 * @property {() => void} changed
 */

export class Subscription {
  topic = "";
  /** only records that match are wanted; "" for all */
  filter = "";
  /** @type {import("./protocol.js").Formats} by which records are read, for this reader alone; {}: by the topic's */
  formats = {};
  /** @type {Phase} */
  phase = "idle";
  /** why the stream could not begin yet, in the server's words */
  obstacle = "";
  /** whether that is because Kafka has no such topic, yet or any more */
  isUnborn = false;
  /** frames that began behind my position with no gap between: faults of the server, which this mends and reports */
  jumps = 0;
  stream = new Stream();
  #events;
  #start;
  #begun = false;
  #open = false;
  /** what was asked for last */
  #asked = { topic: "", filter: "", formats: this.formats };
  #failures = 0;
  #id = 0;
  #name = "";
  #losses = 0;
  #jumpsTold = 0;
  #jumpsAsked = 0;
  #unacked = 0;
  #lastAck = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #ackTimer;

  /**
   * @param {SubscriptionEvents} events
   * @param {Start} [start] where a stream begins that has no cursor yet
   */
  constructor(events, start = FRESH_START) {
    this.#events = events;
    this.#start = start;
  }

  /**
   * @param {string} topic to show from now on, afresh
   * @param {Start} [start] where its stream begins, and those after it
   * @param {string} [filter] what a record has to be; "" for all
   * @param {import("./protocol.js").Formats} [formats] by which records are read; {}: by the topic's
   */
  watch(topic, start = this.#start, filter = "", formats = {}) {
    this.topic = topic;
    this.filter = filter;
    this.formats = formats;
    this.#failures = 0;
    this.#start = start;
    this.stream = new Stream();
    this.#begun = false;
    this.obstacle = "";
    this.isUnborn = false;
    if (this.phase === "live") this.#leave();
    else if (this.phase !== "asked" && this.phase !== "leaving") this.#ask();
  }

  /** The server said welcome. */
  connected() {
    this.#open = true;
    this.#losses = 0;
    this.#ask();
  }

  disconnected() {
    this.#open = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#ackTimer);
    if (this.phase !== "ended") this.#become("idle");
  }

  /**
   * @param {ServerMessage} message
   * @param {number} bytes it took on the way
   */
  heard(message, bytes) {
    if (message.type === "subscribed") this.#subscribed(message);
    else if (message.type === "error") this.#error(message);
    else if (message.type === "heartbeat") this.#ack(true);
    else if ("stream" in message && message.stream === this.#name) {
      if (message.type === "unsubscribed") this.#unsubscribed(message.reason);
      else if (this.phase === "live") this.#streamed(message, bytes);
    }
  }

  #ask() {
    clearTimeout(this.#timer);
    if (!this.#open || !this.topic) return;
    this.#id += 1;
    const start = this.#begun ? { cursor: this.stream.cursor() } : this.#start;
    this.#become("asked");
    this.#jumpsAsked = this.jumps;
    const untold = this.jumps - this.#jumpsTold;
    const { topic, filter, formats } = (this.#asked = { topic: this.topic, filter: this.filter, formats: this.formats });
    const only = filter === "" ? {} : { filter };
    this.#events.send({ type: "subscribe", id: this.#id, topic, start, ...only, ...formats, ...(untold > 0 && { jumps: untold }) });
    this.#timer = setTimeout(() => this.#events.distrust("The server did not answer."), ANSWER_MS);
  }

  #leave() {
    clearTimeout(this.#ackTimer);
    this.#become("leaving");
    this.#events.send({ type: "unsubscribe", stream: this.#name });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#events.distrust("The server did not answer."), ANSWER_MS);
  }

  /** @param {import("./protocol.js").Subscribed} message */
  #subscribed(message) {
    if (message.id !== this.#id) return;
    clearTimeout(this.#timer);
    this.#name = message.stream;
    if (this.#isOutdated) {
      this.#leave(); // something else was chosen in the meantime
      return;
    }
    this.#jumpsTold = this.#jumpsAsked;
    const resumed = this.#begun;
    const newLife = resumed && message.cursor.epoch !== this.stream.epoch;
    const missing = this.stream.begin(message.cursor, message.recovered ? null : message.reason);
    this.#begun = true;
    this.obstacle = "";
    this.isUnborn = false;
    this.#unacked = 0;
    this.#lastAck = Date.now();
    this.#become("live");
    const reason = message.recovered ? null : message.reason;
    this.#events.began({ resumed, newLife, reason, missing, ends: message.ends ?? {}, last: message.last ?? null });
  }

  /** @param {import("./protocol.js").Refusal} message */
  #error(message) {
    if (message.id !== this.#id || this.phase !== "asked") return;
    clearTimeout(this.#timer);
    if (this.#isOutdated) this.#ask();
    else if (message.retry_after_ms || message.code === "unavailable" || message.code === "too_many") {
      this.obstacle = message.message;
      this.isUnborn = message.code === "unknown_topic";
      this.#become("retrying");
      const retryMs = message.code === "too_many" ? TOO_MANY_MS : RETRY_MS;
      this.#timer = setTimeout(() => this.#ask(), message.retry_after_ms ?? retryMs);
    } else if (message.code === "duplicate") {
      this.#events.distrust("Server and board disagree about what is being watched.");
    } else {
      this.#become("ended");
      this.#events.refused(message.code, message.message, ...(message.at === undefined ? [] : [message.at]));
    }
  }

  get #isOutdated() {
    const { topic, filter, formats } = this.#asked;
    return topic !== this.topic || filter !== this.filter || !isSame(formats, this.formats);
  }

  /** @param {string} reason */
  #unsubscribed(reason) {
    clearTimeout(this.#timer);
    // A topic that has gone may be made anew: the server says what it waits for, and whether it is watched at all.
    if (this.phase === "leaving" || reason === "asked" || reason === "topic_gone") this.#ask();
    else if (reason === "failed" && this.#failures < FAILURES) {
      this.#failures += 1;
      this.obstacle = "The server could not go on with the filter, or the formats.";
      this.#become("retrying");
      this.#timer = setTimeout(() => this.#ask(), RETRY_MS);
    } else {
      this.#become("ended");
      this.#events.refused(reason, "");
    }
  }

  /**
   * @param {ServerMessage} message of this stream
   * @param {number} bytes
   */
  #streamed(message, bytes) {
    if (message.type === "stats") {
      this.#failures = 0;
      const { matched, failed = 0, unchecked = 0 } = message;
      this.#events.counted(message.second, message.records, matched === undefined ? null : { matched, failed, unchecked });
    }
    if (message.type === "reset") {
      this.stream.reset(message.cursor);
      this.#events.reset(message.reason);
    }
    if (message.type === "records") {
      const { arrived, lost } = this.stream.records(message.ranges);
      this.#events.arrived(arrived);
      this.#applied(bytes, lost);
    }
    if (message.type === "gap") {
      const { missing, lost } = this.stream.gap(message.ranges, message.reason);
      this.#events.missed(missing);
      this.#applied(bytes, lost);
    }
  }

  /**
   * @param {number} bytes
   * @param {boolean} lost
   */
  #applied(bytes, lost) {
    this.#unacked += bytes;
    if (lost) {
      this.#losses += 1;
      this.jumps += 1;
      if (this.#losses > LOSSES_A_CONNECTION) this.#events.distrust("Records were lost on the way, again and again.");
      else this.#leave();
    } else if (this.#unacked >= ACK_BYTES || Date.now() - this.#lastAck >= ACK_MS) this.#ack(false);
    else this.#ackTimer ??= setTimeout(() => this.#ack(false), ACK_MS);
  }

  /** @param {boolean} always also when nothing moved: the answer to a heartbeat */
  #ack(always) {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const positions = this.phase === "live" ? this.stream.takeMoved() : null;
    if (positions) this.#events.send({ type: "ack", stream: this.#name, positions });
    else if (always) this.#events.send({ type: "ack" });
    this.#unacked = 0;
    this.#lastAck = Date.now();
  }

  /** @param {Phase} phase */
  #become(phase) {
    this.phase = phase;
    this.#events.changed();
  }
}
