// Measures a stream: records a second over the last 5 minutes, and how far this browser is behind. Pure bookkeeping.

export const SECONDS_SHOWN = 300;
// The rate people read is a mean: single seconds jump.
const RATE_SECONDS = 5;
// A lag nobody has measured for this long is not shown any more.
const LAG_FRESH_MS = 10_000;
// A timestamp ahead of the server's clock by more than this is not taken for an arrival.
const AHEAD_MS = 5_000;

export class Meter {
  /** @type {Map<number, number>} second of the server's clock → records */
  #seconds = new Map();
  #fromServer = false;
  /** server's clock minus this browser's, ms */
  #offset = -Infinity;
  #begunAt = 0;
  #lag = 0;
  #lagAt = -Infinity;

  /**
   * The answer that took the shortest way shows the clock best.
   *
   * @param {number} serverTime ms, as just received
   * @param {number} now ms, of this browser
   */
  setClock(serverTime, now) {
    this.#offset = Math.max(this.#offset, serverTime - now);
  }

  /** @param {number} now ms, of this browser */
  serverTime(now) {
    return now + (Number.isFinite(this.#offset) ? this.#offset : 0);
  }

  /** @param {number} now of this browser, when the stream began afresh */
  begin(now) {
    this.#seconds.clear();
    this.#fromServer = false;
    this.#begunAt = this.serverTime(now);
    this.#lagAt = -Infinity;
  }

  /**
   * The server's own count of one second; from then on our own counting rests.
   *
   * @param {number} second of its clock, in seconds or milliseconds since 1970
   * @param {number} records
   */
  counted(second, records) {
    this.#fromServer = true;
    this.#seconds.set(second > 1e11 ? Math.floor(second / 1000) : second, records);
  }

  /**
   * A record arrived. What lay in Kafka before the stream began counts in its own second, and says nothing about lag.
   *
   * @param {number | string | null} timestamp of the record
   * @param {number} now ms, of this browser
   */
  arrived(timestamp, now) {
    const server = this.serverTime(now);
    const time = typeof timestamp === "number" && timestamp < server + AHEAD_MS ? timestamp : null;
    const isNew = time !== null && time >= this.#begunAt;
    if (isNew) {
      this.#lag = Math.max(0, server - time);
      this.#lagAt = now;
    }
    if (this.#fromServer) return;
    const isRecent = time !== null && time > server - SECONDS_SHOWN * 1000;
    const second = Math.floor((isRecent ? time : server) / 1000);
    if (isRecent || server > this.#begunAt + 2_000) this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {number[]} records a second, oldest first; the last is the last whole second
   */
  series(now) {
    const last = Math.floor(this.serverTime(now) / 1000) - 1;
    const first = last - SECONDS_SHOWN + 1;
    for (const second of this.#seconds.keys()) if (second < first) this.#seconds.delete(second);
    return Array.from({ length: SECONDS_SHOWN }, (_, index) => this.#seconds.get(first + index) ?? 0);
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {number} records a second, the mean of the last seconds
   */
  rate(now) {
    const recent = this.series(now).slice(-RATE_SECONDS);
    return recent.reduce((sum, records) => sum + records, 0) / RATE_SECONDS;
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {number | null} ms between a record's time and its arrival here; null when nothing new arrived lately
   */
  lag(now) {
    return now - this.#lagAt < LAG_FRESH_MS ? this.#lag : null;
  }
}
