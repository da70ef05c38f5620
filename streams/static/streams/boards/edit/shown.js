// What a tile shows of a sample of records: the figures that a board computes, over a window that holds exactly these.

import { BadPath, Fields } from "../figures/paths.js";
import { Window, timeOf } from "../figures/window.js";
import { NotLoaded, figuresOf, prepare } from "../figures/kinds.js";

const SECOND = 1_000;

/**
 * @typedef {import("../figures/kinds.js").Tile} Tile
 * @typedef {{ from: number, to: number }} Between ms since 1970
 */

/**
 * @param {Tile} tile
 * @param {import("./sample.js").Sample} sample
 * @param {number} now ms, of the server
 * @returns {Promise<{ window: Between, shown: import("../worker/feed.js").Shown }>} window: from the first record to the last
 */
export async function shownOn(tile, { topic, epoch, records }, now) {
  const between = windowOf(records, now);
  const nothing = { id: tile.id, figures: null, basis: null, problem: "", since: null, note: "", isFilling: false };
  await prepare([tile.kind]);
  try {
    const figures = figuresOf(tile, between);
    if (!figures) return { window: between, shown: nothing };
    const window = new Window(between, between.from);
    window.tell(figures);
    for (const { partition, record } of records) window.arrived(new Fields(topic, partition, record), now);
    window.tick(between.to + SECOND); // all of it is over
    const basis = window.basis(topic, epoch, figures.counted);
    return { window: between, shown: { ...nothing, figures: figures.read(window, between.to, {}), basis, since: records.length > 0 ? between.from : null } };
  } catch (error) {
    if (!(error instanceof BadPath || error instanceof NotLoaded)) throw error;
    return { window: between, shown: { ...nothing, problem: error.message } };
  }
}

/**
 * @param {import("../../live/stream.js").Arrived[]} records
 * @param {number} now ms
 * @returns {Between}
 */
function windowOf(records, now) {
  let [from, to] = [Infinity, -Infinity];
  for (const { record } of records) {
    const time = timeOf({ record }, now);
    from = Math.min(from, time);
    to = Math.max(to, time);
  }
  return from <= to ? { from, to: to + 1 } : { from: now - SECOND, to: now };
}
