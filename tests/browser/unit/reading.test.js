import assert from "node:assert/strict";
import { test } from "node:test";

import { Arrivals } from "../../../streams/static/streams/board/arrivals.js";
import { Beginning } from "../../../streams/static/streams/board/beginning.js";
import { EVERYTHING, fitting } from "../../../streams/static/streams/board/filter.js";
import { Kept, MOST_GAPS, MOST_KEPT, newest } from "../../../streams/static/streams/board/kept.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { Older } from "../../../streams/static/streams/board/older.js";
import { LoadError } from "../../../streams/static/streams/live/records_api.js";
import { firstLine } from "../../../streams/static/streams/page/format.js";

const arrived = (partition, offset, timestamp) => ({ partition, record: { offset, timestamp, headers: {} } });
const entry = (partition, offset) => ({ kind: "record", topic: "t", epoch: "e", partition, record: { offset } });

test("the past of several partitions is given in the order of time, once all of it is there", () => {
  const beginning = new Beginning({ 0: 2, 1: 2 }, 1_000);
  assert.deepEqual(beginning.take([arrived(0, 0, 10), arrived(0, 1, 30)], { 0: 2, 1: 0 }, 1_001), []);
  const given = beginning.take([arrived(1, 0, 20), arrived(1, 1, 40)], { 0: 2, 1: 2 }, 1_002);
  assert.deepEqual(given.map(({ record }) => record.timestamp), [10, 20, 30, 40]);
  const live = [arrived(1, 2, 5)];
  assert.equal(beginning.take(live, { 0: 2, 1: 3 }, 1_003), live);
});

test("a past that does not become complete is shown after five seconds", () => {
  const beginning = new Beginning({ 0: 100 }, 1_000);
  assert.deepEqual(beginning.take([arrived(0, 0, 10)], { 0: 1 }, 1_001), []);
  assert.equal(beginning.take([], { 0: 1 }, 6_001).length, 1);
});

test("what is passed over is counted, and a row for each partition covers just that", () => {
  const arrivals = new Arrivals(4);
  arrivals.add(Array.from({ length: 12 }, (_, n) => entry(n % 2, 100 + n)));
  const taken = arrivals.take();
  const gaps = taken.filter(({ kind }) => kind === "gap").map(({ range }) => range);
  const shown = taken.filter(({ kind }) => kind === "record").map(({ record }) => record.offset);
  assert.deepEqual(gaps, [
    { partition: 0, from: 100, to: 107, reason: "passed" }, { partition: 1, from: 101, to: 108, reason: "passed" },
  ]);
  assert.deepEqual([shown, arrivals.skipped], [[108, 109, 110, 111], 8]);
  assert.deepEqual(arrivals.take(), []);
});

test("what is new is counted with what was passed over, as far as somebody can know what fits", () => {
  const arrivals = new Arrivals(4);
  arrivals.add(Array.from({ length: 12 }, (_, n) => entry(n % 2, 100 + n)));
  const isEven = ({ partition }) => partition === 0;
  assert.deepEqual(arrivals.fresh(() => true, false), { count: 12, isLeast: false });
  assert.deepEqual(arrivals.fresh(isEven, true), { count: 2, isLeast: true });
  arrivals.take();
  arrivals.add([entry(0, 200), entry(1, 200)]);
  assert.deepEqual(arrivals.fresh(isEven, true), { count: 1, isLeast: false });
});

const gap = (/** @type {number} */ from) => ({ kind: "gap", range: { partition: 0, from, to: from + 1 } });
const offsets = (/** @type {any[]} */ entries) => entries.map(({ record, range }) => record?.offset ?? -range.from);

test("gaps take nobody's place", () => {
  const entries = [entry(0, 1), gap(2), entry(0, 3), entry(0, 4), gap(5), entry(0, 6)];
  assert.deepEqual(offsets(newest(entries, 4)), [1, -2, 3, 4, -5, 6]);
  assert.deepEqual(offsets(newest(entries, 3)), [-2, 3, 4, -5, 6]);
  assert.deepEqual(offsets(newest(entries, 2)), [-2, 4, -5, 6]);
  assert.deepEqual(offsets(newest(entries, 0)), [-2, -5]);
});

