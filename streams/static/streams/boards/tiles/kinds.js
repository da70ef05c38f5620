// What draws each kind of tile. The module of a kind is loaded where a tile of that kind stands; a board's page names those
// that it needs, so that a browser asks for them with everything else.

/** @typedef {new (body: HTMLElement, tile: import("../figures/kinds.js").Tile, tools: import("./tile.js").TileTools) => import("./tile.js").Drawing} Kind */

/** @type {Record<string, () => Promise<Kind>>} */
const MODULES = {
  chart: async () => (await import("./chart.js")).ChartTile,
  distribution: async () => (await import("./distribution.js")).DistributionTile,
  map: async () => (await import("./map.js")).MapTile,
  number: async () => (await import("./number.js")).NumberTile,
  stream: async () => (await import("./stream.js")).StreamTile,
  table: async () => (await import("./table.js")).TableTile,
  text: async () => (await import("./text.js")).TextTile,
  top: async () => (await import("./top.js")).TopTile,
};

/** @type {Map<string, Kind>} */
const loaded = new Map();

/**
 * @param {string} kind
 * @returns {Kind | null} null while it is not loaded
 */
export function drawingOf(kind) {
  return loaded.get(kind) ?? null;
}

/**
 * @param {string} kind
 * @returns {Promise<Kind | null>} null where it cannot be had
 */
export async function loadDrawing(kind) {
  const found = loaded.get(kind) ?? (await MODULES[kind]?.().catch(() => null)) ?? null;
  if (found) loaded.set(kind, found);
  return found;
}
