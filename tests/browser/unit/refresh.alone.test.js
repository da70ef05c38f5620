import assert from "node:assert/strict";
import { test } from "node:test";

import { Refresh } from "../../../streams/static/streams/itempages/refresh.js";

/** A refresh whose requests end when the test says so. */
function refreshing(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const ends = [];
  const known = { allowed: true, settled: [] };
  const refresh = new Refresh(
    {
      ask: () => new Promise((resolve, reject) => ends.push({ resolve, reject })),
      mayAsk: () => known.allowed,
      settled: (failures) => known.settled.push(failures),
    },
    () => 0,
  );
  const end = async (how, ...details) => {
    ends.at(-1)[how](...details);
    await new Promise(setImmediate);
  };
  return { refresh, ends, known, end, tick: (ms) => t.mock.timers.tick(ms) };
}

test("many changes are one question, half a second later", (t) => {
  const { refresh, ends, tick } = refreshing(t);
  for (let n = 0; n < 1_000; n += 1) refresh.due();
  tick(499);
  assert.equal(ends.length, 0);
  tick(1);
  assert.equal(ends.length, 1);
});

test("one request at a time; what changed meanwhile is asked afterwards, less and less often", async (t) => {
  const { refresh, ends, end, tick } = refreshing(t);
  refresh.due();
  tick(500);
  refresh.due();
  tick(60_000);
  assert.equal(ends.length, 1);
  await end("resolve", true);
  tick(999);
  assert.equal(ends.length, 1);
  tick(1);
  assert.equal(ends.length, 2);
  await end("resolve", true);
  refresh.due();
  tick(500);
  assert.equal(ends.length, 3);
});

test("nothing is asked while nobody looks, and at once when somebody does", (t) => {
  const { refresh, ends, known, tick } = refreshing(t);
  known.allowed = false;
  refresh.due();
  tick(60_000);
  refresh.due();
  tick(60_000);
  assert.equal(ends.length, 0);
  known.allowed = true;
  refresh.allowed();
  tick(0);
  assert.equal(ends.length, 1);
});

test("a failure is told and tried again by itself, a success ends the count", async (t) => {
  const { refresh, ends, known, end, tick } = refreshing(t);
  refresh.now();
  tick(0);
  await end("reject", new Error("away"));
  tick(1_000);
  await end("reject", new Error("away"));
  tick(1_999);
  assert.equal(ends.length, 2);
  tick(1);
  await end("resolve", true);
  assert.deepEqual(known.settled, [1, 2, 0]);
  tick(60_000);
  assert.equal(ends.length, 3);
});

test("an answer that could not be used is asked for again", async (t) => {
  const { refresh, ends, known, end, tick } = refreshing(t);
  refresh.now();
  tick(0);
  await end("resolve", false);
  tick(1_000);
  assert.equal(ends.length, 2);
  assert.deepEqual(known.settled, []);
});
