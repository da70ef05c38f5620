// What every live page about items does: hears the item events, reads its own address again when one of them is news, and
// says whether it is live. It subscribes first and reads then, so that nothing falls between; HTML is made by the server.

import { Connection, liveAddress } from "../live/connection.js";
import { pageStatusOf } from "./pagestatus.js";
import { part, say } from "../page/dom.js";
import { Refresh } from "./refresh.js";
import { Subscription } from "../live/subscription.js";

// A server that takes longer for a page is asked again.
const ANSWER_MS = 20_000;

/**
 * @typedef {import("../live/protocol.js").KafkaRecord} KafkaRecord
 *
 * @typedef {object} LivePageTools
 * @property {(record: KafkaRecord) => boolean} heard whether the record is news, so that the page is read again
 * @property {() => void} forget the topic begins a new life: its versions may begin again
 * @property {() => boolean} mayAsk whether the answer could be used now
 * @property {() => URL} address what is read again
 * @property {(wanted: HTMLElement, response: Response) => boolean} apply the same region as the server sees it now;
 *   returns whether it was used
 * @property {(response: Response) => boolean} refused the answer was 403 or 404; whether the page has said so
 */

export class LivePage {
  #region;
  #tools;
  #pill = part("live-pill", HTMLElement);
  #pillLabel = part("live-pill-label", HTMLElement);
  #said = part("live-said", HTMLElement);
  /** @type {import("../live/protocol.js").Heartbeat | null} */
  #heartbeat = null;
  #refusal = "";
  #signedOut = false;
  /** @type {"never" | "failed" | "read"} */
  #answer = "never";
  #wasLive = false;
  #refresh = new Refresh({
    ask: () => this.#ask(),
    mayAsk: () => !document.hidden && !this.#signedOut && this.#tools.mayAsk(),
    settled: (failures) => {
      this.#answer = failures > 0 ? "failed" : "read";
      this.#show();
    },
  });
  #subscription = new Subscription(
    {
      send: (message) => this.#connection.send(message),
      distrust: (why) => this.#connection.distrust(why),
      began: ({ newLife }) => {
        this.#signedOut = false;
        if (newLife) this.#tools.forget();
        this.#refresh.now();
      },
      arrived: (arrived) => {
        for (const { record } of arrived) if (this.#tools.heard(record)) this.#refresh.due();
      },
      missed: (missing) => {
        if (missing.length > 0) this.#refresh.due();
      },
      reset: () => {
        this.#tools.forget();
        this.#refresh.due();
      },
      counted: () => {},
      refused: (_code, message) => {
        this.#refusal = message;
        this.#show();
      },
      changed: () => this.#show(),
    },
    { latest: true },
  );
  #connection;

  /**
   * @param {HTMLElement} region of the page that the server knows by its data-part; it names the topic of item events
   *   and the path of the socket
   * @param {LivePageTools} tools
   */
  constructor(region, tools) {
    this.#region = region;
    this.#tools = tools;
    this.#connection = new Connection(liveAddress(region.dataset["livePath"] ?? "/ws/live/"), {
      changed: (state) => {
        if (state.kind !== "open") {
          this.#heartbeat = null;
          this.#answer = "never";
          this.#subscription.disconnected();
        }
        this.#show();
      },
      heard: (message, bytes) => this.#heard(message, bytes),
    });
  }

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.allowed();
    });
    this.#subscription.watch(this.#region.dataset["itemsTopic"] ?? "");
    this.#pill.hidden = false;
    this.#show();
    this.#connection.start();
  }

  /** The answer could be used again: what was postponed goes on. */
  allowed() {
    this.#refresh.allowed();
  }

  /**
   * @param {import("../live/protocol.js").ServerMessage} message
   * @param {number} bytes
   */
  #heard(message, bytes) {
    if (message.type === "welcome") this.#subscription.connected();
    else if (message.type === "topics") {
      const { topic, phase } = this.#subscription;
      if (phase === "ended" && message.topics.some(({ name }) => name === topic)) this.#subscription.watch(topic);
    } else {
      if (message.type === "heartbeat") this.#heartbeat = message;
      this.#subscription.heard(message, bytes);
      if (message.type === "heartbeat") this.#show();
    }
  }

  /** @returns {Promise<boolean>} whether the page is as the server answered */
  async #ask() {
    const response = await fetch(this.#tools.address(), { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    const isRefusal = response.status === 403 || response.status === 404;
    if (!response.ok && !isRefusal) throw new Error(`The page was answered with ${response.status}.`);
    const answered = new DOMParser().parseFromString(await response.text(), "text/html");
    const wanted = answered.querySelector(`[data-part="${this.#region.dataset["part"]}"]`);
    if (document.hidden || !this.#tools.mayAsk()) return false;
    if (response.ok && wanted instanceof HTMLElement) return this.#tools.apply(wanted, response);
    this.#signedOut = response.redirected;
    if (this.#signedOut || (isRefusal && this.#tools.refused(response))) return true;
    throw new Error("The answer holds nothing of this page.");
  }

  #show() {
    const { phase, obstacle } = this.#subscription;
    const status = pageStatusOf({
      connection: this.#connection.state,
      phase,
      obstacle,
      refusal: this.#refusal,
      heartbeat: this.#heartbeat,
      signedOut: this.#signedOut,
      answer: this.#answer,
      now: Date.now(),
    });
    this.#pill.className = `pill ${status.tone}`;
    this.#pill.dataset["kind"] = status.kind;
    this.#pill.title = status.sentence;
    say(this.#pillLabel, status.label);
    // Only what breaks and what heals is spoken, not how it began.
    if (this.#wasLive || status.kind === "not-live") say(this.#said, status.sentence);
    this.#wasLive ||= status.kind === "live";
  }
}
