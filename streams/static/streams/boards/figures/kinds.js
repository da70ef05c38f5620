// The figures of each kind of tile: what they take from a record, and what they say of a window. A kind's module is loaded
// where a tile of that kind stands.

/**
 * @typedef {object} Tile as in a board's JSON
 * @property {string} id
 * @property {string} kind
 * @property {string} title
 * @property {string} topic
 * @property {string} filter
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 * @property {any} options
 *
 * @typedef {object} TileFigures
 * @property {import("./counted.js").Counted} counted
 * @property {(entry: import("./window.js").Entry) => void} add
 * @property {(second: number) => void} expire
 * @property {(entry: import("./window.js").Entry) => void} [earlier] as windows tell it
 * @property {(second: number) => void} [forget]
 * @property {(window: import("./window.js").Window, now: number, asked: Asked) => any} read now: ms, of the server
 *
 * @typedef {{ sort?: string, search?: string, rows?: number }} Asked what the reader of a tile wants to see of it
 *
 * @typedef {(options: any, window: import("./span.js").WindowJson) => TileFigures} Make
 */

/** @type {Record<string, () => Promise<Make>>} of a text there are no figures */
const MODULES = {
  number: async () => made((await import("./of/number.js")).NumberFigures),
  top: async () => made((await import("./of/top.js")).TopFigures),
  distribution: async () => made((await import("./of/distribution.js")).DistributionFigures),
  table: async () => made((await import("./of/table.js")).TableFigures),
  stream: async () => made((await import("./of/stream.js")).StreamFigures),
  map: async () => made((await import("./of/map.js")).MapFigures),
  chart: async () => {
    const { ChartFigures, PointsFigures } = await import("./of/chart.js");
    return (options, window) => (options.aggregate === "none" && options.y !== "count" ? new PointsFigures(options) : new ChartFigures(options, window));
  },
};

/** @param {new (options: any, window: import("./span.js").WindowJson) => TileFigures} Figures @returns {Make} */
function made(Figures) {
  return (options, window) => new Figures(options, window);
}

/** @type {Map<string, Make>} of the kinds that were loaded */
const loaded = new Map();

/**
 * Loads what tiles of these kinds are computed with.
 *
 * @param {Iterable<string>} kinds
 * @returns {Promise<void>} once all of it is there that could be had
 */
export async function prepare(kinds) {
  const wanted = [...new Set(kinds)].filter((kind) => !loaded.has(kind));
  await Promise.all(wanted.map(async (kind) => {
    const make = await MODULES[kind]?.().catch(() => null);
    if (make) loaded.set(kind, make);
  }));
}

/** The module of a kind could not be loaded. */
export class NotLoaded extends Error {
  constructor() {
    super("What this tile is computed with could not be loaded: load the page again.");
  }
}

/**
 * @param {Tile} tile of a kind that was prepared
 * @param {import("./span.js").WindowJson} window
 * @returns {TileFigures | null} null for a tile without figures
 * @throws {import("./paths.js").BadPath}
 * @throws {NotLoaded}
 */
export function figuresOf({ kind, options }, window) {
  if (!MODULES[kind]) return null;
  const make = loaded.get(kind);
  if (!make) throw new NotLoaded();
  return make(options, window);
}
