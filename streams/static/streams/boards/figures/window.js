// The records of one stream that lie in a board's window: which they are, which came too late, what is missing. It tells
// figures what is added and which seconds have left. Pure bookkeeping: no clock, no socket.

import { Offsets } from "./offsets.js";
import { boundsOf, isMoving } from "./span.js";

const SECOND = 1_000;
// A record whose time lies ahead of the server's clock waits until the window has come there; further ahead is left out.
const AHEAD_S = 60;
// Gaps that are remembered one by one.
const GAPS = 1_000;

/**
 * @typedef {import("./paths.js").Fields} Fields
 * @typedef {import("../../live/protocol.js").Range} Range
 * @typedef {{ fields: Fields, time: number, second: number, bucket: number, covers: number }} Entry time: ms, of the record
 *   or its arrival; bucket: the second with which it leaves, 0 where nothing leaves; covers: the first offset that belongs to
 *   it, offsets without a record included
 * @typedef {Range & { reason: string, since: number, until: number }} Gap since, until: ms between which its records lie
 *
 * @typedef {object} Figures
 * @property {(entry: Entry) => void} add
 * @property {(second: number) => void} expire
 * @property {(entry: Entry) => void} [earlier] a record of the window before, which came only now
 * @property {(second: number) => void} [forget] a second that has left the window before, too
 *
 * @typedef {object} Basis
 * @property {string} topic
 * @property {string} epoch
 * @property {Range[]} ranges
 * @property {number} records that pass the filters
 * @property {number} used
 * @property {number} without_value
 * @property {number} late left out because the window had passed them
 * @property {number} ahead left out because their time lies far ahead of the server's clock
 * @property {number} gaps
 * @property {number} missing offsets in them
 */

export class Window {
  records = 0;
  late = 0;
  ahead = 0;
  /** @type {Gap[]} */
  gaps = [];
  /** gaps that are only counted, and the offsets in them */
  gapsForgotten = 0;
  missingForgotten = 0;
  /** whether records are still to come that were there before: whoever fills it says so */
  isFilling = false;
  /** ms, of the server: when it began */
  opened;
  #window;
  /** ms: from then on all records of the stream are known */
  #knownFrom;
  /** @type {import("./span.js").Bounds} */
  #bounds;
  /** @type {Set<Figures>} */
  #figures = new Set();
  /** @type {Map<number, number>} second → records */
  #seconds = new Map();
  #offsets = new Offsets();
  /** @type {Map<number, Entry[]>} seconds that the window has not come to */
  #coming = new Map();
  /** @type {Map<number, number>} partition → position: behind the last record, or gap */
  #positions = new Map();
  /** @type {Map<number, number>} partition → what lies below was there before the stream began */
  #ends = new Map();
  /** @type {Map<number, number>} partition → ms of its last record */
  #times = new Map();
  /** what was in when the last second was over, and when that was */
  #complete;

  /**
   * @param {import("./span.js").WindowJson} window
   * @param {number} now ms, of the server
   * @param {number} [knownFrom] ms: where the stream begins, when that is a time; else what was before is not known
   */
  constructor(window, now, knownFrom = now) {
    this.#window = window;
    this.#knownFrom = knownFrom;
    this.#bounds = boundsOf(window, now);
    this.opened = now;
    this.#complete = { records: 0, until: now };
  }

  /** @returns {import("./span.js").Bounds} */
  get bounds() {
    return this.#bounds;
  }

  /**
   * @param {number} now ms, of the server
   * @returns {[number, number]} the first second of it, and the one behind the last that has begun
   */
  seconds(now) {
    const { from, to } = this.#bounds;
    const begin = Number.isFinite(from) ? from : this.opened;
    return [Math.floor(begin / SECOND), Math.ceil(Math.min(to, now + SECOND) / SECOND)];
  }

  /** @returns {Range[]} the offsets of the records that are in */
  get ranges() {
    return this.#offsets.ranges();
  }

