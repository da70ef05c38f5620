// The bookkeeping of one stream: positions by partition, what is a duplicate, what is a gap, what was lost.
// Every record is counted once, by its position. No socket and no page in here.

import { applyRange } from "./protocol.js";

/**
 * @typedef {import("./protocol.js").KafkaRecord} KafkaRecord
 * @typedef {import("./protocol.js").Range} Range
 * @typedef {import("./protocol.js").RecordRange} RecordRange
 * @typedef {import("./protocol.js").Cursor} Cursor
 * @typedef {{ partition: number, record: KafkaRecord }} Arrived
 * @typedef {Range & { reason: string }} MissingRange
 */

export class Stream {
  /** @type {Map<number, number>} partition → next offset to read */
  #positions = new Map();
  /** @type {Set<number>} partitions that moved since the last ack */
  #moved = new Set();
  epoch = "";
  received = 0;
  duplicates = 0;
  /** offsets known to be missing */
  missing = 0;

  /** @returns {Cursor} */
  cursor() {
    return { epoch: this.epoch, positions: Object.fromEntries(this.#positions) };
  }

  /**
   * Takes the place the server names in `subscribed`. In the same epoch a position never goes back, and one that was
   * jumped over is a gap; another epoch is a new life, in which the old positions mean nothing.
   *
   * @param {Cursor} cursor
   * @param {string | null} reason why a cursor was not honoured in full
   * @returns {MissingRange[]}
   */
  begin(cursor, reason) {
    if (cursor.epoch !== this.epoch) {
      this.reset(cursor);
      return [];
    }
    /** @type {MissingRange[]} */
    const missing = [];
    for (const [partition, position] of partitionsOf(cursor)) {
      const mine = this.#positions.get(partition) ?? 0;
      if (position > mine) missing.push(this.#jump({ partition, from: mine, to: position }, reason ?? "retention"));
    }
    return missing;
  }

  /** @param {Cursor} cursor where the new life begins */
  reset(cursor) {
    this.epoch = cursor.epoch;
    this.#positions = new Map(partitionsOf(cursor));
    this.#moved.clear();
  }

  /**
   * @param {RecordRange[]} ranges
   * @returns {{ arrived: Arrived[], lost: boolean }} lost: a range began behind my position, and from it on nothing of
   *   its partition was applied; the stream has to be subscribed again with the cursor
   */
  records(ranges) {
    /** @type {Arrived[][]} */
    const runs = [];
    let lost = false;
    for (const range of ranges) {
      const position = this.#positions.get(range.partition) ?? 0;
      const verdict = applyRange(position, range);
      if (verdict === "lost") lost = true;
      if (verdict === "duplicate") this.duplicates += range.records.length;
      if (verdict !== "apply" && verdict !== "overlap") continue;
      const fresh = range.records.filter(({ offset }) => offset >= position);
      this.duplicates += range.records.length - fresh.length;
      runs.push(fresh.map((record) => ({ partition: range.partition, record })));
      this.#move(range.partition, range.to);
    }
    const arrived = mergedByTime(runs);
    this.received += arrived.length;
    return { arrived, lost };
  }

  /**
   * @param {Range[]} ranges which the server did not deliver
   * @param {string} reason
   * @returns {{ missing: MissingRange[], lost: boolean }} what of them is new to us; lost as in `records`
   */
  gap(ranges, reason) {
    /** @type {MissingRange[]} */
    const missing = [];
    let lost = false;
    for (const { partition, from, to } of ranges) {
      const position = this.#positions.get(partition) ?? 0;
      if (from > position) lost = true;
      else if (to > position) missing.push(this.#jump({ partition, from: position, to }, reason));
    }
    return { missing, lost };
  }

  /** @returns {Record<string, number> | null} the partitions that moved since the last call, null when none did */
  takeMoved() {
    if (this.#moved.size === 0) return null;
    const moved = [...this.#moved].map((partition) => [partition, this.#positions.get(partition) ?? 0]);
    this.#moved.clear();
    return Object.fromEntries(moved);
  }

  /**
   * @param {Range} range
   * @param {string} reason
   * @returns {MissingRange}
   */
  #jump(range, reason) {
    this.missing += range.to - range.from;
    this.#move(range.partition, range.to);
    return { ...range, reason };
  }

  /**
   * @param {number} partition
   * @param {number} position
   */
  #move(partition, position) {
    this.#positions.set(partition, position);
    this.#moved.add(partition);
  }
}

/**
 * Records of several partitions by their time, without changing the order inside of one: that is Kafka's promise.
 *
 * @param {Arrived[][]} runs
 * @returns {Arrived[]}
 */
export function mergedByTime(runs) {
  if (runs.length === 1) return runs[0] ?? [];
  const waiting = runs.filter((run) => run.length > 0).map((run) => ({ run, next: 0 }));
  /** @type {Arrived[]} */
  const merged = [];
  const timeOf = (/** @type {{ run: Arrived[], next: number }} */ { run, next }) => Number(run[next]?.record.timestamp ?? 0);
  while (waiting.length > 0) {
    const first = waiting.reduce((earliest, each) => (timeOf(each) < timeOf(earliest) ? each : earliest));
    const arrived = first.run[first.next];
    if (arrived) merged.push(arrived);
    first.next += 1;
    if (first.next >= first.run.length) waiting.splice(waiting.indexOf(first), 1);
  }
  return merged;
}

/**
 * @param {Cursor} cursor
 * @returns {[number, number][]}
 */
function partitionsOf(cursor) {
  return Object.entries(cursor.positions).map(([partition, position]) => [Number(partition), position]);
}
