import assert from "node:assert/strict";
import { test } from "node:test";

import { arranged, turned } from "../../../streams/static/streams/page/order.js";
import { exactTime, fromNow, timeText } from "../../../streams/static/streams/boards/tiles/words.js";

const record = (name, partition, offset, time) => ({ name, partition, offset, time });
const note = (name) => ({ name, isNote: true });
const placeOf = (each) => (each.isNote ? null : each);
const names = (came, order) => arranged(came, order, placeOf).map(({ name }) => name).join("");

// b is late: its time lies before what came before it; c has the time of another one.
const CAME = [record("a", 1, 5, 100), note("-"), record("b", 0, 7, 50), record("c", 0, 8, 100), record("d", 1, 6, null), record("e", 0, 9, 300)];

test("records stand as they came, by time across partitions, or partition by partition, each way round", () => {
  assert.equal(names(CAME, "newest"), "edcb-a");
  assert.equal(names(CAME, "oldest"), "a-bcde");
  assert.equal(names(CAME, "time-oldest"), "bca-de");
  assert.equal(names(CAME, "time-newest"), "ecd-ab");
  assert.equal(names(CAME, "place-oldest"), "bcea-d");
  assert.equal(names(CAME, "place-newest"), "ecbd-a");
  assert.equal(names(CAME, turned("place-newest")), "bcea-d");
});

test("what came first keeps its list", () => {
  const came = [...CAME];
  for (const order of ["newest", "time-newest", "place-oldest"]) arranged(came, order, placeOf);
  assert.deepEqual(came, CAME);
});

test("times of tiles are written by any clock, ago with milliseconds", () => {
  const now = Date.UTC(2026, 0, 31, 12, 0, 0);
  assert.equal(exactTime(now - 12_345, "relative", now), "−12.345 s");
  assert.equal(exactTime(now - 1_500, "utc", now), "11:59:58.500");
  assert.equal(timeText(now, "utc", now), "12:00:00");
  assert.deepEqual([0, -30_000, -90_000, -300_000, -7_200_000, -3_723_000, 5_000].map(fromNow), ["now", "−30 s", "−1:30", "−5 min", "−2 h", "−1:02:03", "+5 s"]);
});
