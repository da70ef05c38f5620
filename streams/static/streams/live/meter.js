// Measures a stream: records a second over the last 5 minutes, and how far this browser is behind. Pure bookkeeping.

export const SECONDS_SHOWN = 300;
// The rate people read is a mean: single seconds jump.
const RATE_SECONDS = 5;
// The lag people read is the worst of this long: the newest record of a batch says nothing about the oldest.
const LAG_SECONDS = 5;
// A lag nobody has measured for this long is not shown any more.
const LAG_FRESH_SECONDS = 10;
// A timestamp ahead of the server's clock by more than this is not taken for an arrival.
const AHEAD_MS = 5_000;
// So far below what the clock was, so many times in a row, is no slow way.
const CLOCK_SET_MS = 2_000;
const CLOCK_SET_TIMES = 3;

export class Meter {
  /** @type {Map<number, number>} second of the server's clock → records */
  #seconds = new Map();
  #fromServer = false;
  /** @type {[number, number]} seconds of the server's clock, from and to, in which it was not heard */
  #away = [0, 0];
  /** server's clock minus this browser's, ms */
  #offset = -Infinity;
  /** how many answers in a row were far below that */
  #below = 0;
  #begunAt = 0;
  /** @type {Map<number, number>} second of this browser's clock → the longest lag met in it, ms */
  #lags = new Map();
  /** server's clock from which on records are counted; before, nothing was measured */
  #measuredFrom = 0;

  /**
   * The answer that took the shortest way shows the clock best; where several in a row are far below it, one of the clocks
   * was set.
   *
   * @param {number} serverTime ms, as just received
   * @param {number} now ms, of this browser
   */
  setClock(serverTime, now) {
    const offset = serverTime - now;
    this.#below = offset < this.#offset - CLOCK_SET_MS ? this.#below + 1 : 0;
    if (offset > this.#offset || this.#below === CLOCK_SET_TIMES) this.#offset = offset;
  }

  /** @param {number} now ms, of this browser */
  serverTime(now) {
    return now + (Number.isFinite(this.#offset) ? this.#offset : 0);
  }

  /** @param {number} now of this browser, when the stream began afresh */
  begin(now) {
    this.#seconds.clear();
    this.#fromServer = false;
    this.#away = [0, 0];
    this.#begunAt = this.serverTime(now);
    this.#measuredFrom = Math.ceil(this.#begunAt / 1000);
    this.#lags.clear();
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
   * What the server counted before the stream began here. The second in which it began may be missing: if it had any
   * records, the server tells them.
   *
   * @param {number} from second of the server's clock that the first number is of
   * @param {number[]} records
   */
  countedBefore(from, records) {
    const until = Math.min(this.#measuredFrom, from + records.length);
    for (let second = from; second < until; second += 1) this.#seconds.set(second, records[second - from] ?? 0);
    if (from + records.length >= this.#measuredFrom - 1) this.#measuredFrom = Math.min(this.#measuredFrom, from);
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
      const second = Math.floor(now / 1000);
      this.#lags.set(second, Math.max(this.#lags.get(second) ?? 0, server - time));
    }
    const second = Math.floor((time ?? server) / 1000);
    if (this.#fromServer && !this.#isAway(second)) return;
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
  }

  /**
   * The connection broke: what comes later for the time until `returned` is counted by its own time, by us.
   *
   * @param {number} left ms, of this browser
   * @param {number} returned ms, of this browser
   */
  away(left, returned) {
    this.#away = [Math.floor(this.serverTime(left) / 1000), Math.ceil(this.serverTime(returned) / 1000)];
  }

  /** @param {number} second of the server's clock */
  #isAway(second) {
    return second >= this.#away[0] && second < this.#away[1];
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {(number | null)[]} records a second, oldest first; the last is the last whole second; null where nothing
   *   was measured
   */
  series(now) {
    const last = Math.floor(this.serverTime(now) / 1000) - 1;
    const first = last - SECONDS_SHOWN + 1;
    for (const second of this.#seconds.keys()) if (second < first) this.#seconds.delete(second);
    return Array.from({ length: SECONDS_SHOWN }, (_, index) => this.#measured(first + index));
  }

  /** @param {number} second of the server's clock */
  #measured(second) {
    return second < this.#measuredFrom ? null : (this.#seconds.get(second) ?? 0);
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {number} records a second, the mean of the last seconds that were measured
   */
  rate(now) {
    const recent = this.series(now).slice(-RATE_SECONDS).filter((records) => records !== null);
    return recent.reduce((sum, records) => sum + records, 0) / Math.max(1, recent.length);
  }

  /**
   * @param {number} now ms, of this browser
   * @returns {number | null} ms between a record's time and its arrival here, the worst of the last seconds; null when
   *   nothing new arrived lately
   */
  lag(now) {
    const second = Math.floor(now / 1000);
    for (const old of this.#lags.keys()) if (old <= second - LAG_FRESH_SECONDS) this.#lags.delete(old);
    const newest = Math.max(...this.#lags.keys());
    const worst = [...this.#lags].filter(([each]) => each > newest - LAG_SECONDS).map(([, lag]) => lag);
    return worst.length === 0 ? null : Math.max(0, ...worst);
  }
}
