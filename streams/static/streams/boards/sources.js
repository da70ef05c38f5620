// The workers that compute a board's tiles: one for all of them, as long as nobody changes a tile. While somebody edits, what
// has changed is computed by another one, and the others go on as they are.

import { Opened, openedEarly } from "./opening.js";

// Workers at a time, each with its socket: instead of one more, all begin anew in one.
const MOST = 4;
// What a tile is drawn by, and not computed.
const LOOKS = new Set(["widths", "form", "order", "text"]);

/**
 * @typedef {import("./worker/worker.js").BoardJson} BoardJson
 * @typedef {import("./worker/worker.js").State} State
 * @typedef {import("./worker/feed.js").Shown} Shown
 * @typedef {import("./figures/kinds.js").Asked} Asked
 * @typedef {import("./figures/kinds.js").Tile} TileJson
 * @typedef {{ opened: Opened, isHeard: boolean, tiles: Map<string, string> }} Source tiles: those that it computes, each with
 *   what its figures go by
 * @typedef {{ shown: Shown, form: string, isOld: boolean }} Last form: which figures they are; isOld: of another window or filter
 * @typedef {{ state: (state: State) => void, figures: (shown: Shown) => void, failed: () => void }} Listener
 */

export class Sources {
  #listener;
  /** @type {Source[]} the one that has been there for longest first: its connection is the board's */
  #all = [];
  /** @type {Map<string, Last>} what was heard last of each tile that is computed, and which figures each is to have */
  #last = new Map();
  /** @type {Map<string, string>} */
  #forms = new Map();

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @param {BoardJson} board that is to be computed from now on; who can draw it says so by `listen` */
  open(board) {
    const computed = board.tiles.filter(({ kind }) => kind !== "text");
    const wanted = new Map(computed.map((tile) => [tile.id, signatureOf(board, tile)]));
    this.#forms = new Map(computed.map((tile) => [tile.id, formOf(tile)]));
    for (const [id, { form }] of this.#last) if (this.#forms.get(id) !== form) this.#last.delete(id);
    for (const source of this.#all) {
      for (const [id, signature] of source.tiles) if (wanted.get(id) !== signature) this.#leave(source, id);
    }
    this.#all = this.#all.filter((source) => source.tiles.size > 0 || this.#end(source));
    if (this.#all.length >= MOST) this.close();
    const known = new Set(this.#all.flatMap(({ tiles }) => [...tiles.keys()]));
    const fresh = new Map([...wanted].filter(([id]) => !known.has(id)));
    if (this.#all.length > 0 && fresh.size === 0) return;
    const opened = openedEarly() ?? new Opened({ ...board, tiles: board.tiles.filter(({ id }) => fresh.has(id)) });
    this.#all.push({ opened, isHeard: false, tiles: fresh });
  }

  listen() {
    for (const source of this.#all.filter(({ isHeard }) => !isHeard)) {
      source.isHeard = true;
      source.opened.listen({
        heard: (answer) => {
          if (answer.type === "tiles") for (const shown of answer.tiles) this.#heard(source, shown);
          else if (source === this.#all[0]) this.#listener.state(answer.state);
        },
        failed: () => {
          this.close();
          this.#listener.failed();
        },
      });
    }
  }

  /** Whether it computes anything. */
  get isOpen() {
    return this.#all.length > 0;
  }

  /**
   * @param {string} tile
   * @returns {Last | null} what was heard last of it, in the form that it has now
   */
  lastOf(tile) {
    return this.#last.get(tile) ?? null;
  }

  /**
   * @param {string} tile
   * @param {Asked} asked
   */
  ask(tile, asked) {
    this.#of(tile)?.opened.ask({ type: "ask", tile, asked });
  }

  /** @param {string} tile whose gaps are to be loaded */
  load(tile) {
    this.#of(tile)?.opened.ask({ type: "load", tile });
  }

  /** @param {{ type: "retry" } | { type: "visible" }} question to all of them */
  tell(question) {
    for (const { opened } of this.#all) opened.ask(question);
  }

  close() {
    for (const source of this.#all) this.#end(source);
    this.#all = [];
    for (const last of this.#last.values()) last.isOld = true;
  }

  /** @param {string} tile */
  #of(tile) {
    return this.#all.find(({ tiles }) => tiles.has(tile));
  }

  /**
   * @param {Source} source
   * @param {Shown} shown
   */
  #heard(source, shown) {
    if (!source.tiles.has(shown.id)) return; // it has been changed meanwhile
    this.#remember(shown);
    this.#listener.figures(shown);
  }

  /**
   * Until there is something new to be shown, the old figures are.
   *
   * @param {Shown} shown
   */
  #remember(shown) {
    const isOld = this.#last.get(shown.id)?.isOld === true && isComing(shown);
    if (!isOld) this.#last.set(shown.id, { shown, form: this.#forms.get(shown.id) ?? "", isOld });
  }

  /**
   * @param {Source} source
   * @param {string} tile that it computes in vain
   */
  #leave(source, tile) {
    source.tiles.delete(tile);
    const last = this.#last.get(tile);
    if (last) last.isOld = true;
  }

  /** @param {Source} source @returns {false} */
  #end({ opened }) {
    opened.end();
    return false;
  }
}

/**
 * @param {BoardJson} board
 * @param {TileJson} tile
 * @returns {string} what its figures go by
 */
function signatureOf({ window, filter, where = [] }, tile) {
  return JSON.stringify([window, filter, where, tile.filter, formOf(tile)]);
}

/**
 * @param {TileJson} tile
 * @returns {string} which figures they are, of whatever records
 */
function formOf({ kind, topic, options }) {
  return JSON.stringify([kind, topic, Object.entries(options).filter(([name]) => !LOOKS.has(name)).sort()]);
}

/**
 * @param {Shown} shown
 * @returns {boolean} whether nothing has come yet: that is no zero
 */
export function isComing({ isFilling, basis }) {
  return isFilling && basis?.records === 0;
}
