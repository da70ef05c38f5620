import assert from "node:assert/strict";
import { test } from "node:test";

import { frontierOf, toldOf } from "../../../streams/static/streams/board/forwards.js";
import { NoSuchPart, boundsOf, fieldTime, placeOf, placeText } from "../../../streams/static/streams/board/when.js";
import { dateText, timeText } from "../../../streams/static/streams/page/clock.js";

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);

test("a place is a time, or a partition and an offset, as people write them", () => {
  const utc = (text) => placeOf(text, NOW, true);
  const at = (...parts) => ({ timestamp: Date.UTC(...parts) });
  assert.deepEqual(utc("14:03"), at(2026, 0, 31, 14, 3));
  assert.deepEqual(utc("14:03:22.5"), at(2026, 0, 31, 14, 3, 22, 500));
  assert.deepEqual(utc("yesterday 14:00"), at(2026, 0, 30, 14));
  assert.deepEqual(utc("2026-01-01 06:30"), at(2026, 0, 1, 6, 30));
  assert.deepEqual(utc("2026-01-01"), at(2026, 0, 1));
  assert.deepEqual(utc("-15m"), { timestamp: NOW - 900_000 });
  assert.deepEqual(utc("1769860800123"), { timestamp: 1_769_860_800_123 });
  assert.deepEqual(placeOf("2026-01-01T06:30:00.250Z", NOW, false), at(2026, 0, 1, 6, 30, 0, 250));
  assert.deepEqual(placeOf("08:00", NOW, false), { timestamp: new Date(new Date(NOW).setHours(8, 0, 0, 0)).getTime() });
  assert.deepEqual(utc("2:18402"), { partition: 2, offset: 18_402 });
  assert.deepEqual(utc("p14:30"), { partition: 14, offset: 30 });
  assert.deepEqual(utc("99:30"), { partition: 99, offset: 30 });
  for (const text of ["", "soon", "2:", "25:99:00", "2026-13-01", "-1 fortnight"]) assert.throws(() => utc(text), NoSuchPart, text);
});

test("a partition and an offset are written so that they are never read as a time", () => {
  for (const place of [{ partition: 12, offset: 30 }, { partition: 0, offset: 0 }, { partition: 9, offset: 59 }, { partition: 140, offset: 1_234_567_890_123 }]) {
    assert.deepEqual(placeOf(placeText(place), NOW, false), place);
  }
});

test("what follows a place is asked for from there, in one partition or in all", () => {
  const at = (from) => boundsOf({ where: "at", from, to: "", partition: "", isUtc: true }, NOW);
  assert.deepEqual(at("2:5"), { partitions: [2], from: { positions: { 2: 5 } } });
  assert.deepEqual(at("12:00"), { from: { timestamp: NOW } });
  const utc = boundsOf({ where: "time", from: fieldTime(NOW, true), to: "", partition: "", isUtc: true }, NOW);
  assert.deepEqual(utc, { from: { timestamp: NOW } });
  assert.deepEqual(boundsOf({ where: "time", from: fieldTime(NOW + 7, false), to: "", partition: "" }, NOW), { from: { timestamp: NOW + 7 } });
});

test("times are written with milliseconds, in UTC or as how long ago", () => {
  const then = NOW - 3_723_045;
  assert.equal(timeText(then, NOW, "utc"), "10:57:56.955");
  assert.deepEqual([then, NOW - 127_000, NOW - 12_345, NOW + 5].map((ms) => timeText(ms, NOW, "relative")), ["−1:02:03.045", "−2:07.000", "−12.345 s", "+0.005 s"]);
  assert.equal(timeText(null, NOW, "utc"), "–");
  assert.equal(dateText(then, NOW, "utc"), "2026-01-31 10:57:56.955 UTC");
  assert.match(dateText(then, NOW, "relative"), /^−1:02:03\.045 \(2026-/);
});

test("several partitions are told as far as all of them were looked at, and the rest is left to go on with", () => {
  const record = (offset, timestamp) => ({ offset, timestamp });
  const end = (reason, partition, from, to, left) => ({
    type: "end", reason, scanned_ranges: [{ partition, from, to }], cursor: left ? { epoch: "e", ranges: [{ partition, from: to, to: left }] } : null, matched: 2,
  });
  const runs = [
    { partition: 0, records: [record(0, 10), record(1, 40)], end: end("complete", 0, 0, 2) },
    { partition: 1, records: [record(5, 20), record(6, 30)], end: end("limit", 1, 5, 7, 90) },
  ];
  assert.equal(frontierOf(runs), 30);
  const [first, second] = runs.map((run) => toldOf(run, 30));
  assert.deepEqual(first.records, [record(0, 10)]);
  assert.deepEqual(first.end.scanned_ranges, [{ partition: 0, from: 0, to: 1 }]);
  assert.deepEqual(first.end.cursor.ranges, [{ partition: 0, from: 1, to: 2 }]);
  assert.deepEqual(second.end, runs[1].end);
});
