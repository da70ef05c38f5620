// The numbers and signs around the rows: pill, banner, rate, lag, counts, and the same as data attributes of the board,
// for tests and people's own scripts. Reading those is all one may do with them.

import { banners } from "./later.js";
import { part, say } from "../page/dom.js";
import { duration, grouped, rate, stopwatch } from "../page/format.js";

/**
 * @typedef {object} Figures
 * @property {string} topic
 * @property {string} epoch
 * @property {import("../live/status.js").Status} status
 * @property {number} received
 * @property {number} shown
 * @property {number} skipped
 * @property {number} gaps that are still open
 * @property {number} missing offsets in all gaps
 * @property {number} duplicates
 * @property {number} jumps frames that left something out without a word: faults of the server, mended since
 * @property {number} loaded into gaps
 * @property {number | null} connectedMs
 * @property {string} newest `partition:position` that moved last
 * @property {Record<string, number>} positions
 * @property {number} rate
 * @property {number | null} lag ms
 * @property {boolean} paused
 * @property {boolean} held whether the view stands still: paused, or somebody reads
 * @property {number} fresh records that arrived and fit since then
 * @property {string} freshText in words
 * @property {boolean} isLong whether the status has lasted longer than a blip
 * @property {boolean} isSaid whether what is wrong stands where rows would be
 */

export class FiguresView {
  #board;
  #tools;
  #pill = part("pill", HTMLElement);
  #pillLabel = part("pill-label", HTMLElement);
  #said = part("said", HTMLElement);
  #banner = part("banner", HTMLElement);
  #rate = part("rate", HTMLElement);
  #lag = part("lag", HTMLElement);
  #pause = part("pause", HTMLElement);
  #pauseLabel = part("pause-label", HTMLElement);
  #counts = new Map(
    [...document.querySelectorAll("[data-count]")].map((node) => [node.getAttribute("data-count") ?? "", node]),
  );
  #saidKind = "";
  #loadedFor = "";
  #bannerText = "";

  /**
   * @param {HTMLElement} board
   * @param {{ loginPath: string, retry: () => void }} tools
   */
  constructor(board, tools) {
    this.#board = board;
    this.#tools = tools;
  }

  /** @param {Figures} figures */
  show(figures) {
    this.#showStatus(figures);
    say(this.#rate, rate(figures.rate));
    say(this.#lag, figures.lag === null ? "–" : duration(figures.lag));
    this.#pause.setAttribute("aria-pressed", String(figures.paused));
    say(this.#pauseLabel, figures.paused ? `go on · ${figures.freshText}` : "pause");
    this.#count("received", grouped(figures.received));
    this.#count("shown", grouped(figures.shown));
    this.#count("skipped", grouped(figures.skipped));
    this.#count("gaps", figures.gaps === 0 ? "0" : `${grouped(figures.gaps)} (${grouped(figures.missing)} offsets)`);
    part("jumps", HTMLElement).hidden = figures.jumps === 0;
    part("gaps-button", HTMLButtonElement).disabled = figures.gaps === 0;
    part("skipped-button", HTMLButtonElement).disabled = figures.skipped === 0;
    this.#count("jumps", grouped(figures.jumps));
    const [partition, position] = figures.newest.split(":");
    this.#count("cursor", position === undefined ? "–" : `${partition}:${grouped(Number(position))}`);
    this.#count("connected", figures.connectedMs === null ? "–" : stopwatch(figures.connectedMs));
    this.#expose(figures);
  }

  /** @param {Figures} figures */
  #showStatus({ status, isLong, isSaid, connectedMs }) {
    this.#pill.className = `pill ${status.tone}`;
    this.#pill.dataset["kind"] = status.kind;
    this.#pill.title = status.sentence;
    say(this.#pillLabel, status.label);
    const isAmiss = status.tone !== "live" && status.kind !== "connecting" && (status.kind !== "opening" || status.isObstacle === true);
    if (isAmiss && this.#loadedFor !== status.kind) {
      this.#loadedFor = status.kind; // once: without the server it would be asked for again and again
      void banners.get().catch(() => null);
    }
    if (this.#saidKind !== status.kind) {
      this.#saidKind = status.kind;
      say(this.#said, status.sentence);
    }
    // Until it is there the pill says the same in a word, and whole to whoever points at it.
    const banner = banners.now?.bannerOf(status, { ...this.#tools, isLong, isSaid, isWatching: connectedMs !== null }) ?? null;
    const text = banner ? status.kind + status.sentence : "";
    if (text === this.#bannerText) return;
    this.#bannerText = text;
    banners.now?.draw(this.#banner, banner);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #count(name, text) {
    const node = this.#counts.get(name);
    if (node) say(node, text);
  }

  /** @param {Figures} figures */
  #expose(figures) {
    const data = this.#board.dataset;
    /** @type {Record<string, string>} */
    const exposed = {
      state: figures.status.kind,
      topic: figures.topic,
      epoch: figures.epoch,
      received: String(figures.received),
      shown: String(figures.shown),
      skipped: String(figures.skipped),
      gaps: String(figures.gaps),
      missing: String(figures.missing),
      duplicates: String(figures.duplicates),
      jumps: String(figures.jumps),
      loaded: String(figures.loaded),
      paused: String(figures.paused),
      held: String(figures.held),
      fresh: String(figures.fresh),
      position: Object.entries(figures.positions).map(([partition, position]) => `${partition}:${position}`).join(" "),
    };
    for (const [name, value] of Object.entries(exposed)) if (data[name] !== value) data[name] = value;
  }
}
