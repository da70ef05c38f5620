// A tile before it is added: what it shows of a topic's newest records, and how its columns are kept when they are chosen anew.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { LoadError } from "../../../streams/static/streams/live/records_api.js";
import { Samples, searched } from "../../../streams/static/streams/boards/edit/sample.js";
import { movedColumn, withColumns } from "../../../streams/static/streams/boards/edit/kinds.js";
import { parseMessage } from "../../../streams/static/streams/live/json.js";
import { shownOn } from "../../../streams/static/streams/boards/edit/shown.js";

const NOW = 1_700_000_000_400;
const tile = (kind, options) => ({ id: kind, kind, title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options });
const record = (offset, timestamp, body) =>
  parseMessage(JSON.stringify({ offset, timestamp, key: `k${offset % 3}`, headers: {}, size: 9, encoding: "json", value: "VALUE" }).replace('"VALUE"', JSON.stringify(body)));
const BODIES = [{ n: 1, kind: "a", lat: 1, lon: 2 }, { n: 5, kind: "b" }, { n: 9, kind: "a", lat: 3, lon: 4 }, { kind: "a" }];
const SAMPLE = { topic: "t", epoch: "e", records: BODIES.map((body, n) => ({ partition: n % 2, record: record(10 + n, NOW - 86_400_000 + 1_500 * n, body) })) };
const show = (kind, options, sample = SAMPLE) => shownOn(tile(kind, options), sample, NOW);

test("a tile shows the figures of exactly the records of the sample, however old they are", async () => {
  const { window, shown } = await show("number", { figure: "sum", field: "value.n" });
  assert.deepEqual(window, { from: NOW - 86_400_000, to: NOW - 86_400_000 + 4_501 });
  assert.equal(shown.figures.value, "15");
  assert.deepEqual(shown.basis, {
    topic: "t", epoch: "e", ranges: [{ partition: 0, from: 10, to: 13 }, { partition: 1, from: 11, to: 14 }],
    records: 4, used: 3, without_value: 1, late: 0, ahead: 0, gaps: 0, missing: 0,
  });
  assert.equal(Number((await show("number", { figure: "rate", field: null })).shown.figures.value), 1);
  assert.deepEqual((await show("top", { field: "value.kind", limit: 5 })).shown.figures.rows.map(({ key, count }) => [key, count]), [["a", 3], ["b", 1]]);
  assert.equal((await show("distribution", { field: "value.n", bins: null })).shown.figures.bins.reduce((sum, { count }) => sum + count, 0), 3);
  assert.deepEqual((await show("table", { by: "key", columns: ["value.kind"], sort: "key" })).shown.figures.rows.map(({ id }) => id), ["k0", "k1", "k2"]);
  assert.deepEqual((await show("stream", { columns: [], order: "newest" })).shown.figures.rows.map(({ offset }) => offset), [13, 12, 11, 10]);
  assert.equal((await show("map", { latitude: "value.lat", longitude: "value.lon" })).shown.figures.points.length, 2);
  const { lines } = (await show("chart", { y: "value.n", aggregate: "sum", split: null, form: "line", bucket_seconds: null })).shown.figures;
  assert.equal(lines[0].values.reduce((sum, value) => sum + (value ?? 0), 0), 15);
});

test("a tile of a topic without records, or of a path that is none, says so and fails at nothing", async () => {
  const empty = await show("number", { figure: "count", field: null }, { topic: "t", epoch: "e", records: [] });
  assert.equal(empty.shown.figures.value, "0");
  assert.equal(empty.shown.since, null);
  const wrong = (await show("top", { field: "value..", limit: 5 })).shown;
  assert.equal(wrong.figures, null);
  assert.notEqual(wrong.problem, "");
  assert.equal((await show("text", { text: "Hi" })).shown.figures, null);
});

test("what a search found stands in the order of time, each partition in its own", async () => {
  const lines = [
    { type: "waiting", place: 1 }, { type: "begin", epoch: "e2", ranges: [], offsets: 9 },
    { type: "records", partition: 1, records: [record(7, 900, {}), record(4, 300, {})] },
    { type: "records", partition: 0, records: [record(5, 400, {})] },
    { type: "records", partition: 1, records: [record(3, 100, {})] },
    { type: "end", reason: "complete" },
  ];
  const found = await searched("t", Readable.from(lines));
  assert.equal(found.epoch, "e2");
  assert.deepEqual(found.records.map(({ partition, record: { offset } }) => [partition, offset]), [[1, 3], [1, 4], [0, 5], [1, 7]]);
});

test("a search that looked at nothing or broke off is no sample, and says why", async () => {
  const begin = { type: "begin", epoch: "e", ranges: [], offsets: 9 };
  await assert.rejects(searched("t", Readable.from([{ type: "end", reason: "away", message: "Kafka is away." }])), /Kafka is away/);
  await assert.rejects(searched("t", Readable.from([begin, { type: "broken", message: "It broke off." }])), /It broke off/);
  assert.deepEqual((await searched("t", Readable.from([begin, { type: "end", reason: "time", message: "Enough." }]))).records, []);
});

test("a sample is read once, again after it could not be had, and few are kept", async () => {
  const asked = [];
  let isAway = true;
  const newest = async (topic) => {
    asked.push(topic);
    if (isAway) throw new LoadError("Kafka cannot be reached.");
    return { epoch: "e", stopped: "enough", ranges: [{ partition: 0, from: 0, to: 1, records: [record(0, 1, {})] }] };
  };
  const samples = new Samples(() => ({ newest }), "/api/topics/");
  await assert.rejects(samples.of("a", ""), /Kafka/);
  isAway = false;
  assert.equal((await samples.of("a", "")).records.length, 1);
  await samples.of("a", "");
  for (const topic of ["b", "c", "d", "e"]) await samples.of(topic, "");
  await samples.of("a", "");
  assert.deepEqual(asked, ["a", "a", "b", "c", "d", "e", "a"]);
});

test("a sample is read by the formats that are asked for, and is another one than that of others", async () => {
  const asked = [];
  const newest = (formats) => async () => {
    asked.push(formats);
    return { epoch: "e", stopped: "enough", ranges: [{ partition: 0, from: 0, to: 1, records: [record(0, 1, {})] }] };
  };
  const samples = new Samples((formats) => ({ newest: newest(formats) }), "/api/topics/");
  for (const formats of [{}, { value_format: "msgpack" }, {}, { value_format: "msgpack" }]) await samples.of("a", "", formats);
  assert.deepEqual(asked, [{}, { value_format: "msgpack" }]);
});

test("columns keep their widths when they are moved, and others join with a usual one", () => {
  const options = { columns: ["value.a", "value.b"], order: "newest", widths: [90, 100, 110, 80] };
  assert.deepEqual(withColumns(options, ["value.b", "value.a"]).widths, [90, 110, 100, 80]);
  assert.deepEqual(withColumns(options, ["value.b", "value.c"]).widths, [90, 110, 160, 80]);
  assert.deepEqual(withColumns(options, []).widths, []);
  assert.equal("widths" in withColumns({ columns: ["value.a"], order: "newest" }, ["value.b"]), false);
  assert.deepEqual(movedColumn(["a", "b", "c"], "c", -1), ["a", "c", "b"]);
  assert.deepEqual(movedColumn(["a", "b", "c"], "a", 1), ["b", "a", "c"]);
  assert.deepEqual(movedColumn(["a", "b"], "a", -1), ["a", "b"]);
});
