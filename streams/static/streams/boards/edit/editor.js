// Editing a board: a draft that is shown live, moved on a grid, and saved against the version that it began with.

import { BoardsApi, UNANSWERED } from "../boards_api.js";
import { Fields } from "../figures/paths.js";
import { KINDS, differences, freeId, movedColumn, optionsFor, withColumns } from "./kinds.js";
import { isSaid, merged } from "./merge.js";
import { LoadError, RecordsApi } from "../../live/records_api.js";
import { Missing, library, style } from "../tiles/vendor.js";
import { Hands } from "./hands.js";
import { Preview } from "./preview.js";
import { Samples } from "./sample.js";
import { button, element } from "../../page/dom.js";
import { fieldsOf } from "./fields.js";
import { formatsOf, isSame } from "../../live/protocol.js";
import { gallery, nameTopics, options, proposal } from "./panel.js";
import { letColumnsMove } from "./columns.js";
import { styled } from "../../page/styled.js";

const NOT_THEIRS = new Set([403, 404]); // answers about a board that is gone, or not this person's to change
const ROW_PX = 50; // 40 px and the gap of 10
// Of the grid, as docs/board.schema.json bounds them.
const HIGHEST = 100;
const LAST_ROW = 1_999;

/**
 * @typedef {import("../worker/worker.js").BoardJson} BoardJson
 * @typedef {import("../figures/kinds.js").Tile} TileJson
 * @typedef {import("./fields.js").Field} Field
 * @typedef {import("../../live/protocol.js").Formats} Formats
 *
 * @typedef {object} EditorTools
 * @property {HTMLElement} grid where tiles stand
 * @property {HTMLElement} panel
 * @property {string} boardsApi
 * @property {string} boardsPath
 * @property {string} topicsApi
 * @property {boolean} mayDelete
 * @property {string} csrf
 * @property {() => import("../../live/protocol.js").Topic[]} topics
 * @property {import("./preview.js").Drawing} drawing
 * @property {(board: BoardJson) => Map<string, import("../tiles/tile.js").Tile>} show draws a board afresh and returns its tiles
 * @property {(board: BoardJson | null) => void} left with the board as it is kept now, null when nothing was saved
 */

// How the editor looks: no board needs it before.
const OWN_STYLE = new URL("./edit.css", import.meta.url);