  /** @returns {import("./span.js").Bounds | null} the window before, as long as this one; null where it is not known whole, or this
   *   one stands still */
  get before() {
    const { from, to } = this.#bounds;
    const begin = from - (to - from);
    return isMoving(this.#window) && !this.isFilling && this.#knownFrom <= begin ? { from: begin, to: from } : null;
  }

  /**
   * @param {Fields} fields of a record from before the stream began
   * @param {number} now ms, of the server
   */
  recalled(fields, now) {
    const time = timeOf(fields, now);
    if (this.#isBefore(time)) this.#tellEarlier({ fields, time, second: Math.floor(time / SECOND), bucket: Math.floor(time / SECOND), covers: fields.record.offset });
  }

  /**
   * What was from then on has been recalled whole.
   *
   * @param {number} from ms
   * @param {number} since ms: where the stream began; what is not known whole since stays so
   */
  know(from, since) {
    if (this.#knownFrom <= since) this.#knownFrom = Math.min(this.#knownFrom, from);
  }

  /** What was up to now is not known whole. */
  doubt() {
    this.#knownFrom = this.#bounds.to;
  }

  /** @param {Figures} figures that are told of every record from now on */
  tell(figures) {
    this.#figures.add(figures);
  }

  /**
   * @param {Record<string, number>} positions partition → next offset: where the stream begins
   * @param {Record<string, number>} [ends] partition → position: what lies below was in Kafka before; of it nothing comes too
   *   late, it fills the window
   */
  begin(positions, ends = {}) {
    for (const [partition, end] of Object.entries(ends)) this.#ends.set(Number(partition), end);
    for (const [partition, position] of Object.entries(positions)) this.#positions.set(Number(partition), position);
  }

  /**
   * @param {Fields} fields of a record that arrived, the next of its partition
   * @param {number} now ms, of the server
   */
  arrived(fields, now) {
    const { partition, record } = fields;
    const covers = Math.min(this.#positions.get(partition) ?? record.offset, record.offset);
    this.#positions.set(partition, record.offset + 1);
    const time = timeOf(fields, now);
    // A time that cannot be true says nothing of the gaps around it: the one before it ended by now.
    const isAhead = this.#isAhead(time, now);
    this.#closeGaps(partition, isAhead ? now : time);
    if (!isAhead) this.#times.set(partition, time);
    this.#place(fields, time, covers, now);
  }

  /**
   * @param {Fields} fields of a record that a gap had left out
   * @param {number} covers the first offset that belongs to it
   * @param {number} now ms, of the server
   */
  loaded(fields, covers, now) {
    this.#place(fields, timeOf(fields, now), covers, now);
  }

  /**
   * @param {Range & { reason: string }} range that was not delivered
   */
  missed({ partition, from, to, reason }) {
    this.#positions.set(partition, Math.max(to, this.#positions.get(partition) ?? 0));
    const since = this.#times.get(partition) ?? this.#bounds.from;
    // The partition has passed a window that stands still: what comes now is not in it.
    if (!isMoving(this.#window) && since >= this.#bounds.to) return;
    this.gaps.push({ partition, from, to, reason, since, until: Infinity });
    if (isMoving(this.#window)) this.doubt();
    if (this.gaps.length > GAPS) this.#forget();
  }

  /**
   * @param {Gap} gap of which the offsets before `from` were loaded
   * @param {number} from
   */
  narrow(gap, from) {
    gap.from = from;
    if (gap.from >= gap.to) this.gaps = this.gaps.filter((each) => each !== gap);
  }

  /**
   * Parts a gap in two: what lies before `from` cannot be loaded any more, and stays missing.
   *
   * @param {Gap} gap
   * @param {number} from an offset within it
   */
  part(gap, from) {
    const place = this.gaps.indexOf(gap);
    if (place >= 0) this.gaps.splice(place, 0, { ...gap, to: from });
    gap.from = from;
    if (this.gaps.length > GAPS) this.#forget();
  }

  /**
   * Moves the window on; often is as good as once a second.
   *
   * @param {number} now ms, of the server
   */
  tick(now) {
    const over = Math.floor(now / SECOND) * SECOND;
    if (over > this.#complete.until) this.#complete = { records: this.records, until: over };
    if (!isMoving(this.#window)) return;
    const bounds = boundsOf(this.#window, now);
    if (bounds.to <= this.#bounds.to) return; // a clock that was set back moves nothing
    const [first, end] = [this.#bounds.from / SECOND, bounds.from / SECOND];
    const length = (bounds.to - bounds.from) / SECOND;
    this.#bounds = bounds;
    if (end - first > this.#seconds.size) {
      for (const second of [...this.#seconds.keys()]) if (second < end) this.#expire(second);
    } else for (let second = first; second < end; second += 1) this.#expire(second);
    // What had left is in the two lengths before the new beginning, or has left those as well.
    for (let second = first - length; second < Math.min(end - length, first + length); second += 1) this.#forgetSecond(second);
    for (const [second, entries] of [...this.#coming].sort(([a], [b]) => a - b)) {
      if (second * SECOND >= bounds.to) break;
      this.#coming.delete(second);
      for (const entry of entries) this.#come(entry);
    }
    this.gaps = this.gaps.filter(({ until }) => until >= bounds.from);
  }

  /** @returns {{ records: number, seconds: number }} of the seconds of the window that are over */
  complete() {
    const { from, to } = this.#bounds;
    if (isMoving(this.#window)) {
      const running = to / SECOND - 1;
      return { records: this.records - (this.#seconds.get(running) ?? 0), seconds: running - from / SECOND };
    }
    const begin = Math.max(from, "since" in this.#window ? this.opened : from);
    const { records, until } = this.#complete;
    return { records, seconds: Math.max(0, Math.floor((Math.min(to, until) - begin) / SECOND)) };
  }

  /**
   * @param {string} topic
   * @param {string} epoch
   * @param {import("./counted.js").Counted} counted of the figures that stand on it
   * @returns {Basis} exactly what they stand on
   */
  basis(topic, epoch, { used, withoutValue }) {
    const { ranges, records, late, ahead, missing } = this;
    return { topic, epoch, ranges, records, used, without_value: withoutValue, late, ahead, gaps: missing.ranges, missing: missing.offsets };
  }

  /** @returns {{ offsets: number, ranges: number }} what is missing in the window */
  get missing() {
    const offsets = this.gaps.reduce((sum, { from, to }) => sum + to - from, this.missingForgotten);
    return { offsets, ranges: this.gaps.length + this.gapsForgotten };
  }

  /**
   * @param {number} from ms
   * @param {number} to ms
   * @returns {boolean} whether a gap may have left out records of that time
   */
  isTouched(from, to) {
    return this.gaps.some(({ since, until }) => since < to && until >= from);
  }

  /**
   * @param {Fields} fields
   * @param {number} time ms
   * @param {number} covers
   * @param {number} now ms
   */
  #place(fields, time, covers, now) {
    const { to } = this.#bounds;
    const second = Math.floor(time / SECOND);
    // What never leaves needs no bucket a second.
    const entry = { fields, time, second, bucket: isMoving(this.#window) ? second : 0, covers };
    if (time < to) this.#come(entry);
    else if (this.#isAhead(time, now)) this.ahead += 1;
    else if (isMoving(this.#window)) {
      const coming = this.#coming.get(second);
      if (coming) coming.push(entry);
      else this.#coming.set(second, [entry]);
    }
  }

  /**
   * @param {number} time ms
   * @param {number} now ms
   * @returns {boolean} whether it lies behind the window, and so far ahead of the server's clock that it is taken for wrong
   */
  #isAhead(time, now) {
    const { to } = this.#bounds;
    const clock = isMoving(this.#window) ? to : now;
    return time >= to && time >= clock + AHEAD_S * SECOND;
  }

  /** @param {Entry} entry whose time has come: it is in the window, or too late for it */
  #come(entry) {
    const { fields, time } = entry;
    if (time >= this.#bounds.from) this.#add(entry);
    else {
      this.late += Number(fields.record.offset >= (this.#ends.get(fields.partition) ?? 0));
      if (this.#isBefore(time)) this.#tellEarlier(entry);
    }
  }

  /**
   * @param {number} time ms
   * @returns {boolean} whether it lies in the window before
   */
  #isBefore(time) {
    const { from, to } = this.#bounds;
    return isMoving(this.#window) && time < from && time >= from - (to - from);
  }

  /** @param {Entry} entry */
  #tellEarlier(entry) {
    for (const figures of this.#figures) figures.earlier?.(entry);
  }

  /** @param {Entry} entry */
  #add(entry) {
    const { partition, record } = entry.fields;
    const { bucket } = entry;
    this.records += 1;
    this.#seconds.set(bucket, (this.#seconds.get(bucket) ?? 0) + 1);
    this.#offsets.add(bucket, partition, entry.covers, record.offset + 1);
    for (const figures of this.#figures) figures.add(entry);
  }

  /** @param {number} second */
  #expire(second) {
    const records = this.#seconds.get(second);
    if (records === undefined) return;
    this.#seconds.delete(second);
    this.records -= records;
    this.#offsets.expire(second);
    for (const figures of this.#figures) figures.expire(second);
  }

  /** @param {number} second */
  #forgetSecond(second) {
    for (const figures of this.#figures) figures.forget?.(second);
  }

  /**
   * @param {number} partition in which a record shows until when its open gaps reach
   * @param {number} time ms
   */
  #closeGaps(partition, time) {
    for (const gap of this.gaps) if (gap.partition === partition && gap.until === Infinity) gap.until = Math.max(gap.since, time);
  }

  /** Counts the oldest gap instead of keeping it: there are too many, and none may be missing from the count. */
  #forget() {
    const oldest = this.gaps.shift();
    if (!oldest) return;
    this.gapsForgotten += 1;
    this.missingForgotten += oldest.to - oldest.from;
  }
}

/**
 * @param {Pick<Fields, "record">} fields
 * @param {number} now ms, of the server
 * @returns {number} ms: a record without a time counts as arriving now
 */
export function timeOf({ record }, now) {
  const time = record.timestamp === null ? NaN : Number(record.timestamp);
  return Number.isFinite(time) && time >= 0 ? time : now;
}
