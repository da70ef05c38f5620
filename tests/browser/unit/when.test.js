import assert from "node:assert/strict";
import { test } from "node:test";

import { NoSuchPart, boundsOf, fieldTime, placeOf, placeSentence, placeText } from "../../../streams/static/streams/board/when.js";
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

test("where nothing stands at the place that was gone to, it is said why, and what stands next", () => {
  const place = { partition: 2, offset: 5 };
  const said = (from, first, isFiltered = false) => placeSentence(place, [{ partition: 2, from, to: 900 }], first, isFiltered);
  assert.equal(said(5, 5), "");
  assert.equal(said(5, null), "");
  assert.equal(said(300, null), "Retention took offset 5 of partition 2.");
  assert.equal(said(300, 300), "Retention took offset 5 of partition 2. The next record is 2:300.");
  assert.equal(said(5, 190), "No record stands at offset 5: compaction took it, or it was none of a record. The next record is 2:190.");
  assert.equal(said(5, 190, true), "What stands at offset 5 does not match. The next match is 2:190.");
  assert.equal(placeSentence(place, [], null, false), "Partition 2 does not reach offset 5 yet.");
  assert.equal(placeSentence({ timestamp: NOW }, [], null, false), "No record is of that time or later.");
  assert.equal(placeSentence({ timestamp: NOW }, [{ partition: 0, from: 0, to: 1 }], null, false), "");
});
