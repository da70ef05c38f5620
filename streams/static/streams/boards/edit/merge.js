// Two changes of one board, put together: what only one of them changed is as that one has it, and of what both changed
// somebody chooses. Pure.

import { freeId } from "./kinds.js";
import { spoken } from "./spoken.js";

const PARTS = ["name", "sharing", "window", "filter", "clock"];
const COLUMNS = 12;

/**
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {import("../worker/worker.js").BoardJson} BoardJson
 * @typedef {"mine" | "theirs"} Side
 * @typedef {{ id: string, name: string, mine: string, theirs: string }} Conflict id: what a choice is known by; the others in
 *   words
 */

/**
 * @param {BoardJson} base with which mine began
 * @param {BoardJson} mine
 * @param {BoardJson} theirs as it is saved now
 * @param {Map<string, Side>} [choices] by conflict; mine where there is none
 * @returns {{ board: BoardJson, conflicts: Conflict[] }} board: theirs with my changes, and every tile in a place of its own
 */
export function merged(base, mine, theirs, choices = new Map()) {
  /** @type {Conflict[]} */
  const conflicts = [];

  /**
   * @template T
   * @param {string} name
   * @param {T} was
   * @param {T} one mine
   * @param {T} other
   * @param {string} part that it is
   * @returns {T}
   */
  function choose(name, was, one, other, part) {
    if (isSame(one, other) || isSame(one, was)) return other;
    if (isSame(other, was)) return one;
    conflicts.push({ id: name, name, mine: spoken(part, one, other), theirs: spoken(part, other, one) });
    return choices.get(name) === "theirs" ? other : one;
  }

  const board = /** @type {any} */ ({ ...theirs });
  const [wasBoard, myBoard] = [/** @type {any} */ (base), /** @type {any} */ (mine)];
  for (const part of PARTS) board[part] = choose(part, wasBoard[part], myBoard[part], board[part], part);

  /** @type {(tiles: Tile[]) => Map<string, Tile>} */
  const byId = (tiles) => new Map(tiles.map((tile) => [tile.id, tile]));
  const [was, ours, others] = [byId(base.tiles), byId(mine.tiles), byId(theirs.tiles)];
  /** @type {Tile[]} */
  const tiles = [];
  for (const id of new Set([...others.keys(), ...ours.keys()])) {
    const [before, one, other] = [was.get(id), ours.get(id), others.get(id)];
    const name = `tile ${one?.title || other?.title || id}`;
    if (one && other && before) tiles.push(mergedTile(name, before, one, other, choose));
    else if (one && other) tiles.push(other, ...(isSame(one, other) ? [] : [{ ...one, id: freeId([...theirs.tiles, ...mine.tiles, ...tiles], one.kind) }]));
    else {
      const chosen = choose(name, before, one, other, "tile");
      if (chosen) tiles.push(chosen);
    }
  }
  return { board: { ...board, tiles: apart(tiles) }, conflicts };
}

/**
 * @param {BoardJson} mine
 * @param {BoardJson} theirs as it is saved now
 * @returns {boolean} whether what is saved is what I made of it
 */
export function isSaid(mine, theirs) {
  /** @type {(board: any) => unknown} */
  const said = (board) => [PARTS.map((part) => board[part]), board.tiles.toSorted((/** @type {Tile} */ a, /** @type {Tile} */ b) => (a.id < b.id ? -1 : 1))];
  return isSame(said(mine), said(theirs));
}

/**
 * @param {string} name
 * @param {any} was
 * @param {any} one
 * @param {any} other
 * @param {<T>(name: string, was: T, one: T, other: T, part: string) => T} choose
 * @returns {Tile}
 */
function mergedTile(name, was, one, other, choose) {
  const tile = { ...other };
  // A place is one thing: half of each would be a third.
  const place = (/** @type {any} */ { x, y, w, h }) => ({ x, y, w, h });
  Object.assign(tile, choose(`${name}: place`, place(was), place(one), place(other), "place"));
  for (const part of ["title", "topic", "filter", "options"]) tile[part] = choose(`${name}: ${part}`, was[part], one[part], other[part], part);
  return tile;
}

/**
 * @param {Tile[]} tiles
 * @returns {Tile[]} the same in their order, those that lay over others further down
 */
function apart(tiles) {
  /** @type {Map<string, Tile>} */
  const placed = new Map();
  for (const tile of tiles.toSorted((a, b) => a.y - b.y || a.x - b.x)) {
    let y = tile.y;
    for (const other of [...placed.values()].sort((a, b) => a.y - b.y)) {
      const isBeside = other.x >= Math.min(COLUMNS, tile.x + tile.w) || tile.x >= other.x + other.w;
      if (!isBeside && other.y < y + tile.h && y < other.y + other.h) y = other.y + other.h;
    }
    placed.set(tile.id, { ...tile, y });
  }
  return tiles.flatMap(({ id }) => placed.get(id) ?? []);
}

/**
 * @param {unknown} one
 * @param {unknown} other
 */
function isSame(one, other) {
  return written(one) === written(other);
}

/** @param {unknown} value @returns {string} with names in one order, whoever wrote it */
function written(value) {
  return JSON.stringify(value, (_name, each) => (each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each)) ?? "";
}
