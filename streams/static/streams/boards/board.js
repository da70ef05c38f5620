// A board's page: opens its worker, makes its tiles, and draws what the worker posts. It computes nothing.

import { kept } from "./opening.js";
import { Colours } from "./tiles/colours.js";
import { Sources } from "./sources.js";
import { Tile } from "./tiles/tile.js";
import { Turns } from "./tiles/turns.js";
import { addCondition, dropCondition, lookedAt, setWindow } from "./look.js";
import { boundsOf } from "./figures/span.js";
import { changeClock, chosenClock, clockName, offerClock } from "../page/clock.js";
import { button, element, part, say } from "../page/dom.js";
import { duration } from "../page/format.js";
import { keepWidths, ownWidths } from "./own_widths.js";
import { spanText, timeText } from "./tiles/words.js";
import { wordsOf } from "./tiles/narrow.js";

/**
 * @typedef {import("./worker/worker.js").BoardJson} BoardJson
 * @typedef {import("./worker/worker.js").State} State
 * @typedef {import("./figures/span.js").WindowJson} WindowJson
 * @typedef {import("./figures/kinds.js").Tile} TileJson
 */

// Windows that one press chooses, in seconds.
const WINDOWS = [60, 300, 900, 3_600];
const CLOCK_MS = 1_000;
// A shorter time is said to the second.
const TO_THE_SECOND_MS = 600_000;

