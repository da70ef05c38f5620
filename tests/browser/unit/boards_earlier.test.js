// A part of a stream that lies before the board's own, over a connection whose messages are written here.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Earlier } from "../../../streams/static/streams/boards/worker/earlier.js";

const record = (offset) => ({ offset, timestamp: 1, key: null, headers: {}, size: 2, encoding: "json", value: {} });

class Line extends EventTarget {
  sent = [];
  isClosed = false;

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  say(message) {
    this.dispatchEvent(new MessageEvent("message", { data: typeof message === "string" ? message : JSON.stringify(message) }));
  }
}

/** A part that was asked for, as far as the server began to answer. */
function asked(epoch = "e") {
  const lines = [];
  const taken = [];
  const earlier = new Earlier("ws://x/", () => {
    lines.push(new Line());
    return lines.at(-1);
  });
  const part = { topic: "t", filter: "value.n > 1", from: 5_000, epoch: "e", until: { 0: 4, 1: 2 }, take: (partition, { offset }) => taken.push([partition, offset]) };
  const read = earlier.read(part);
  return {
    earlier, part, lines, taken, read,
    async begin() {
      await Promise.resolve();
      const line = lines.at(-1);
      line.say({ type: "welcome", connection: "c", user: "u", server_time: 1, heartbeat_seconds: 5, limits: {}, topics: [] });
      const [{ id, ...subscribe }] = line.sent;
      line.say({ type: "subscribed", id, stream: "s", topic: "t", recovered: true, reason: null, cursor: { epoch, positions: { 0: 1, 1: 2 } }, ends: {} });
      return { line, subscribe };
    },
  };
}

const records = (...ranges) => ({ type: "records", stream: "s", ranges: ranges.map(([partition, from, to]) => ({ partition, from, to, records: Array.from({ length: to - from }, (_, n) => record(from + n)) })) });

test("a part is read up to its end, and nothing of what lies behind", async () => {
  const { read, begin, taken } = asked();
  const { line, subscribe } = await begin();
  assert.deepEqual(subscribe, { type: "subscribe", topic: "t", start: { timestamp: 5_000 }, filter: "value.n > 1" });
  line.say(records([0, 1, 3], [1, 2, 3]));
  assert.equal(line.isClosed, false);
  line.say(records([0, 3, 6]));
  assert.equal(await read, true);
  assert.equal(line.isClosed, true);
  assert.deepEqual(taken, [[0, 1], [0, 2], [0, 3]]);
});

test("a part that is not whole, of another life, refused or cut off is none, and the next one is asked for after it", async () => {
  const endings = {
    missing: (line) => line.say({ type: "gap", stream: "s", ranges: [{ partition: 0, from: 1, to: 3 }], reason: "slow" }),
    cut: (line) => line.dispatchEvent(new Event("close")),
    nonsense: (line) => line.say("{"),
    ended: (line) => line.say({ type: "unsubscribed", stream: "s", reason: "forbidden" }),
  };
  for (const [name, end] of Object.entries(endings)) {
    const { read, begin, earlier, part, lines } = asked();
    const next = earlier.read(part);
    const { line } = await begin();
    assert.equal(lines.length, 1, "one after the other");
    end(line);
    assert.equal(await read, false, name);
    await Promise.resolve();
    assert.equal(lines.length, 2, name);
    lines[1].dispatchEvent(new Event("close"));
    assert.equal(await next, false);
  }
  const other = asked("another");
  await other.begin();
  assert.equal(await other.read, false);
  const busy = asked();
  await Promise.resolve();
  const [line] = busy.lines;
  line.say({ type: "welcome", connection: "c", user: "u", server_time: 1, heartbeat_seconds: 5, limits: {}, topics: [] });
  line.say({ type: "error", id: line.sent[0].id, code: "unavailable", message: "Kafka cannot be reached.", retry_after_ms: 1_000 });
  assert.equal(line.isClosed, true, "nobody waits for it");
  assert.equal(await busy.read, false);
});
