// A stream of a board with its tiles, over a connection whose messages are written here: when a tile is read anew, what is
// said of it, and what becomes of gaps.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../../streams/static/streams/boards/worker/feed.js";
import { LoadError } from "../../../streams/static/streams/live/records_api.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { Streams } from "../../../streams/static/streams/boards/worker/streams.js";
import { prepare } from "../../../streams/static/streams/boards/figures/kinds.js";

await prepare(["number", "map", "stream", "table"]);

const NOW = 1_700_000_000_400;
const tile = (kind, options) => ({ id: kind, kind, title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options });
const COUNT = tile("number", { figure: "count", field: null });
const TABLE = tile("table", { by: "key", columns: [], sort: "key" });
const record = (offset, timestamp) => ({ offset, timestamp, key: `k${offset}`, headers: {}, size: 2, encoding: "json", value: new Source("{}") });

/** A stream that was asked for; what it is told, and what its tiles then show. */
function asked(t, { tiles = [COUNT], window = { last_seconds: 60 }, page, formats = {}, read = async () => false } = {}) {
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const clock = { now: NOW };
  const sent = [];
  const streams = new Streams({ send: (message) => sent.push(message), distrust: assert.fail });
  streams.connected();
  const feed = new Feed("t", "", formats, window, { streams, api: { page }, earlier: { read }, now: () => clock.now, met: () => {}, isLinked: () => true, changed: () => {} });
  for (const each of tiles) feed.seat(each);
  feed.watch();
  const { id, start, ...subscribe } = sent.find(({ type }) => type === "subscribe");
  const hear = (message) => streams.heard({ stream: "s", ...message }, 100);
  return {
    feed, clock, start, subscribe,
    begin: (ends) => hear({ type: "subscribed", id, topic: "t", recovered: true, reason: null, cursor: { epoch: "e", positions: { 0: 0 } }, ends }),
    refuse: (code, more) => hear({ type: "error", id, code, message: "Kafka cannot be reached.", ...more }),
    receive: (from, to) => hear({ type: "records", ranges: [{ partition: 0, from, to, records: Array.from({ length: to - from }, (_, n) => record(from + n, clock.now)) }] }),
    miss: (from, to) => hear({ type: "gap", ranges: [{ partition: 0, from, to }], reason: "slow" }),
    // As the worker does it: only what is new is read.
    shown: () => (feed.isFresh ? feed.read(new Map()) : []),
  };
}

test("a tile says what keeps its stream from beginning, as soon as it is known", (t) => {
  const { refuse, shown } = asked(t);
  assert.deepEqual(shown().map(({ note, problem }) => [note, problem]), [["being filled from Kafka", ""]]);
  assert.deepEqual(shown(), [], "nothing is new");
  refuse("unavailable", { retry_after_ms: 5_000 });
  assert.deepEqual(shown().map(({ note, problem }) => [note, problem]), [["", "Kafka cannot be reached."]]);
});

test("no zero is shown of a stream that has not begun", (t) => {
  // Without records they are figures of nothing for as long as some are to come.
  const { refuse, shown } = asked(t);
  assert.deepEqual(shown().map(({ isFilling, basis }) => [isFilling, basis.records]), [[true, 0]]);
  refuse("unavailable", { retry_after_ms: 5_000 });
  assert.deepEqual(shown().map(({ isFilling, basis }) => [isFilling, basis.records]), [[true, 0]]);
  const empty = asked(t);
  empty.begin({ 0: 0 });
  assert.deepEqual(empty.shown().map(({ isFilling, figures }) => [isFilling, figures.value]), [[false, "0"]], "that is one");
});

test("a stream begins where its window begins, whatever is compared with it", (t) => {
  assert.deepEqual(asked(t).start, { timestamp: NOW + 600 - 60_000 });
  assert.deepEqual(asked(t, { window: { last_seconds: 900 } }).start, { timestamp: NOW + 600 - 900_000 });
  assert.deepEqual(asked(t, { window: { from: 5_000, to: 9_000 } }).start, { timestamp: 5_000 });
});

test("a stream is read by its formats, and so is the window before; what cannot be read so is said in the server's words", async (t) => {
  const parts = [];
  const read = async (part) => parts.push(part);
  const { subscribe, begin, receive, shown } = asked(t, { formats: { value_format: "msgpack" }, read });
  assert.deepEqual(subscribe, { type: "subscribe", topic: "t", value_format: "msgpack" });
  begin({ 0: 1 });
  receive(0, 1);
  shown();
  assert.deepEqual(parts.map(({ formats }) => formats), [{ value_format: "msgpack" }]);

  const other = asked(t, { formats: { key_format: "avro" } });
  other.refuse("bad_format");
  assert.deepEqual(other.shown().map(({ problem }) => problem), ["Kafka cannot be reached."]);
});

