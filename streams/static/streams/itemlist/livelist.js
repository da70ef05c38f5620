// The items list, live: joins the page with item events by version. It subscribes first, then reads the list again;
// events change the rows in sight, and which rows belong is asked of the server. HTML is made there alone.

import { Connection, liveAddress } from "../live/connection.js";
import { part, say } from "../page/dom.js";
import { itemEventOf } from "../live/itemevent.js";
import { ItemRows, rowsIn } from "./itemrows.js";
import { listStatusOf } from "./liststatus.js";
import { localise } from "../page/localtimes.js";
import { morph } from "../page/morph.js";
import { Place } from "./place.js";
import { Refresh } from "./refresh.js";
import { Subscription } from "../live/subscription.js";

// A server that takes longer for the list is asked again.
const ANSWER_MS = 20_000;
// New rows are marked as long as they are few.
const MARKED_ROWS = 8;

class LiveList {
  #region = part("live-list", HTMLElement);
  #pill = part("live-pill", HTMLElement);
  #pillLabel = part("live-pill-label", HTMLElement);
  #said = part("live-said", HTMLElement);
  #rows = new ItemRows(this.#region);
  /** @type {import("../live/protocol.js").Heartbeat | null} */
  #heartbeat = null;
  #refusal = "";
  #signedOut = false;
  /** @type {"never" | "failed" | "read"} */
  #answer = "never";
  #wasLive = false;
  #refresh = new Refresh({
    ask: () => this.#ask(),
    mayAsk: () => !document.hidden && !this.#place.isHeld && !this.#signedOut,
    settled: (failures) => {
      this.#answer = failures > 0 ? "failed" : "read";
      this.#show();
    },
  });
  #place = new Place(this.#region, () => this.#refresh.allowed());
  #subscription = new Subscription(
    {
      send: (message) => this.#connection.send(message),
      distrust: (why) => this.#connection.distrust(why),
      began: ({ newLife }) => {
        this.#signedOut = false;
        if (newLife) this.#rows.forget();
        this.#refresh.now();
      },
      arrived: (arrived) => this.#arrived(arrived),
      missed: (missing) => {
        if (missing.length > 0) this.#refresh.due();
      },
      reset: () => {
        this.#rows.forget();
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
  #connection = new Connection(liveAddress(this.#region.dataset["livePath"] ?? "/ws/live/"), {
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

  start() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#refresh.allowed();
    });
    this.#subscription.watch(this.#region.dataset["itemsTopic"] ?? "");
    this.#pill.hidden = false;
    this.#show();
    this.#connection.start();
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

  /** @param {import("../live/stream.js").Arrived[]} arrived */
  #arrived(arrived) {
    for (const { record } of arrived) {
      const event = itemEventOf(record);
      // An event too long to travel whole still says that something changed.
      if (event === null || this.#rows.heard(event)) this.#refresh.due();
    }
  }

  /** @returns {Promise<boolean>} whether the list is as the server answered */
  async #ask() {
    const address = new URL(location.href);
    address.hash = "";
    address.searchParams.set("fragment", "1");
    const response = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
    if (!response.ok) throw new Error(`The list was answered with ${response.status}.`);
    const answered = new DOMParser().parseFromString(await response.text(), "text/html");
    const wanted = answered.querySelector('[data-part="live-list"]');
    if (!(wanted instanceof HTMLElement)) {
      this.#signedOut = response.redirected;
      if (this.#signedOut) return true;
      throw new Error("The answer holds no list.");
    }
    if (this.#place.isHeld || document.hidden) return false;
    if (response.redirected) this.#moveTo(response.url);
    this.#apply(wanted);
    return true;
  }

  /** @param {string} redirected this page of the list is gone: the server named the last one */
  #moveTo(redirected) {
    const address = new URL(redirected);
    address.searchParams.delete("fragment");
    history.replaceState(history.state, "", address);
  }

  /** @param {HTMLElement} wanted */
  #apply(wanted) {
    localise(wanted);
    this.#rows.correct(wanted);
    const before = new Map([...rowsIn(this.#region)].map((row) => [row, textsOf(row)]));
    this.#place.keep(() => morph(this.#region, wanted));
    const rows = [...rowsIn(this.#region)];
    const added = rows.filter((row) => !before.has(row));
    const changed = rows.flatMap((row) => {
      const texts = before.get(row);
      return texts ? cellsOf(row).filter((cell, place) => cell.textContent !== texts[place]) : [];
    });
    this.#rows.mark(added.length > MARKED_ROWS ? changed : [...changed, ...added]);
  }

  #show() {
    const { phase, obstacle } = this.#subscription;
    const status = listStatusOf({
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

/** @param {HTMLElement} row */
function cellsOf(row) {
  return /** @type {HTMLElement[]} */ ([...row.children]);
}

/** @param {HTMLElement} row */
function textsOf(row) {
  return cellsOf(row).map((cell) => cell.textContent);
}

new LiveList().start();