test("however many gaps there are, there is an end of them", () => {
  const entries = Array.from({ length: 10 * MOST_GAPS }, (_, from) => gap(from));
  assert.equal(newest(entries, 3).length, 2 * MOST_GAPS + 3);
});

test("what is loaded into a gap is kept with the gap, whatever comes then", () => {
  const kept = new Kept();
  const hole = gap(1);
  kept.add([hole, ...Array.from({ length: MOST_KEPT }, (_, n) => entry(0, 1000 + n))]);
  kept.fill(hole, [entry(0, 1), entry(0, 2)], false, 5_000);
  kept.add([]);
  assert.deepEqual(offsets(kept.fitting(() => true)).slice(0, 4), [1, 2, -1, 1000]);
});

/** A records API that gives the newest of what lies before. */
function api(offsets, epoch = "e") {
  const asked = [];
  return {
    asked,
    async newest(topic, before, limit) {
      asked.push({ ...before });
      const records = offsets.filter((offset) => offset < before[0]).slice(-limit).map((offset) => ({ offset, timestamp: offset }));
      const from = records[0]?.offset ?? 0;
      const stopped = offsets.some((offset) => offset < from) ? "enough" : "beginning";
      return { epoch, stopped, ranges: [{ partition: 0, from, to: before[0], records }] };
    },
  };
}

test("what lies further down is loaded step by step to the beginning, each record once", async () => {
  const offsets = Array.from({ length: 450 }, (_, n) => 2 * n);
  const older = new Older(api(offsets), "t", "e", { 0: 901 });
  const seen = [];
  while (older.state !== "beginning") seen.unshift(...(await older.load()));
  assert.deepEqual(seen.map(({ record }) => record.offset), offsets);
  assert.deepEqual(await older.load(), []);
});

test("a board that began at offset 0 asks for nothing older", async () => {
  const nothing = api([]);
  assert.equal(new Older(nothing, "t", "e", { 0: 0, 1: 0 }).state, "beginning");
});

test("why nothing older comes is said, and it can be tried again", async () => {
  const older = new Older(api([1], "f"), "t", "e", { 0: 9 });
  assert.deepEqual(await older.load(), []);
  assert.deepEqual([older.state, /earlier life/.test(older.note)], ["failed", true]);
  const away = { newest: async () => { throw new LoadError("Kafka cannot be reached."); } };
  const failing = new Older(away, "t", "e", { 0: 9 });
  await failing.load();
  assert.deepEqual([failing.state, failing.note], ["failed", "Kafka cannot be reached."]);
});

test("of several lines the first that says something is shown, and how many follow", () => {
  assert.deepEqual(firstLine("one"), { first: "one", more: 0 });
  assert.deepEqual(firstLine("\n\nTraceback\n  a\n  b\n\n"), { first: "Traceback", more: 2 });
  assert.deepEqual(firstLine(""), { first: "", more: 0 });
});

test("what a row or the detail shows is found as it stands there", () => {
  const record = {
    offset: 7, timestamp: 0, key: "k", headers: { trace: "ab12" }, encoding: "json", size: 1,
    value: new Source('{"status":"open","id":7,"said":"say \\"hi\\"","deep":{"tags":["new","old"]},"status":"closed"}'),
  };
  const finds = (text) => fitting({ ...EVERYTHING, text })({ kind: "record", partition: 2, record, event: null });
  for (const text of ["status: closed", "status:closed", "id: 7", "id:7", 'say "hi"', '"status":"closed"', "trace: ab12", "tags: old"]) {
    assert.equal(finds(text), true, text);
  }
  assert.equal(finds("status:open"), true, "of a name that stands there twice both are found");
  assert.equal(finds("status:new"), false);
});

test("a gap that is still open is kept beyond the records around it, where it was", () => {
  const kept = new Kept();
  const gap = { kind: "gap", range: { partition: 0, from: 0, to: 9 } };
  kept.add([gap, entry(0, 9)]);
  kept.add(Array.from({ length: MOST_KEPT }, (_, n) => entry(0, 10 + n)));
  const [oldest, next] = kept.fitting(() => true);
  assert.equal(oldest, gap);
  assert.equal(next.record.offset, 10);
  kept.fill(gap, [entry(0, 5)], true, 100);
  assert.equal(kept.fitting(() => true)[0].record.offset, 5);
});