class BoardPage {
  #root = part("board", HTMLElement);
  #grid = part("grid", HTMLElement);
  #pill = part("pill", HTMLElement);
  #pillLabel = part("pill-label", HTMLElement);
  #lag = part("lag", HTMLElement);
  #banner = part("banner", HTMLElement);
  #filter = part("filter", HTMLInputElement);
  #filterWrong = part("filter-wrong", HTMLElement);
  #unloaded = part("unloaded", HTMLElement);
  #bannerText = element("span", "");
  #checking = new AbortController();
  /** what is wrong with the filter that was typed last, and with the one that the board is looked at with; "" when nothing is */
  #wrong = "";
  #problem = "";
  #windows = part("windows", HTMLElement);
  #chips = part("chips", HTMLElement);
  /** @type {import("./between.js").BetweenForm | null} loaded when somebody asks for two times */
  #between = null;
  #clock = part("clock", HTMLElement);
  #help = part("help", HTMLDialogElement);
  #colours = new Colours();
  /** @type {import("./record.js").RecordSheet | null} loaded when somebody opens one */
  #record = null;
  /** @type {BoardJson} as it is kept */
  #kept = kept;
  /** @type {BoardJson} as this reader looks at it: another window or filter is no change of the board */
  #board = kept;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  #turns = new Turns();
  #sources = new Sources({
    state: (state) => this.#showState(state),
    figures: (shown) => this.#turns.put(shown.id, () => this.#tiles.get(shown.id)?.show(shown)),
    failed: () => this.#say("What this board is computed with could not be loaded.", "lost"),
  });
  #offset = 0;
  /** @type {import("../live/protocol.js").Topic[]} */
  #topics = [];
  #isEditing = false;
  /** @type {import("./edit/editor.js").Editor | null} */
  #editor = null;
  #isWall = false;

  start() {
    this.#read();
    addEventListener("popstate", () => {
      if (this.#isEditing) return; // the address is read when that is over
      this.#read();
      this.#open();
    });
    this.#filter.addEventListener("change", () => this.#filterBy(this.#filter.value.trim()));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible") return;
      this.#sources.tell({ type: "visible" });
      if (this.#isWall) this.#showWall();
    });
    document.addEventListener("themechange", () => {
      for (const tile of this.#tiles.values()) tile.redraw();
    });
    document.addEventListener("clockchange", () => this.#retime());
    document.addEventListener("orderchange", () => this.#rearrange());
    part("times", HTMLElement).addEventListener("click", changeClock);
    part("help-button", HTMLElement).addEventListener("click", () => this.#help.showModal());
    document.addEventListener("keydown", (event) => {
      if (isOwnKey(event, "u")) changeClock();
      if (isOwnKey(event, "?")) this.#help.showModal();
      if (isOwnKey(event, "/") && !this.#isEditing) {
        event.preventDefault(); // it is no part of what is typed
        this.#filter.focus();
      }
      if (this.#isWall && isOwnKey(event, "Escape")) this.#goToWall(false);
    });
    part("wall", HTMLAnchorElement).addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      this.#goToWall(true);
    });
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement) this.#goToWall(false); // escape leads out of both
    });
    const edit = document.querySelector('[data-part="edit"]');
    edit?.addEventListener("click", () => this.#edit());
    part("share", HTMLElement).addEventListener("click", () => this.#share());
    setInterval(() => {
      this.#showTime();
      if (chosenClock() === "relative") for (const tile of this.#tiles.values()) tile.retime();
    }, CLOCK_MS);
    this.#open();
  }

  /**
   * The same view on a wall, or as a page again.
   *
   * @param {boolean} isWall
   */
  async #goToWall(isWall) {
    if (this.#isEditing || isWall === this.#isWall) return;
    const address = new URL(location.href);
    if (isWall) address.searchParams.set("wall", "1");
    else address.searchParams.delete("wall");
    history.pushState(null, "", address);
    this.#showWall();
    await (isWall ? fillScreen() : (await wallPart())?.leave());
  }

  /** Shows the board as its address says: on a wall, or as a page. */
  async #showWall() {
    const asked = new URLSearchParams(location.search);
    this.#isWall = asked.get("wall") === "1";
    document.body.classList.toggle("wall", this.#isWall);
    asked.set("wall", "1");
    part("wall", HTMLAnchorElement).search = asked.toString();
    if (this.#isWall) await (await wallPart())?.keepAwake();
  }

  #showTime() {
    say(this.#clock, timeText(Date.now() + this.#offset, chosenClock() === "utc" ? "utc" : "local", 0));
  }

  /** Writes every time anew: another clock was chosen. */
  #retime() {
    for (const each of document.querySelectorAll("[data-clock]")) say(each, clockName());
    this.#showTime();
    this.#showWindows();
    for (const tile of this.#tiles.values()) tile.retime();
  }

  #rearrange() {
    for (const tile of this.#tiles.values()) tile.rearrange();
  }

  /** Takes over which window, filter and conditions the address asks for. */
  #read() {
    this.#board = lookedAt(this.#kept, new URLSearchParams(location.search));
    this.#filter.value = this.#board.filter;
    this.#wrong = "";
    if (this.#between) this.#between.node.hidden = true;
    this.#showWall();
    offerClock(this.#board.clock);
    this.#retime();
    this.#showChips();
  }

  /**
   * Looks at the board in another way, which the address keeps.
   *
   * @param {(asked: URLSearchParams) => unknown} change what the address asks for; false: nothing changed
   */
  #look(change) {
    const address = new URL(location.href);
    if (this.#isEditing || change(address.searchParams) === false) return;
    history.pushState(null, "", address);
    this.#read();
    this.#open();
  }

  /**
   * Shows only what passes the filter. One that cannot be used changes nothing but what is said of it.
   *
   * @param {string} filter
   */
  async #filterBy(filter) {
    this.#checking.abort();
    const { signal } = (this.#checking = new AbortController());
    this.#wrong = "";
    if (filter !== "") {
      try {
        const { check } = await import("../record/filters_api.js");
        const checked = await check((this.#root.dataset["checkApi"] ?? "/api/filters/check").replace(/check$/, ""), { filter }, signal);
        if (checked.kind === "wrong") this.#wrong = checked.message;
      } catch {
        if (signal.aborted) return;
        // Not asked: the board says what comes of it.
      }
    }
    this.#showWrong();
    if (!this.#wrong) this.#look((asked) => asked.set("filter", filter));
  }

  #showWrong() {
    const problem = this.#wrong || this.#problem;
    say(this.#filterWrong, problem);
    this.#filterWrong.hidden = problem === "";
    this.#filter.setAttribute("aria-invalid", String(problem !== ""));
  }

  /** @param {WindowJson} window */
  #lookThrough(window) {
    this.#look((asked) => setWindow(asked, window));
  }

  #showWindows() {
    const { window } = this.#board;
    const own = "last_seconds" in this.#kept.window ? [this.#kept.window.last_seconds] : [];
    const choices = [...new Set([...WINDOWS, ...own])].sort((a, b) => a - b);
    /** @type {(text: string, isPressed: boolean, press: () => void) => HTMLButtonElement} */
    const choice = (text, isPressed, press) => {
      const made = button(text, "", press);
      made.setAttribute("aria-pressed", String(isPressed));
      return made;
    };
    const last = choices.map((seconds) =>
      choice(spanText(seconds), "last_seconds" in window && window.last_seconds === seconds, () => this.#lookThrough({ last_seconds: seconds })),
    );
    const opened = choice("since opened", "since" in window, () => this.#lookThrough({ since: "opened" }));
    const between = choice("from" in window ? betweenText(window, chosenClock()) : "from – to", "from" in window, () => this.#openBetween());
    this.#windows.replaceChildren(...last, opened, between);
  }

  async #openBetween() {
    const loaded = await this.#loaded(import("./between.js"));
    if (!loaded) return;
    if (!this.#between) {
      this.#between = new loaded.BetweenForm((between) => this.#lookThrough(between));
      this.#windows.closest(".board-bar")?.append(this.#between.node);
    }
    if (this.#between.node.hidden) this.#between.open(this.#offered());
    else this.#between.node.hidden = true;
  }

  /** @param {import("./record.js").Place} place */
  async #openRecord(place) {
    if (this.#isEditing) return; // a press chooses the tile
    const loaded = await this.#loaded(import("./record.js"));
    if (!loaded) return;
    await loaded.isStyled;
    const { topicsApi = "/api/topics/", recordsPath = "/records/", itemsPath = "/items/", itemsTopic = "" } = this.#root.dataset;
    this.#record ??= new loaded.RecordSheet({
      topicsApi, recordsPath, itemsPath, itemsTopic,
      narrow: (condition) => this.#look((asked) => addCondition(asked, condition)),
    });
    await this.#record.open(place);
  }

  /** @returns {import("./between.js").Between} what the form for two times begins with */
  #offered() {
    const { window } = this.#board;
    const now = Date.now() + this.#offset;
    return "since" in window ? { from: now - 900_000, to: now } : boundsOf(window, now);
  }

  /** What narrows the board, each with the way back. */
  #showChips() {
    const chips = (this.#board.where ?? []).map((condition) => {
      const words = wordsOf(condition);
      const chip = button("", "chip", () => this.#look((asked) => dropCondition(asked, condition)));
      chip.append(element("bdi", "", words), element("span", "", " ✕"));
      chip.setAttribute("aria-label", `Remove the condition ${words}`);
      chip.title = condition;
      return chip;
    });
    this.#chips.hidden = chips.length === 0;
    this.#chips.replaceChildren(...chips);
  }

  /** Opens the board as it is looked at now; what is computed as before goes on. */
  #open() {
    for (const tile of this.#tiles.values()) tile.end();
    this.#tiles.clear();
    this.#turns.clear();
    this.#sources.open(this.#board);
    const tools = {
      colours: this.#colours,
      clock: chosenClock,
      window: this.#board.window,
      now: () => Date.now() + this.#offset,
      ask: (/** @type {string} */ tile, /** @type {import("./figures/kinds.js").Asked} */ asked) => this.#sources.ask(tile, asked),
      open: (/** @type {import("./record.js").Place} */ place) => this.#openRecord(place),
      load: (/** @type {string} */ tile) => this.#sources.load(tile),
      through: (/** @type {WindowJson} */ window) => this.#lookThrough(window),
      narrow: (/** @type {string | null} */ condition) => this.#look((asked) => condition !== null && addCondition(asked, condition)),
      widths: (/** @type {TileJson} */ tile) => this.#widthsOf(tile),
      resized: (/** @type {string} */ tile, /** @type {number[]} */ widths) => this.#resized(tile, widths),
    };
    // Read from top left, whatever the order in which tiles were added.
    const inOrder = this.#board.tiles.toSorted((a, b) => a.y - b.y || a.x - b.x);
    for (const json of inOrder) this.#tiles.set(json.id, new Tile(json, tools));
    this.#grid.style.setProperty("--board-rows", String(Math.max(1, ...inOrder.map(({ y, h }) => y + h))));
    this.#grid.replaceChildren(...[...this.#tiles.values()].map(({ node }) => node));
    if (this.#tiles.size === 0) this.#grid.append(this.#emptiness());
    for (const [id, tile] of this.#tiles) {
      const last = this.#sources.lastOf(id);
      if (last?.isOld) tile.showOld(last.shown);
      else if (last) tile.show(last.shown);
    }
    this.#sources.listen();
  }

  /** What stands where tiles will, with the way to the first one. */
  #emptiness() {
    const said = element("div", "empty", element("p", "", "This board has no tiles yet."));
    const mayEdit = this.#root.dataset["mayEdit"] === "true";
    if (mayEdit && !this.#isEditing) said.append(button("Add a tile", "primary", () => this.#edit()));
    return said;
  }

  /**
   * @param {TileJson} tile
   * @returns {number[]} px, of its columns: as who looks set them here, else as the board says
   */
  #widthsOf({ id, options }) {
    return (this.#isEditing ? null : ownWidths(this.#kept.slug, id)) ?? options.widths ?? [];
  }

  /**
   * Whoever edits sets them for everybody.
   *
   * @param {string} tile
   * @param {number[]} widths
   */
  #resized(tile, widths) {
    keepWidths(this.#kept.slug, tile, this.#isEditing ? null : widths);
    this.#editor?.resized(tile, widths);
  }

  async #share() {
    const loaded = await this.#loaded(import("./share.js"));
    if (!loaded) return;
    const { dataset } = this.#root;
    loaded.openShare(this.#kept, {
      dialog: part("sharing", HTMLDialogElement),
      boardsApi: dataset["boardsApi"] ?? "/api/boards/",
      boardsPath: dataset["boardsPath"] ?? "/boards/",
      csrf: dataset["csrf"] ?? "",
      mayShare: dataset["mayShare"] === "true",
      saved: (board) => {
        this.#kept = board;
      },
    });
  }

  /** The editor is loaded when somebody edits. */
  async #edit() {
    if (this.#isEditing) return;
    this.#isEditing = true;
    const loaded = await this.#loaded(import("./edit/editor.js"));
    if (!loaded) {
      this.#isEditing = false;
      return;
    }
    this.#editor = new loaded.Editor(this.#kept, {
      grid: this.#grid,
      panel: part("panel", HTMLElement),
      boardsApi: this.#root.dataset["boardsApi"] ?? "/api/boards/",
      boardsPath: this.#root.dataset["boardsPath"] ?? "/boards/",
      topicsApi: this.#root.dataset["topicsApi"] ?? "/api/topics/",
      mayDelete: this.#root.dataset["mayDelete"] === "true",
      csrf: this.#root.dataset["csrf"] ?? "",
      topics: () => this.#topics,
      drawing: { colours: this.#colours, clock: chosenClock, now: () => Date.now() + this.#offset },
      show: (board) => {
        this.#board = board;
        this.#open();
        return this.#tiles;
      },
      left: (board) => {
        this.#isEditing = false;
        this.#editor = null;
        if (board) {
          this.#kept = board;
          say(part("name", HTMLElement), board.name);
          document.title = `${board.name} · Streamboard`;
        }
        this.#read();
        this.#open();
        // Whoever leaves by keys goes on where they came from.
        if (document.activeElement === document.body) part("edit", HTMLElement).focus();
      },
    });
    await this.#editor.start();
  }

  /** @param {State} state */
  #showState({ status, lag, jumps, offset, topics, filter }) {
    this.#problem = filter?.problem ?? "";
    this.#showWrong();
    this.#offset = offset;
    const wereKnown = this.#topics.length > 0;
    this.#topics = topics;
    if (!wereKnown && topics.length) this.#editor?.topicsCame();
    this.#root.dataset["state"] = status.kind;
    this.#root.dataset["jumps"] = String(jumps);
    this.#pill.className = `pill ${status.tone}`;
    this.#pill.title = status.sentence;
    say(this.#pillLabel, status.label);
    say(this.#lag, lag === null || status.tone !== "live" ? "" : `lag ${duration(lag)}`);
    if (status.tone === "live" || status.kind === "connecting" || status.kind === "opening") this.#say("", "");
    else this.#say(status.sentence, status.tone, status.kind === "signed-out");
  }

  /**
   * @param {string} text
   * @param {string} tone
   * @param {boolean} [isSignedOut]
   */
  #say(text, tone, isSignedOut = false) {
    this.#banner.hidden = text === "";
    this.#banner.className = `board-banner ${tone}`;
    say(this.#bannerText, text);
    const way = isSignedOut ? "sign in" : "try";
    if (this.#banner.dataset["way"] === way) return; // the text may change each second, and what is pressed stays
    this.#banner.dataset["way"] = way;
    const wayOn = isSignedOut ? signIn(this.#root.dataset["loginPath"] ?? "/accounts/login/") : button("Try now", "", () => this.#tryNow());
    this.#banner.replaceChildren(this.#bannerText, " ", wayOn);
  }

  #tryNow() {
    if (this.#sources.isOpen) this.#sources.tell({ type: "retry" });
    else this.#open();
  }

  /**
   * Loads a part of the page that somebody asked for.
   *
   * @template T
   * @param {Promise<T>} part its module, being imported
   * @returns {Promise<T | null>} null when it cannot be loaded, which is said
   */
  async #loaded(part) {
    const module = await part.catch(() => null);
    say(this.#unloaded, module ? "" : "This part of the page could not be loaded: the server cannot be reached. Press again once it can.");
    this.#unloaded.hidden = module !== null;
    return module;
  }
}

/** Takes the whole screen, where the browser lets it: for some seconds after a press, so that no module is waited for. */
async function fillScreen() {
  try {
    await document.documentElement.requestFullscreen();
  } catch {
    // The board is as large as the window then.
  }
}

/** @returns {Promise<typeof import("./wall.js") | null>} null when it cannot be loaded: the board is as large as the window then */
function wallPart() {
  return import("./wall.js").catch(() => null);
}

/**
 * @param {{ from: number, to: number }} window
 * @param {"utc" | "local" | "relative"} clock
 */
function betweenText({ from, to }, clock) {
  const zone = clock === "utc" ? { timeZone: "UTC" } : {};
  /** @type {Intl.DateTimeFormatOptions} */
  const seconds = to - from < TO_THE_SECOND_MS ? { second: "2-digit" } : {};
  const format = new Intl.DateTimeFormat(undefined, { ...zone, ...seconds, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return format.formatRange(from, to);
}

/** @param {string} path */
function signIn(path) {
  const link = element("a", "", "Sign in");
  link.setAttribute("href", `${path}?next=${encodeURIComponent(location.pathname + location.search)}`);
  return link;
}

/**
 * @param {KeyboardEvent} event
 * @param {string} key
 * @returns {boolean} whether it was pressed, and is not typed somewhere
 */
function isOwnKey(event, key) {
  const isCombined = event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented;
  const isTyped = event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
  // Not over the record, whose time is written anew as well: over other dialogs.
  return event.key === key && !isCombined && !isTyped && document.querySelector("dialog[open]:not([data-part=record])") === null;
}

new BoardPage().start();
