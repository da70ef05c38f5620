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
 * @typedef {{ state: (state: State) => void, figures: (shown: Shown) => void, failed: () => void }} Listener
 */

export class Sources {
  #listener;
  /** @type {Source[]} the one that has been there for longest first: its connection is the board's */
  #all = [];
  /** @type {Map<string, Shown>} what was heard last of each tile that is computed */
  #last = new Map();

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /** @param {BoardJson} board that is to be computed from now on; who can draw it says so by `listen` */
  open(board) {
    const wanted = new Map(board.tiles.filter(({ kind }) => kind !== "text").map((tile) => [tile.id, signatureOf(board, tile)]));
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
   * @returns {Shown | null} what was heard last of it, as it is computed now
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
    this.#last.clear();
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
    this.#last.set(shown.id, shown);
    this.#listener.figures(shown);
  }

  /**
   * @param {Source} source
   * @param {string} tile that it computes in vain
   */
  #leave(source, tile) {
    source.tiles.delete(tile);
    this.#last.delete(tile);
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
function signatureOf({ window, filter, where = [] }, { kind, topic, filter: own, options }) {
  const computed = Object.entries(options).filter(([name]) => !LOOKS.has(name)).sort();
  return JSON.stringify([window, filter, where, kind, topic, own, computed]);
}