test("the window before is read once a short window with a number is filled, up to where that began", async (t) => {
  const since = NOW + 600 - 60_000;
  const parts = [];
  let isWhole = true;
  const read = async (part) => {
    parts.push(part);
    for (const [offset, time] of [[0, since - 60_001], [1, since - 60_000], [2, since - 30_000], [3, since - 1], [4, since]]) part.take(0, record(offset, time));
    return isWhole;
  };
  const opened = (more) => {
    const stream = asked(t, { read, ...more });
    stream.begin({ 0: 4 });
    assert.equal(stream.shown()[0].figures.before ?? null, null);
    stream.receive(0, 4);
    stream.shown();
    return stream;
  };
  const { shown } = opened();
  await Promise.resolve();
  const [{ figures, basis }] = shown();
  assert.deepEqual(parts.map(({ topic, filter, from, epoch, until }) => ({ topic, filter, from, epoch, until })), [{ topic: "t", filter: "", from: since - 60_000, epoch: "e", until: { 0: 0 } }]);
  assert.deepEqual([figures.value, figures.before, basis.records], ["4", "3", 4]);
  isWhole = false;
  const half = opened();
  await Promise.resolve();
  half.clock.now += 300;
  half.receive(4, 5);
  assert.equal(half.shown()[0].figures.before, null, "what is not whole is not said");
  assert.equal(parts.length, 2);
  opened({ tiles: [TABLE] });
  opened({ window: { last_seconds: 900 } });
  assert.equal(parts.length, 2, "nothing is compared");
});

test("a tile says that it is being filled until all has come that was there", (t) => {
  const { begin, receive, miss, shown } = asked(t);
  begin({ 0: 9 });
  receive(0, 4);
  assert.equal(shown()[0].note, "being filled from Kafka");
  miss(4, 9);
  assert.deepEqual(shown().map(({ note, figures }) => [note, figures.before]), [["", null]]);
  receive(9, 10);
  assert.equal(shown()[0].note, "");
});

test("a tile that follows once a second shows what was passed over when it is due", (t) => {
  const { refuse, shown, clock } = asked(t, { tiles: [COUNT, TABLE] });
  assert.equal(shown().length, 2);
  clock.now += 100;
  refuse("forbidden");
  assert.deepEqual(shown().map(({ id, problem }) => [id, problem.slice(0, 15)]), [["number", "You may not wat"]]);
  clock.now += 1_000; // its window is empty: no second that passes brings anything new
  const [table] = shown().filter(({ id }) => id === "table");
  assert.match(table?.problem ?? "", /You may not watch t/);
  assert.deepEqual(shown(), []);
});

test("a tile that follows once a second shows the first records as soon as the others do", (t) => {
  const { begin, receive, shown, clock } = asked(t, { tiles: [COUNT, TABLE] });
  begin();
  assert.equal(shown().length, 2);
  for (const [at, ids] of [[100, ["number", "table"]], [200, ["number"]]]) {
    clock.now = NOW + at;
    receive(at / 100 - 1, at / 100);
    assert.deepEqual(shown().map(({ id }) => id), ids);
  }
});

test("records that come first after a standstill are of now, and in the window", (t) => {
  const { begin, receive, shown, clock } = asked(t);
  begin();
  receive(0, 2);
  clock.now += 3_600_000; // the computer slept
  receive(2, 5);
  const [{ figures, basis }] = shown();
  assert.equal(figures.value, "3");
  assert.deepEqual([basis.records, basis.late, basis.ahead, basis.ranges], [3, 0, 0, [{ partition: 0, from: 2, to: 5 }]]);
});

test("gaps are loaded one after the other, whatever becomes of one; what retention took stays missing and is told", async (t) => {
  const kept = 25;
  const asks = [];
  const page = async (_topic, { from, to }) => {
    asks.push([from, to]);
    if (from < kept) throw new LoadError("Kafka does not keep it any more.", kept);
    if (from === 40) throw new LoadError("The server cannot be reached.");
    return { epoch: "e", partition: 0, from, to, records: Array.from({ length: to - from }, (_, n) => record(from + n, NOW)), next: null };
  };
  const { feed, begin, receive, miss, shown } = asked(t, { page });
  begin();
  for (const [missed, received] of [[0, 10], [20, 30], [40, 45], [50, 52]]) {
    miss(missed, received);
    receive(received, received + (received === 45 ? 5 : 10));
  }
  assert.equal(shown()[0].basis.gaps, 4);
  await feed.load();
  const [{ basis, problem, figures }] = shown();
  assert.deepEqual(asks, [[0, 10], [20, 30], [25, 30], [40, 45], [50, 52]]);
  assert.deepEqual([basis.gaps, basis.missing], [3, 10 + 5 + 5]);
  assert.deepEqual(basis.ranges, [{ partition: 0, from: 10, to: 20 }, { partition: 0, from: 25, to: 40 }, { partition: 0, from: 45, to: 62 }]);
  assert.equal(figures.value, String(10 + 15 + 17));
  assert.equal(problem, "Kafka does not keep 15 missing offsets any more. The server cannot be reached.");
});
