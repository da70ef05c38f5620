import assert from "node:assert/strict";
import { test } from "node:test";

import { clock, counted, duration, fullTime, grouped, isPrintable, printable, rate, size, stopwatch } from "../../../streams/static/streams/page/format.js";

test("numbers get thin group spaces", () => {
  assert.deepEqual([7, 1_842, 12_402_000].map(grouped), ["7", "1\u202F842", "12\u202F402\u202F000"]);
  assert.equal(counted(1, "record"), "1 record");
});

test("durations and sizes have their unit", () => {
  assert.deepEqual([38, 1_500, 61_000, 600_000, 8e6].map(duration), ["38 ms", "1.5 s", "61 s", "10 min", "2 h"]);
  assert.deepEqual([12, 2_048, 3_145_728].map(size), ["12 B", "2.0 KiB", "3.0 MiB"]);
  assert.deepEqual([0, 2.25, 214.4].map(rate), ["0/s", "2.3/s", "214/s"]);
  assert.equal(stopwatch(2_467_000), "00:41:07");
});

test("a time that is none is said so, never NaN", () => {
  assert.equal(clock(null), "–");
  assert.equal(clock(9e18), "–");
  assert.equal(fullTime(null), "none");
  assert.match(fullTime(0), /^19(69|70)-.* UTC[+−]\d\d:\d\d$/);
});

test("what has no sign of its own gets one, tabs and line breaks stay", () => {
  assert.equal(printable("\u0000\u0007Desk\tlamp\r\n\u007F"), "␀␇Desk\tlamp\r\n␡");
  assert.deepEqual(["Desk\tlamp\r\n", "\u0000"].map(isPrintable), [true, false]);
});
