// Widths of columns that somebody set while looking at a board: kept in this browser, and no change of the board.

const STORED = "streamboard.widths";
// Boards whose widths are kept: those where some were set last.
const MOST = 50;

/**
 * @param {string} board its slug
 * @param {string} tile
 * @returns {number[] | null} px, none where its columns are as wide as what they hold; null where nobody set any
 */
export function ownWidths(board, tile) {
  const widths = kept()[board]?.[tile];
  return Array.isArray(widths) && widths.every(Number.isInteger) ? widths : null;
}

/**
 * @param {string} board its slug
 * @param {string} tile
 * @param {number[] | null} widths null: those of the board count again
 */
export function keepWidths(board, tile, widths) {
  const { [board]: tiles = {}, ...others } = kept();
  if (widths === null) delete tiles[tile];
  else tiles[tile] = widths;
  try {
    localStorage.setItem(STORED, JSON.stringify(Object.fromEntries([[board, tiles], ...Object.entries(others)].slice(0, MOST))));
  } catch {
    // Storage may be forbidden: they last as long as the page.
  }
}

/** @returns {Record<string, Record<string, number[]>>} by board and tile, the board of last time first */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return found && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // it may hold something of another time, too
  }
}
