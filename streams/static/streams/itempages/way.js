// The way of an item's versions to the boards: asked of the server when the item changes, often while one waits.

import { element, link, part, say } from "../page/dom.js";
import { counted, duration, sinceClock } from "../page/format.js";
import { arrange, morph } from "../page/morph.js";

// While a version is under way, and otherwise: somebody else's change that waits tells nobody of itself.
const WAITING_MS = 1_000;
const QUIET_MS = 10_000;
// How long after Kafka had it a version that this server has not seen come is still expected.
const EXPECTED_MS = 5_000;
const ANSWER_MS = 10_000;

/**
 * @typedef {{ version: number, type: string, saved_at: string, state: "waiting" | "parked" | "published", attempts: number,
 *   published_at: string | null, partition: number | null, offset: number | null, arrived_at: string | null, readers: number | null }} Step
 * @typedef {{ topic: string, link: string, since: number | null, versions: Step[] }} Way
 */

export class WayPart {
  #section = part("way", HTMLElement);
  #rows = part("way-rows", HTMLElement);
  #said = part("way-said", HTMLElement);
  #timer = 0;
  /** @type {Map<number, HTMLElement>} version → its row, which stays: nothing is taken from under a hand */
  #shown = new Map();

  start() {
    this.#section.hidden = false;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now();
    });
    this.now();
  }

  /** Something has happened: asks at once. */
  now() {
    clearTimeout(this.#timer);
    void this.#ask();
  }

  async #ask() {
    let wait = QUIET_MS;
    try {
      const response = await fetch(this.#section.dataset["way"] ?? "", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) });
      if (!response.ok) throw new Error(`The way was answered with ${response.status}.`);
      const way = /** @type {Way} */ (await response.json());
      this.#show(way);
      if (way.versions.some(isUnderWay)) wait = WAITING_MS;
    } catch {
      say(this.#said, "The server cannot be reached: what stands here may be old.");
    }
    clearTimeout(this.#timer);
    if (!document.hidden) this.#timer = setTimeout(() => void this.#ask(), wait);
  }

  /** @param {Way} way */
  #show(way) {
    const now = Date.now();
    say(this.#said, sentence(way, now));
    this.#shown = new Map(
      way.versions.map((step) => {
        const wanted = this.#row(step, way);
        const shown = this.#shown.get(step.version);
        if (shown) morph(shown, wanted);
        return [step.version, shown ?? wanted];
      }),
    );
    arrange(this.#rows, [...this.#shown.values()]);
  }

  /**
   * @param {Step} step
   * @param {Way} way
   */
  #row(step, { topic }) {
    const version = element("th", "number", link(String(step.version), `#version-${step.version}`));
    version.setAttribute("scope", "row");
    const saved = element("td", "", moment(step.saved_at, null));
    const row = element("tr", "", version, saved, element("td", "", ...this.#kafka(step, topic)), element("td", "", ...boards(step)));
    row.dataset["version"] = String(step.version);
    row.dataset["state"] = step.state;
    return row;
  }

  /**
   * @param {Step} step
   * @param {string} topic
   * @returns {(Node | string)[]}
   */
  #kafka(step, topic) {
    if (step.state === "waiting") {
      const tried = step.attempts > 0 ? `, tried ${counted(step.attempts, "time")}` : "";
      return [element("span", "way-waiting", `waits in the outbox${tried}`)];
    }
    if (step.state === "parked" || step.published_at === null) return [element("span", "way-parked", "Kafka refused it; an administrator can send it again")];
    const place = step.partition === null || step.offset === null ? [] : [" ", this.#place(topic, step.partition, step.offset)];
    return [moment(step.published_at, step.saved_at), ...place];
  }

  /**
   * @param {string} topic
   * @param {number} partition
   * @param {number} offset
   */
  #place(topic, partition, offset) {
    const place = link(`${partition}:${offset}`, `${this.#section.dataset["records"] ?? "/records/"}${encodeURIComponent(topic)}/${partition}/${offset}`);
    place.className = "mono";
    place.title = `Topic ${topic}, partition ${partition}, offset ${offset}`;
    return place;
  }
}

/** @param {Step} step */
function isUnderWay(step) {
  if (step.state === "waiting") return true;
  return step.arrived_at === null && step.published_at !== null && Date.now() - Date.parse(step.published_at) < EXPECTED_MS;
}

/**
 * @param {Way} way
 * @param {number} now ms
 * @returns {string} what holds for all of them
 */
export function sentence({ link: state, since, versions }, now) {
  const waiting = versions.filter((step) => step.state === "waiting").length;
  if (versions.length === 0) return "Its changes went to Kafka more than a week ago; their way is not kept any longer.";
  if (waiting === 0) return "";
  const what = `${counted(waiting, "version")} ${waiting === 1 ? "waits" : "wait"} in the outbox`;
  if (state !== "down") return `${what}, to go to Kafka in a moment.`;
  return `${what}: Kafka is away${since === null ? "" : ` since ${sinceClock(since, now)}`}. Nothing is lost; they go out in order when it is back.`;
}

/**
 * @param {Step} step
 * @returns {(Node | string)[]}
 */
function boards(step) {
  if (step.state !== "published") return [element("span", "muted", "not yet")];
  if (step.arrived_at === null) return [element("span", "muted", isUnderWay(step) ? "on its way" : "this server no longer knows")];
  const readers = step.readers ?? 0;
  return [moment(step.arrived_at, step.published_at), readers === 0 ? ", no page was open" : ` to ${counted(readers, "open page")}`];
}

/**
 * @param {string} iso
 * @param {string | null} before the moment of the step before
 */
function moment(iso, before) {
  const time = document.createElement("time");
  const ms = Date.parse(iso);
  time.dateTime = iso;
  time.className = "mono";
  time.textContent = `${sinceClock(ms, Date.now())}.${String(new Date(ms).getMilliseconds()).padStart(3, "0")}`;
  if (before === null) return time;
  return element("span", "", time, " ", element("span", "muted", `+${duration(Math.max(0, ms - Date.parse(before)))}`));
}
