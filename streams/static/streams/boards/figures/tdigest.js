// A merging t-digest (Dunning and Ertl): the ranks of many numbers in little room, exact at the ends, close elsewhere.

// Centroids kept, about: 200 of them are wrong by a few thousandths of a rank in the middle, by far less at the ends.
const COMPRESSION = 200;

/** @param {number} q a share of all ranks, 0 to 1 */
const scale = (q) => (COMPRESSION / (2 * Math.PI)) * Math.asin(2 * Math.min(1, Math.max(0, q)) - 1);

/** @typedef {{ mean: number, weight: number }} Centroid */

/**
 * @param {Centroid[]} centroids in any order; they are not changed
 * @returns {Centroid[]} fewer of them, in order
 */
export function compressed(centroids) {
  const sorted = centroids.toSorted((a, b) => a.mean - b.mean);
  const total = sorted.reduce((sum, { weight }) => sum + weight, 0);
  /** @type {Centroid[]} */
  const kept = [];
  let before = 0;
  for (const { mean, weight } of sorted) {
    const last = kept.at(-1);
    const together = last ? last.weight + weight : 0;
    if (last && scale((before + together) / total) - scale(before / total) <= 1) {
      last.mean += ((mean - last.mean) * weight) / together;
      last.weight = together;
    } else {
      if (last) before += last.weight;
      kept.push({ mean, weight });
    }
  }
  return kept;
}

/**
 * @param {Centroid[]} centroids in order
 * @param {number} q 0 to 1
 * @returns {number | null} about the value at that share of the ranks; null of nothing
 */
export function quantileOf(centroids, q) {
  const total = centroids.reduce((sum, { weight }) => sum + weight, 0);
  const rank = q * total;
  let before = 0;
  for (const [place, { mean, weight }] of centroids.entries()) {
    const middle = before + weight / 2;
    const next = centroids[place + 1];
    const nextMiddle = next ? before + weight + next.weight / 2 : Infinity;
    if (rank <= middle || !next) return mean;
    if (rank < nextMiddle) return mean + ((next.mean - mean) * (rank - middle)) / (nextMiddle - middle);
    before += weight;
  }
  return null;
}