export class Editor {
  #tools;
  #api;
  #kept;
  /** @type {BoardJson} */
  #draft;
  #chosen = "";
  #topic = "";
  /** @type {Formats} by which a tile from the gallery reads it; {}: by its own */
  #formats = {};
  /** @type {TileJson | null} that is looked at before it is added */
  #proposed = null;
  /** @type {Preview | null} of it */
  #preview = null;
  #samples;
  /** @type {WeakMap<import("./sample.js").Sample, Field[]>} */
  #fields = new WeakMap();
  /** @type {any} gridstack's own */
  #stack = null;
  #trouble = element("p", "tile-problem", "");
  #content = element("div", "panel-content");
  #hands = new Hands(this.#content);
  /** How often the panel was to be drawn: of two that wait, the later one is. */
  #draws = 0;
  /** Whether the board's deletion was asked for once. */
  #isSure = false;
  #onKey = (/** @type {KeyboardEvent} */ event) => this.#key(event);
  #onUnload = (/** @type {BeforeUnloadEvent} */ event) => {
    if (!isSaid(this.#draft, this.#kept)) event.preventDefault(); // the browser asks
  };

  /**
   * @param {BoardJson} board as it is kept
   * @param {EditorTools} tools
   */
  constructor(board, tools) {
    this.#kept = board;
    this.#draft = structuredClone(board);
    this.#tools = tools;
    this.#api = new BoardsApi(tools.boardsApi, tools.csrf);
    this.#samples = new Samples((formats) => new RecordsApi(tools.topicsApi, undefined, () => formats), tools.topicsApi);
  }

  async start() {
    const pressed = document.activeElement;
    await styled(OWN_STYLE);
    document.body.classList.add("editing");
    const bar = element("div", "actions", button("Save board", "primary", () => this.#save()), button("Leave as it was", "", () => this.#leave(null)));
    this.#trouble.hidden = true;
    this.#trouble.setAttribute("role", "alert");
    this.#tools.panel.replaceChildren(bar, this.#trouble, this.#content);
    this.#tools.panel.hidden = false;
    this.#topic = this.#draft.tiles.find(({ topic }) => topic)?.topic ?? this.#tools.topics()[0]?.name ?? "";
    document.addEventListener("keydown", this.#onKey);
    addEventListener("beforeunload", this.#onUnload);
    try {
      style("gridstack.min.css");
      await library("gridstack-all.js");
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.#say(`${error.message} Tiles can be moved with the arrow keys.`);
    }
    this.#show();
    await this.#showPanel();
    // Whoever came by keys goes on where there is something to choose, unless they have gone elsewhere meanwhile.
    const first = this.#content.querySelector("button, input, select");
    const isThere = document.activeElement === pressed || document.activeElement === document.body;
    if (first instanceof HTMLElement && isThere) first.focus();
  }

  /** Draws the draft, each tile in a place of the grid that can be dragged. */
  #show() {
    this.#stack?.destroy(false);
    this.#stack = null;
    const tiles = this.#tools.show(this.#draft);
    const { GridStack } = /** @type {any} */ (globalThis);
    if (GridStack) this.#stacked(GridStack, tiles);
    for (const [id, tile] of tiles) {
      const { node } = tile;
      node.tabIndex = 0;
      node.classList.toggle("chosen", id === this.#chosen);
      node.addEventListener("click", () => this.#choose(id), { capture: true });
      node.addEventListener("focusin", () => this.#choose(id)); // itself, or a part of it
      tile.whenDrawn(() => letColumnsMove(node, (path, by) => this.#moveColumn(id, path, by)));
    }
  }

  /**
   * @param {any} GridStack
   * @param {Map<string, { node: HTMLElement }>} tiles
   */
  #stacked(GridStack, tiles) {
    const stack = element("div", "grid-stack");
    for (const { id, x, y, w, h } of this.#draft.tiles) {
      const node = tiles.get(id)?.node;
      if (!node) continue;
      const item = element("div", "grid-stack-item", element("div", "grid-stack-item-content", node));
      for (const [name, value] of Object.entries({ x, y, w, h, id, "max-h": HIGHEST })) item.setAttribute(`gs-${name}`, String(value));
      stack.append(item);
    }
    this.#tools.grid.replaceChildren(stack);
    this.#stack = GridStack.init({ column: 12, cellHeight: ROW_PX, margin: 5, float: false, handle: ".tile-head, .tile-body", columnOpts: { breakpoints: [{ w: 700, c: 1 }] } }, stack);
    this.#stack.on("change", (/** @type {unknown} */ _event, /** @type {{ id: string, x: number, y: number, w: number, h: number }[]} */ items) => {
      if (this.#stack?.getColumn() !== 12) return; // a phone's one column is not the board's
      for (const { id, x, y, w, h } of items) this.#put(id, { x, y, w, h });
    });
  }

  /**
   * @param {string} id
   * @param {Partial<TileJson>} parts
   */
  #put(id, parts) {
    this.#draft = { ...this.#draft, tiles: this.#draft.tiles.map((tile) => (tile.id === id ? { ...tile, ...parts } : tile)) };
  }

  /** @param {string} id */
  #choose(id) {
    if (this.#chosen === id) return;
    this.#endProposal();
    this.#isSure = false;
    this.#chosen = id;
    for (const node of this.#tools.grid.querySelectorAll("[data-tile]")) {
      if (node instanceof HTMLElement) node.classList.toggle("chosen", node.dataset["tile"] === id);
    }
    this.#showPanel();
  }

  /** The topics that one may watch are known now. */
  topicsCame() {
    const topics = this.#tools.topics();
    nameTopics(this.#content, topics);
    if (this.#topic) return;
    this.#topic = topics[0]?.name ?? "";
    this.#showPanel();
  }

  /** Draws the panel as the draft is, once nobody's hands are on it. */
  async #showPanel() {
    const draw = ++this.#draws;
    const shown = this.#draft.tiles.find(({ id }) => id === this.#chosen) ?? this.#proposed;
    const fields = shown ? await this.#fieldsOf(shown.topic, formatsOf(shown.options)) : await this.#fieldsOf(this.#topic, this.#formats);
    await this.#hands.free();
    if (draw !== this.#draws) return; // something else is to be shown meanwhile
    const before = document.activeElement;
    const focused = this.#controls.findIndex((control) => control === before);
    const tile = this.#draft.tiles.find(({ id }) => id === this.#chosen);
    const proposed = this.#proposed;
    if (tile) {
      this.#content.replaceChildren(...options(tile, {
        topics: this.#tools.topics(),
        fields,
        change: (changed) => this.#changed(changed),
        remove: () => this.#remove(tile.id),
        back: () => this.#choose(""),
      }));
    } else if (proposed && this.#preview) {
      this.#preview.show(proposed, this.#draft.filter);
      this.#content.replaceChildren(...proposal(proposed, {
        preview: this.#preview.node,
        topics: this.#tools.topics(),
        fields,
        change: (changed) => this.#repropose(proposed, changed),
        add: () => this.#add(proposed),
        back: () => this.#toGallery(),
      }));
    } else {
      this.#content.replaceChildren(...gallery({
        board: this.#draft,
        topic: this.#topic,
        formats: this.#formats,
        topics: this.#tools.topics(),
        fields,
        choose: (chosen) => {
          this.#topic = chosen;
          this.#formats = {};
          this.#showPanel();
        },
        read: (formats) => {
          this.#formats = formats;
          this.#showPanel();
        },
        propose: (kind) => this.#propose(kind),
        change: (parts) => {
          this.#draft = { ...this.#draft, ...parts };
          this.#show();
          this.#showPanel();
        },
        isSure: this.#isSure,
        remove: this.#tools.mayDelete ? () => this.#removeBoard() : null,
      }));
    }
    // What stood under the keys was made anew: they stay there, unless they have gone on.
    const controls = this.#controls;
    if (focused < 0 || document.activeElement !== document.body) return;
    const label = before?.getAttribute("aria-label");
    const same = label ? controls.find((control) => control.getAttribute("aria-label") === label && !control.matches(":disabled")) : undefined;
    (same ?? controls[focused] ?? controls[0])?.focus();
  }

  /** @returns {HTMLElement[]} what can be focused in the panel */
  get #controls() {
    return [...this.#content.querySelectorAll("button, input, select, textarea")].filter((each) => each instanceof HTMLElement).filter((each) => !each.closest("[inert]"));
  }

  /**
   * @param {string} topic "" for none
   * @param {Formats} formats
   * @returns {Promise<Field[]>}
   */
  async #fieldsOf(topic, formats) {
    if (topic === "") return [];
    try {
      const sample = await this.#samples.of(topic, "", formats);
      let fields = this.#fields.get(sample);
      if (!fields) {
        fields = fieldsOf(sample.records.map(({ partition, record }) => new Fields(topic, partition, record)));
        this.#fields.set(sample, fields);
      }
      return fields;
    } catch (error) {
      if (!(error instanceof LoadError)) throw error;
      this.#say(error.message);
      return [];
    }
  }

  /** @param {TileJson} tile as the panel has it: where it stands it may have been moved meanwhile */
  #changed({ id, title, topic, filter, options: chosen }) {
    this.#put(id, { title, topic, filter, options: chosen });
    this.#show();
    this.#showPanel();
  }

  /**
   * Shows a tile on the topic's records before it is added.
   *
   * @param {string} kind
   */
  async #propose(kind) {
    const fields = await this.#fieldsOf(this.#topic, this.#formats);
    const { w = 4, h = 4, name = kind } = KINDS.find((each) => each.kind === kind) ?? {};
    const isText = kind === "text";
    this.#endProposal();
    this.#isSure = false;
    this.#preview = new Preview(this.#samples, this.#tools.drawing);
    this.#proposed = {
      id: freeId(this.#draft.tiles, kind), kind, title: isText ? "" : name, topic: isText ? "" : this.#topic, filter: "", x: 0, y: 0, w, h, options: { ...optionsFor(kind, fields), ...(!isText && this.#formats) },
    };
    await this.#showPanel();
    const accept = this.#content.querySelector("[data-accept]");
    if (accept instanceof HTMLElement) accept.focus();
  }

  /**
   * @param {TileJson} proposed
   * @param {TileJson} changed on another topic, or by other formats, it begins with the fields of that, where some fit
   */
  async #repropose(proposed, changed) {
    const formats = formatsOf(changed.options);
    const isOfOther = changed.topic !== proposed.topic || !isSame(formats, formatsOf(proposed.options));
    const options = isOfOther ? optionsFor(changed.kind, await this.#fieldsOf(changed.topic, formats)) : null;
    if (this.#proposed !== proposed) return;
    if (isOfOther) [this.#topic, this.#formats] = [changed.topic, formats];
    this.#proposed = options ? { ...changed, options: { ...options, ...formats } } : changed;
    await this.#showPanel();
  }

  #endProposal() {
    this.#preview?.end();
    this.#preview = null;
    this.#proposed = null;
  }

  async #toGallery() {
    const kind = this.#proposed?.kind ?? "";
    this.#endProposal();
    await this.#showPanel();
    const card = this.#content.querySelector(`[data-add="${CSS.escape(kind)}"]`);
    if (card instanceof HTMLElement) card.focus();
  }

  /** @param {TileJson} proposed */
  #add(proposed) {
    const { id } = proposed;
    const y = Math.max(0, ...this.#draft.tiles.map((tile) => tile.y + tile.h));
    this.#draft = { ...this.#draft, tiles: [...this.#draft.tiles, { ...proposed, y }] };
    this.#endProposal();
    this.#chosen = id;
    this.#show();
    this.#showPanel();
    const added = this.#tools.grid.querySelector(`[data-tile="${CSS.escape(id)}"]`);
    if (!(added instanceof HTMLElement)) return;
    added.scrollIntoView({ block: "nearest" });
    added.focus({ preventScroll: true }); // so that arrow keys place it
  }

  /**
   * Columns of a tile were given widths where it stands: it is drawn so already.
   *
   * @param {string} id
   * @param {number[]} widths
   */
  resized(id, widths) {
    const tile = this.#draft.tiles.find((each) => each.id === id);
    if (!tile) return;
    this.#put(id, { options: { ...tile.options, widths } });
    if (id === this.#chosen) this.#showPanel(); // what it changes next begins with them
  }

  /**
   * A column of a tile was put elsewhere at its head.
   *
   * @param {string} id
   * @param {string} path
   * @param {number} by places
   */
  #moveColumn(id, path, by) {
    const tile = this.#draft.tiles.find((each) => each.id === id);
    if (!tile) return;
    this.#changed({ ...tile, options: withColumns(tile.options, movedColumn(tile.options.columns, path, by)) });
    // It is drawn anew: the keys stay on it.
    const head = this.#tools.grid.querySelector(`[data-tile="${CSS.escape(id)}"] th.movable[data-column="${CSS.escape(path)}"]`);
    const pressed = head?.querySelector("button") ?? head;
    if (pressed instanceof HTMLElement) pressed.focus({ preventScroll: true });
  }

  /** @param {string} id */
  #remove(id) {
    this.#draft = { ...this.#draft, tiles: this.#draft.tiles.filter((tile) => tile.id !== id) };
    this.#chosen = "";
    this.#show();
    this.#showPanel();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (document.querySelector("dialog[open]")) return; // its keys are its own
    const field = event.target instanceof HTMLElement && event.target.matches("input, select, textarea") ? event.target : null;
    if (event.key === "Escape") {
      event.preventDefault();
      // Out of what is being typed first.
      if (field && !field.matches("select")) field.blur();
      else if (this.#proposed) this.#toGallery();
      else this.#leave(null);
      return;
    }
    if (field) return;
    const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
    const step = steps[event.key];
    const tile = this.#draft.tiles.find(({ id }) => id === this.#chosen);
    if (!step || !tile) return;
    event.preventDefault();
    const [right, down] = step;
    const { x, y, w, h } = tile;
    const place = event.shiftKey
      ? { x, y, w: Math.min(12 - x, Math.max(1, w + right)), h: Math.min(HIGHEST, Math.max(1, h + down)) }
      : { x: Math.min(12 - w, Math.max(0, x + right)), y: Math.min(LAST_ROW, Math.max(0, y + down)), w, h };
    const item = this.#tools.grid.querySelector(`[gs-id="${CSS.escape(tile.id)}"]`);
    this.#put(tile.id, place);
    if (this.#stack && item) this.#stack.update(item, place);
    else this.#show();
  }

  /**
   * @param {number} [version] that is to be replaced
   * @param {BoardJson} [board]
   */
  async #save(version = this.#kept.version, board = this.#draft) {
    const answer = await this.#api.ask(encodeURIComponent(this.#draft.slug), { method: "PUT", version, body: JSON.stringify(board) });
    if (answer?.ok) this.#leave(answer.json);
    else if (answer?.status === 412) await this.#conflict(answer.refusal);
    else this.#refused(answer);
  }

  /**
   * Says why it was not saved. A board that is gone meanwhile, or no longer this person's to change, may become one of
   * their own, so that nobody's doing loses what they made of it.
   *
   * @param {import("../boards_api.js").Answer | null} answer
   */
  #refused(answer) {
    this.#say(answer?.refusal ?? `${UNANSWERED} What you changed is still here; save again.`);
    if (!answer || !NOT_THEIRS.has(answer.status)) return;
    this.#trouble.append(" ", button("Save it as a board of my own", "", () => this.#saveAsOwn()));
  }

  async #saveAsOwn() {
    const answer = await this.#api.ask("import", { method: "POST", body: JSON.stringify(this.#draft) });
    if (!answer?.ok) {
      this.#refused(answer);
      return;
    }
    removeEventListener("beforeunload", this.#onUnload);
    location.assign(`${this.#tools.boardsPath}${encodeURIComponent(answer.json.slug)}/`);
  }

  /** Asks once more, and deletes the board unless somebody saved it since it was opened. */
  async #removeBoard() {
    if (!this.#isSure) {
      this.#isSure = true;
      this.#showPanel();
      return;
    }
    const { slug, version } = this.#kept;
    const answer = await this.#api.ask(encodeURIComponent(slug), { method: "DELETE", version });
    if (answer?.ok) {
      removeEventListener("beforeunload", this.#onUnload);
      location.assign(this.#tools.boardsPath);
    } else this.#say(answer?.refusal ?? UNANSWERED);
  }

  /**
   * Somebody saved in between: shows what differs, and lets choose.
   *
   * @param {string} refusal
   */
  async #conflict(refusal) {
    const answer = await this.#api.read(this.#draft.slug);
    if (answer && NOT_THEIRS.has(answer.status)) return this.#refused(answer);
    if (!answer?.ok) {
      this.#say("The board was changed meanwhile, and cannot be read now. What you changed is still here.");
      return;
    }
    const theirs = /** @type {BoardJson} */ (answer.json);
    if (isSaid(this.#draft, theirs)) return this.#leave(theirs); // it is this very save, and its answer was lost
    const rows = differences(this.#draft, theirs).map(({ name, mine, theirs: other }) =>
      element("tr", "", element("th", "", name), element("td", "", mine), element("td", "", other)));
    const table = element("table", "data conflict", element("thead", "", element("tr", "", element("th", "", ""), element("th", "", "yours"), element("th", "", "saved"))), element("tbody", "", ...rows));
    const { conflicts } = merged(this.#kept, this.#draft, theirs);
    /** @type {Map<string, import("./merge.js").Side>} */
    const choices = new Map();
    const asked = conflicts.map((conflict) => choiceOf(conflict, (side) => choices.set(conflict.id, side)));
    const both = asked.length > 0 ? [element("h3", "", "Both changed"), ...asked] : [element("p", "muted", "You changed different things: saved together, nothing of either is lost.")];
    this.#draws += 1;
    this.#say(refusal);
    this.#content.replaceChildren(element("h2", "", "Two changed this board"), ...both, element("div", "actions",
      button("Save both", "primary", () => this.#save(theirs.version, merged(this.#kept, this.#draft, theirs, choices).board)),
      button("Save mine over it", "danger", () => this.#save(theirs.version, { ...this.#draft, sharing: theirs.sharing })),
      button("Take what is saved", "", () => this.#leave(theirs))), element("h3", "", "What differs"), table);
  }

  /** @param {BoardJson | null} board as it is kept now */
  #leave(board) {
    document.removeEventListener("keydown", this.#onKey);
    removeEventListener("beforeunload", this.#onUnload);
    this.#endProposal();
    this.#stack?.destroy(false);
    document.body.classList.remove("editing");
    this.#tools.panel.hidden = true;
    this.#tools.left(board);
  }

  /** @param {string} text */
  #say(text) {
    this.#trouble.textContent = text;
    this.#trouble.hidden = text === "";
  }
}

/**
 * @param {import("./merge.js").Conflict} conflict
 * @param {(side: import("./merge.js").Side) => void} choose
 * @returns {HTMLElement} the choice between both, mine first
 */
function choiceOf({ id, name, mine, theirs }, choose) {
  const ways = (/** @type {const} */ ([["mine", `yours: ${mine}`], ["theirs", `saved: ${theirs}`]])).map(([side, words]) => {
    const radio = document.createElement("input");
    radio.type = "radio";
    radio.name = `both ${id}`;
    radio.checked = side === "mine";
    radio.addEventListener("change", () => choose(side));
    return element("label", "both-way", radio, ` ${words}`);
  });
  return element("fieldset", "both", element("legend", "", name), ...ways);
}
