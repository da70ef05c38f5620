// Which offsets the figures stand on: runs [from, to) of each partition, kept by second so that a second that leaves the
// window takes its own with it.

/**
 * @typedef {import("../../live/protocol.js").Range} Range
 * @typedef {{ from: number, to: number }} Run
 */

export class Offsets {
  /** @type {Map<number, Map<number, Run[]>>} second → partition → runs, in the order in which they came */
  #seconds = new Map();
  /** @type {Range[] | null} */
  #ranges = null;

  /**
   * @param {number} second
   * @param {number} partition
   * @param {number} from offsets without a record before it belong to it
   * @param {number} to behind its record
   */
  add(second, partition, from, to) {
    this.#ranges = null;
    let partitions = this.#seconds.get(second);
    if (!partitions) this.#seconds.set(second, (partitions = new Map()));
    const runs = partitions.get(partition);
    const last = runs?.at(-1);
    if (last && last.to === from) last.to = to;
    else if (runs) runs.push({ from, to });
    else partitions.set(partition, [{ from, to }]);
  }

  /** @param {number} second */
  expire(second) {
    if (this.#seconds.delete(second)) this.#ranges = null;
  }

  /** @returns {Range[]} by partition and offset; those that join are one */
  ranges() {
    this.#ranges ??= this.#joined();
    return this.#ranges;
  }

  #joined() {
    /** @type {Map<number, Run[]>} */
    const found = new Map();
    for (const partitions of this.#seconds.values()) {
      for (const [partition, runs] of partitions) {
        const all = found.get(partition);
        if (all) all.push(...runs);
        else found.set(partition, [...runs]);
      }
    }
    return [...found].sort(([a], [b]) => a - b).flatMap(([partition, runs]) => joined(runs).map((run) => ({ partition, ...run })));
  }
}

/**
 * @param {Run[]} runs
 * @returns {Run[]} in order, with those that touch made one
 */
export function joined(runs) {
  /** @type {Run[]} */
  const kept = [];
  for (const { from, to } of runs.toSorted((a, b) => a.from - b.from)) {
    const last = kept.at(-1);
    if (last && last.to >= from) last.to = Math.max(last.to, to);
    else kept.push({ from, to });
  }
  return kept;
}
