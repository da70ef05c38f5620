// How many different values there were, about, in a window that moves: HyperLogLog whose registers remember which of
// their maxima will still count when older ones have left the window (Chabchoub and Hébrail).

const BITS = 12; // 4,096 registers: a standard error of 1.6 %
const REGISTERS = 1 << BITS;
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

/** @typedef {{ second: number, rank: number }} Maximum */

export class HyperLogLog {
  /** @type {(Maximum[] | undefined)[]} each by time upwards and by rank downwards */
  #registers = new Array(REGISTERS);

  /**
   * @param {number} second
   * @param {number} hash 53 bits
   */
  add(second, hash) {
    const register = hash % REGISTERS;
    const rank = rankOf(Math.floor(hash / REGISTERS));
    const maxima = this.#registers[register];
    if (!maxima) this.#registers[register] = [{ second, rank }];
    else if (!maxima.some((each) => each.second >= second && each.rank >= rank)) {
      const kept = maxima.filter((each) => each.second > second || each.rank > rank);
      const place = kept.findIndex((each) => each.second > second);
      kept.splice(place < 0 ? kept.length : place, 0, { second, rank });
      this.#registers[register] = kept;
    }
  }

  /**
   * @param {number} from the first second of the window
   * @returns {number} about how many different values it has
   */
  estimate(from) {
    let sum = 0;
    let empty = 0;
    for (let register = 0; register < REGISTERS; register += 1) {
      const maxima = this.#registers[register];
      while (maxima && maxima.length > 0 && (maxima[0]?.second ?? 0) < from) maxima.shift();
      const rank = maxima?.[0]?.rank ?? 0;
      sum += 2 ** -rank;
      if (rank === 0) empty += 1;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    const isSparse = raw <= 2.5 * REGISTERS && empty > 0;
    return Math.round(isSparse ? REGISTERS * Math.log(REGISTERS / empty) : raw);
  }
}

const RANK_BITS = 53 - BITS;

/** @param {number} rest of a hash, 41 bits */
function rankOf(rest) {
  const high = Math.floor(rest / 2 ** 32);
  const zeros = high > 0 ? Math.clz32(high) - (32 - (RANK_BITS - 32)) : RANK_BITS - 32 + Math.clz32(rest >>> 0);
  return zeros + 1;
}

/**
 * @param {string} text
 * @returns {number} 53 bits that are spread evenly (cyrb53's mixing of two 32-bit halves)
 */
export function hashOf(text) {
  let one = 0xdeadbeef;
  let other = 0x41c6ce57;
  for (let place = 0; place < text.length; place += 1) {
    const unit = text.charCodeAt(place);
    one = Math.imul(one ^ unit, 2654435761);
    other = Math.imul(other ^ unit, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return 4294967296 * (2097151 & other) + (one >>> 0);
}
