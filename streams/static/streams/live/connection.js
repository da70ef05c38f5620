// One WebSocket to /ws/live/, kept alive: opened again with back-off when it breaks, given up when the server says so,
// distrusted when it has been silent, looked at again when the machine wakes up. It knows nothing of streams.

import { parseMessage } from "./json.js";
import { SUBPROTOCOL, backOff, closeSentence, isFinal, politeWait } from "./protocol.js";

// A server that takes longer than this to say welcome is treated as away.
const WELCOME_MS = 15_000;
// How often silence is measured; a machine that slept is seen by a tick that came much too late.
const WATCH_MS = 1_000;
// A tick that comes so late was slept through.
const SLEPT_MS = 15_000;
// Of the server's heartbeat: silent for longer is worth a word, for much longer a new connection.
const QUIET_BEATS = 1.5;
const DEAD_BEATS = 4;
// A connection that lived this long was a good one: the next failure counts from the beginning.
const STEADY_MS = 10_000;

/**
 * @typedef {import("./protocol.js").ServerMessage} ServerMessage
 * @typedef {import("./protocol.js").Welcome} Welcome
 * @typedef {{ kind: "connecting", since: number, why: string }
 *   | { kind: "open", since: number }
 *   | { kind: "waiting", since: number, until: number, why: string }
 *   | { kind: "closed", since: number, code: number, why: string }} ConnectionState
 *   `since` of connecting and waiting: when the board was last connected, or first tried to be
 *
 * @typedef {object} ConnectionEvents
 * @property {(state: ConnectionState) => void} changed
 * @property {(message: ServerMessage, bytes: number) => void} heard every message, welcome first
 */

export class Connection {
  /** @type {ConnectionState} */
  state = { kind: "connecting", since: Date.now(), why: "" };
  #url;
  #events;
  #connect;
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #lastHeard = 0;
  #lastTick = Date.now();
  #heartbeatMs = 5_000;
  #offlineAt = 0;
  /** @type {import("./protocol.js").Goodbye | null} */
  #goodbye = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} url of /ws/live/
   * @param {ConnectionEvents} events
   * @param {(url: string) => WebSocket} [connect]
   */
  constructor(url, events, connect = (address) => new WebSocket(address, [SUBPROTOCOL])) {
    this.#url = url;
    this.#events = events;
    this.#connect = connect;
  }

  /** Opens it, and watches over it until the page goes. */
  start() {
    setInterval(() => this.#tick(), WATCH_MS);
    addEventListener("online", () => this.#wake());
    addEventListener("offline", () => (this.#offlineAt = Date.now()));
    addEventListener("pageshow", () => this.#wake());
    // In a worker there is no document; the page tells it.
    globalThis.document?.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#wake();
    });
    this.#open("");
  }

  /**
   * @param {number} now ms
   * @returns {number | null} ms since the server's last word, when that is longer than it should be
   */
  quietFor(now) {
    const quiet = now - this.#lastHeard;
    return this.state.kind === "open" && quiet > QUIET_BEATS * this.#heartbeatMs ? quiet : null;
  }

  /** @param {import("./protocol.js").ClientMessage} message dropped when there is no connection */
  send(message) {
    if (this.state.kind === "open") this.#socket?.send(JSON.stringify(message));
  }

  /** Tries now instead of later, also after a refusal, or while nothing is heard: somebody asked for it. */
  retryNow() {
    if (this.quietFor(Date.now()) !== null) this.#broken(1006, "Nothing was heard from the server.");
    if (this.state.kind !== "open") this.#open(this.state.why);
  }

  /** @param {string} why the connection is no good although it is open */
  distrust(why) {
    if (this.state.kind === "open") this.#broken(1006, why);
  }

  /** @param {string} why */
  #open(why) {
    clearTimeout(this.#timer);
    this.#goodbye = null;
    const since = this.state.kind === "open" ? Date.now() : this.state.since;
    this.#become({ kind: "connecting", since, why });
    const former = this.#socket;
    this.#socket = null;
    former?.close();
    const socket = this.#connect(this.#url);
    this.#socket = socket;
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#receive(String(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket === this.#socket) this.#broken(this.#goodbye?.code ?? event.code);
    });
    this.#timer = setTimeout(() => this.#broken(1006, "The server does not answer."), WELCOME_MS);
  }

  /** @param {string} text */
  #receive(text) {
    this.#lastHeard = Date.now();
    /** @type {ServerMessage} */
    let message;
    try {
      message = parseMessage(text);
    } catch {
      this.#broken(1006, "The server sent something that is not JSON.");
      return;
    }
    if (message.type === "welcome") {
      clearTimeout(this.#timer);
      this.#heartbeatMs = message.heartbeat_seconds * 1000;
      this.#become({ kind: "open", since: Date.now() });
    }
    if (message.type === "goodbye") this.#goodbye = message;
    this.#events.heard(message, text.length);
  }

  /**
   * @param {number} code
   * @param {string} [why]
   */
  #broken(code, why = closeSentence(code)) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null; // its late events are none of our business
    socket?.close();
    const since = this.state.kind === "open" ? Date.now() : this.state.since;
    if (isFinal(code)) {
      this.#become({ kind: "closed", since, code, why });
      return;
    }
    if (this.state.kind === "open" && Date.now() - this.state.since > STEADY_MS) this.#failures = 0;
    const asked = this.#goodbye?.retry_after_ms;
    const wait = asked ? politeWait(asked) : backOff(this.#failures);
    this.#failures += 1;
    this.#become({ kind: "waiting", since, until: Date.now() + wait, why });
    this.#timer = setTimeout(() => this.#open(why), wait);
  }

  #tick() {
    const now = Date.now();
    const slept = now - this.#lastTick > SLEPT_MS;
    this.#lastTick = now;
    if (slept) this.#wake();
    else if (this.state.kind === "open" && now - this.#lastHeard > DEAD_BEATS * this.#heartbeatMs) {
      this.#broken(1006, "Nothing was heard from the server.");
    }
  }

  /** The lid was opened, the network came back or the page is looked at again: what is the connection worth? */
  #wake() {
    const silent = Date.now() - this.#lastHeard;
    if (this.state.kind === "waiting") this.retryNow();
    else if (this.state.kind === "closed" && this.state.code === 4501) this.retryNow();
    else if (this.state.kind === "open") {
      const unheardSinceOffline = this.#offlineAt > 0 && this.#lastHeard <= this.#offlineAt;
      if (unheardSinceOffline || silent > 2 * this.#heartbeatMs) {
        this.#broken(1006, "The connection did not survive the pause.");
        this.retryNow();
      }
    }
    this.#offlineAt = 0;
  }

  /** @param {ConnectionState} state */
  #become(state) {
    this.state = state;
    this.#events.changed(state);
  }
}

/**
 * @param {string} path of the live socket on this server
 * @returns {string} its WebSocket address
 */
export function liveAddress(path) {
  const address = new URL(path, location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  return address.href;
}
