// Tiles that follow once a second while their window is filled.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../../streams/static/streams/boards/worker/feed.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { Streams } from "../../../streams/static/streams/boards/worker/streams.js";
import { prepare } from "../../../streams/static/streams/boards/figures/kinds.js";

await prepare(["table"]);

const NOW = 1_700_000_000_400;
const record = (offset) => ({ offset, timestamp: NOW, key: `k${offset}`, headers: {}, size: 2, encoding: "json", value: new Source("{}") });

test("they show all of it as soon as it is there, and not a part of it for a second", () => {
  const sent = [];
  const streams = new Streams({ send: (message) => sent.push(message), distrust: assert.fail });
  streams.connected();
  const clock = { now: NOW };
  const feed = new Feed("t", "", {}, { last_seconds: 60 }, { streams, api: {}, earlier: { read: async () => false }, now: () => clock.now, met: () => {}, isLinked: () => true, changed: () => {} });
  feed.seat({ id: "table", kind: "table", title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options: { by: "key", columns: [], sort: "key" } });
  feed.watch();
  const hear = (message) => streams.heard({ stream: "s", ...message }, 100);
  const receive = (from, to) => hear({ type: "records", ranges: [{ partition: 0, from, to, records: Array.from({ length: to - from }, (_, n) => record(from + n)) }] });
  const shown = () => feed.read(new Map()).map(({ basis, isFilling }) => [basis.records, isFilling]);

  hear({ type: "subscribed", id: sent.find(({ type }) => type === "subscribe").id, topic: "t", recovered: true, reason: null, cursor: { epoch: "e", positions: { 0: 0 } }, ends: { 0: 9 } });
  receive(0, 2);
  assert.deepEqual(shown(), [[2, true]]);
  clock.now += 50;
  receive(2, 8);
  assert.deepEqual(shown(), [], "it follows once a second");
  receive(8, 9);
  assert.deepEqual(shown(), [[9, false]]);
  receive(9, 10);
  assert.deepEqual(shown(), []);
});

test("that the window could not be found is said beside its figures, and does not take their place", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const sent = [];
  const streams = new Streams({ send: (message) => sent.push(message), distrust: assert.fail });
  streams.connected();
  const clock = { now: NOW };
  const feed = new Feed("t", "", {}, { last_seconds: 60 }, { streams, api: {}, earlier: { read: async () => false }, now: () => clock.now, met: () => {}, isLinked: () => true, changed: () => {} });
  feed.seat({ id: "table", kind: "table", title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options: { by: "key", columns: [], sort: "key" } });
  feed.watch();
  const asked = () => sent.filter(({ type }) => type === "subscribe").at(-1);
  for (let time = 0; time < 2; time += 1) {
    streams.heard({ stream: "s", type: "error", id: asked().id, code: "unavailable", message: "Kafka took too long.", retry_after_ms: 1_000 }, 100);
    t.mock.timers.tick(20_000);
  }
  assert.deepEqual(asked().start, { last: 2_000 });
  streams.heard({ stream: "s", type: "subscribed", id: asked().id, topic: "t", recovered: true, reason: null, cursor: { epoch: "e", positions: { 0: 0 } }, ends: { 0: 1 } }, 100);
  streams.heard({ stream: "s", type: "records", ranges: [{ partition: 0, from: 0, to: 1, records: [record(0)] }] }, 100);
  const [{ problem, note, basis }] = feed.read(new Map());
  assert.deepEqual([problem, basis.records], ["", 1]);
  assert.match(note, /^begun with the newest 2\u202F000 records/);
  clock.now += 61_000;
  feed.tick();
  assert.equal(feed.read(new Map())[0].note, "", "all that it holds has been seen");
});
