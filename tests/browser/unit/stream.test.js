import assert from "node:assert/strict";
import { test } from "node:test";

import { Stream } from "../../../streams/static/streams/live/stream.js";

const record = (offset, timestamp = offset) => ({
  offset, timestamp, key: null, headers: {}, size: 1, encoding: "json", value: offset,
});
const range = (partition, from, to, offsets = undefined) => ({
  partition, from, to, records: (offsets ?? Array.from({ length: to - from }, (_, n) => from + n)).map((o) => record(o)),
});
const begun = (positions = { 0: 10 }) => {
  const stream = new Stream();
  stream.begin({ epoch: "one", positions }, null);
  return stream;
};
const offsets = ({ arrived }) => arrived.map((each) => each.record.offset);

test("ranges that join are counted once, each record by its position", () => {
  const stream = begun();
  assert.deepEqual(offsets(stream.records([range(0, 10, 12), range(0, 12, 13)])), [10, 11, 12]);
  assert.equal(stream.received, 3);
  assert.deepEqual(stream.cursor(), { epoch: "one", positions: { 0: 13 } });
});

test("a range received twice adds nothing the second time", () => {
  const stream = begun();
  stream.records([range(0, 10, 12)]);
  assert.deepEqual(offsets(stream.records([range(0, 10, 12)])), []);
  assert.deepEqual([stream.received, stream.duplicates], [2, 2]);
});

test("of an overlapping range only the new records are applied", () => {
  const stream = begun({ 0: 12 });
  assert.deepEqual(offsets(stream.records([range(0, 10, 14)])), [12, 13]);
  assert.equal(stream.duplicates, 2);
});

test("holes in the offsets are no loss", () => {
  const stream = begun();
  assert.deepEqual(stream.records([range(0, 10, 20, [11, 17])]).lost, false);
  assert.deepEqual(stream.records([range(0, 20, 20)]), { arrived: [], lost: false });
  assert.equal(stream.cursor().positions[0], 20);
});

test("a range behind the position is lost and leaves the position where it was", () => {
  const stream = begun();
  const { arrived, lost } = stream.records([range(0, 11, 12), range(1, 0, 1)]);
  assert.equal(lost, true);
  assert.deepEqual(arrived.map((each) => each.partition), [1]);
  assert.deepEqual(stream.cursor().positions, { 0: 10, 1: 1 });
});

test("a partition not seen before starts at 0", () => {
  assert.equal(begun().records([range(7, 0, 2)]).lost, false);
  assert.equal(begun().records([range(7, 1, 2)]).lost, true);
});

test("a gap moves the position and is remembered as missing", () => {
  const stream = begun();
  const { missing, lost } = stream.gap([{ partition: 0, from: 10, to: 15 }], "slow");
  assert.deepEqual(missing, [{ partition: 0, from: 10, to: 15, reason: "slow" }]);
  assert.equal(lost, false);
  assert.equal(stream.missing, 5);
  assert.deepEqual(offsets(stream.records([range(0, 15, 16)])), [15]);
});

test("a gap told twice counts once, and one that does not reach my position is a loss", () => {
  const stream = begun();
  stream.gap([{ partition: 0, from: 10, to: 15 }], "slow");
  assert.deepEqual(stream.gap([{ partition: 0, from: 10, to: 15 }], "slow"), { missing: [], lost: false });
  assert.deepEqual(stream.gap([{ partition: 0, from: 16, to: 18 }], "slow"), { missing: [], lost: true });
});

test("a resumed stream that begins later than my position has a gap there", () => {
  const stream = begun({ 0: 10, 1: 3 });
  const missing = stream.begin({ epoch: "one", positions: { 0: 10, 1: 8 } }, "retention");
  assert.deepEqual(missing, [{ partition: 1, from: 3, to: 8, reason: "retention" }]);
});

test("a resumed stream never goes back", () => {
  const stream = begun({ 0: 10 });
  assert.deepEqual(stream.begin({ epoch: "one", positions: { 0: 4 } }, null), []);
  assert.equal(stream.cursor().positions[0], 10);
});

test("another epoch forgets the positions and keeps the counts", () => {
  const stream = begun();
  stream.records([range(0, 10, 12)]);
  assert.deepEqual(stream.begin({ epoch: "two", positions: { 0: 0 } }, "epoch"), []);
  assert.deepEqual(offsets(stream.records([range(0, 0, 1)])), [0]);
  assert.equal(stream.received, 3);
});

test("acks name only the partitions that moved since the last one", () => {
  const stream = begun({ 0: 10, 1: 3 });
  assert.equal(stream.takeMoved(), null);
  stream.records([range(1, 3, 5)]);
  assert.deepEqual(stream.takeMoved(), { 1: 5 });
  assert.equal(stream.takeMoved(), null);
});

test("partitions are merged by time, and the order inside of one is Kafka's", () => {
  const stream = begun({ 0: 0, 1: 0 });
  const { arrived } = stream.records([
    { partition: 0, from: 0, to: 2, records: [record(0, 5), record(1, 1)] },
    { partition: 1, from: 0, to: 2, records: [record(0, 2), record(1, 9)] },
  ]);
  assert.deepEqual(arrived.map((each) => `${each.partition}:${each.record.offset}`), ["1:0", "0:0", "0:1", "1:1"]);
});
