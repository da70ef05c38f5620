import assert from "node:assert/strict";
import { test } from "node:test";

import { Subscription } from "../../../streams/static/streams/live/subscription.js";

/** A subscription whose messages and news are written down in order. */
function followed(topic) {
  const sent = [];
  const news = [];
  const tell = (name) => (...details) => news.push([name, ...details]);
  const subscription = new Subscription({
    send: (message) => sent.push(message), distrust: tell("distrust"), began: tell("began"), arrived: tell("arrived"),
    missed: tell("missed"), reset: tell("reset"), counted: tell("counted"), refused: tell("refused"), changed: () => {},
  });
  subscription.watch(topic);
  subscription.connected();
  return { subscription, sent, news };
}

const subscribed = (sent, changes = {}) => {
  const { id, topic } = sent.findLast(({ type }) => type === "subscribe");
  return {
    type: "subscribed", id, topic, stream: topic, recovered: true, reason: null,
    cursor: { epoch: "e", positions: { 0: 0 } }, ...changes,
  };
};
const records = (stream, from, to) => ({
  type: "records", stream,
  ranges: [{ partition: 0, from, to, records: Array.from({ length: to - from }, (_, n) => ({ offset: from + n, timestamp: 0, headers: {} })) }],
});

test("a fresh board asks for the newest 200, a resumed one for its cursor", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  assert.deepEqual(sent[0].start, { last: 200 });
  subscription.heard(subscribed(sent), 0);
  subscription.heard(records("a", 0, 3), 100);
  subscription.disconnected();
  subscription.connected();
  assert.deepEqual(sent.at(-1).start, { cursor: { epoch: "e", positions: { 0: 3 } } });
});

/** What the board was given after each of these [from, to) on partition 0, its position being 10. */
function received(...ranges) {
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent, { cursor: { epoch: "e", positions: { 0: 10 } } }), 0);
  for (const [from, to] of ranges) subscription.heard(records("a", from, to), 100);
  const arrived = news.filter(([name]) => name === "arrived").map(([, entries]) => entries.map(({ record }) => record.offset));
  return { subscription, sent, arrived, position: subscription.stream.cursor().positions[0] };
}

test("a range at the position is applied", (t) => {
  t.mock.timers.enable();
  const { arrived, position, subscription } = received([10, 12], [12, 13]);
  assert.deepEqual([arrived, position, subscription.phase], [[[10, 11], [12]], 13, "live"]);
});

test("a range below the position is a duplicate and changes nothing", (t) => {
  t.mock.timers.enable();
  const { arrived, position, subscription } = received([10, 12], [8, 10], [10, 12]);
  assert.deepEqual(arrived, [[10, 11], [], []]);
  assert.deepEqual([position, subscription.phase, subscription.stream.received], [12, "live", 2]);
});

test("of a range around the position the rest is applied", (t) => {
  t.mock.timers.enable();
  const { arrived, position, subscription } = received([8, 13]);
  assert.deepEqual([arrived, position, subscription.phase], [[[10, 11, 12]], 13, "live"]);
});

test("a range behind a hole is not applied: the stream is left and asked for from the position", (t) => {
  t.mock.timers.enable();
  const { arrived, position, subscription, sent } = received([10, 12], [14, 15]);
  assert.deepEqual([arrived, position, subscription.phase], [[[10, 11], []], 12, "leaving"]);
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
  subscription.heard(records("a", 12, 16), 100);
  assert.equal(sent.filter(({ type }) => type === "subscribe").length, 1, "not before unsubscribed");
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  assert.deepEqual(sent.at(-1).start, { cursor: { epoch: "e", positions: { 0: 12 } } });
});

test("what did not join is told with the next subscribe, once, however that comes about", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = received([10, 12], [14, 15]);
  assert.equal(subscription.jumps, 1);
  subscription.disconnected();
  subscription.connected();
  assert.equal(sent.at(-1).jumps, 1);
  subscription.disconnected(); // before it was answered: told again
  subscription.connected();
  assert.equal(sent.at(-1).jumps, 1);
  subscription.heard(subscribed(sent, { stream: "a", cursor: { epoch: "e", positions: { 0: 12 } } }), 0);
  subscription.disconnected();
  subscription.connected();
  assert.equal("jumps" in sent.at(-1), false);
  assert.equal(subscription.jumps, 1);
});

test("a gap moves the position, and the stream goes on behind it", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "gap", stream: "a", ranges: [{ partition: 0, from: 0, to: 5 }], reason: "slow" }, 100);
  assert.deepEqual(news.at(-1), ["missed", [{ partition: 0, from: 0, to: 5, reason: "slow" }]]);
  subscription.heard(records("a", 5, 6), 100);
  assert.deepEqual([subscription.phase, subscription.stream.received, subscription.stream.missing], ["live", 1, 5]);
  t.mock.timers.tick(2_000);
  assert.deepEqual(sent.at(-1), { type: "ack", stream: "a", positions: { 0: 6 } });
});

test("a gap that does not reach the position is a loss like any other", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "gap", stream: "a", ranges: [{ partition: 0, from: 3, to: 5 }], reason: "slow" }, 100);
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
});

test("a reset forgets the positions, says so, and goes on from the new life's cursor", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard(records("a", 0, 9), 100);
  subscription.heard({ type: "reset", stream: "a", reason: "epoch", cursor: { epoch: "f", positions: { 0: 0, 1: 0 } } }, 100);
  assert.deepEqual(news.at(-1), ["reset", "epoch"]);
  subscription.heard(records("a", 0, 2), 100);
  assert.deepEqual(news.at(-1)[1].map(({ record }) => record.offset), [0, 1]);
  assert.equal(subscription.stream.received, 11);
  t.mock.timers.tick(2_000);
  assert.deepEqual(sent.at(-1), { type: "ack", stream: "a", positions: { 0: 2 } });
  subscription.disconnected();
  subscription.connected();
  assert.deepEqual(sent.at(-1).start, { cursor: { epoch: "f", positions: { 0: 2, 1: 0 } } });
});

test("a cursor of a former life comes back as a new life, and not in full", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard(records("a", 0, 9), 100);
  subscription.disconnected();
  subscription.connected();
  subscription.heard(subscribed(sent, { recovered: false, reason: "epoch", cursor: { epoch: "f", positions: { 0: 0 } } }), 0);
  assert.deepEqual(news.at(-1), ["began", { resumed: true, newLife: true, reason: "epoch", missing: [], ends: {}, last: null }]);
  subscription.heard(records("a", 0, 1), 100);
  assert.equal(subscription.stream.received, 10);
});

test("what retention took while the connection was away is a gap", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard(records("a", 0, 3), 100);
  subscription.disconnected();
  subscription.connected();
  subscription.heard(subscribed(sent, { recovered: false, reason: "retention", cursor: { epoch: "e", positions: { 0: 8 } } }), 0);
  assert.deepEqual(news.at(-1)[1].missing, [{ partition: 0, from: 3, to: 8, reason: "retention" }]);
});

test("a topic that has gone is asked for until it is there again, in a new life", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "topic_gone" }, 0);
  subscription.heard({ type: "error", id: 2, code: "unavailable", message: "Not yet.", retry_after_ms: 500 }, 0);
  assert.deepEqual([subscription.phase, subscription.obstacle], ["retrying", "Not yet."]);
  t.mock.timers.tick(500);
  subscription.heard(subscribed(sent, { recovered: false, reason: "epoch", cursor: { epoch: "f", positions: { 0: 0 } } }), 0);
  assert.equal(news.at(-1)[1].newLife, true);
});

test("a topic is begun where it was asked for, once; then its cursor counts", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.watch("a", { last: 2_000 });
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  assert.deepEqual(sent.at(-1).start, { last: 2_000 });
  subscription.heard(subscribed(sent), 0);
  subscription.disconnected();
  subscription.connected();
  assert.deepEqual(sent.at(-1).start, { cursor: { epoch: "e", positions: { 0: 0 } } });
});

test("losses again and again end the connection instead of asking for ever", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  for (let n = 0; n < 4; n += 1) {
    subscription.heard(subscribed(sent), 0);
    subscription.heard(records("a", 5, 7), 100);
    subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  }
  assert.equal(news.at(-1)[0], "distrust");
});

test("acks go after 256 KiB, after 2 s, and on every heartbeat", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { subscription, sent } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard(records("a", 0, 1), 100);
  assert.equal(sent.filter(({ type }) => type === "ack").length, 0);
  t.mock.timers.tick(2_000);
  assert.deepEqual(sent.at(-1), { type: "ack", stream: "a", positions: { 0: 1 } });
  subscription.heard(records("a", 1, 2), 256 * 1024);
  assert.deepEqual(sent.at(-1), { type: "ack", stream: "a", positions: { 0: 2 } });
  subscription.heard({ type: "heartbeat", server_time: 0, link: "live", since: 0, waiting: 0 }, 60);
  assert.deepEqual(sent.at(-1), { type: "ack" });
});

test("nothing is acked before subscribed", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  subscription.heard({ type: "heartbeat", server_time: 0, link: "live", since: 0, waiting: 0 }, 60);
  assert.deepEqual(sent.at(-1), { type: "ack" });
});

test("another topic is begun only when the old one has ended", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.watch("b");
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
  subscription.heard(records("a", 0, 3), 100);
  assert.equal(subscription.stream.received, 0);
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  assert.equal(sent.at(-1).topic, "b");
});

test("a choice changed while the answer was on its way ends in the newest choice", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.watch("b");
  subscription.heard(subscribed(sent), 0);
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  subscription.heard(subscribed(sent), 0);
  assert.equal(subscription.phase, "live");
  assert.equal(news.filter(([name]) => name === "began").length, 1);
});

test("unavailable is tried again when the server says, forbidden is not", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard({ type: "error", id: 1, code: "unavailable", message: "Kafka is away.", retry_after_ms: 700 }, 0);
  t.mock.timers.tick(700);
  assert.equal(sent.length, 2);
  subscription.heard({ type: "error", id: 2, code: "forbidden", message: "No." }, 0);
  assert.deepEqual(news.at(-1), ["refused", "forbidden", "No."]);
  t.mock.timers.tick(60_000);
  assert.equal(sent.length, 2);
});

test("a server that does not answer is distrusted", (t) => {
  t.mock.timers.enable();
  const { news } = followed("a");
  t.mock.timers.tick(13_000);
  assert.equal(news.at(-1)[0], "distrust");
});

test("a right taken away ends the stream with its reason", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "forbidden" }, 0);
  assert.deepEqual(news.at(-1), ["refused", "forbidden", ""]);
});

test("a filter goes with the subscription and with each that follows, and another one ends the stream first", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  subscription.heard(subscribed(sent), 0);
  assert.equal("filter" in sent[0], false);
  subscription.watch("a", { last: 200 }, "value.n > 1");
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  assert.equal(sent.at(-1).filter, "value.n > 1");
  subscription.watch("a", { last: 200 }, "value.n > 2"); // before the first is answered
  subscription.heard(subscribed(sent, { stream: "a?1" }), 0);
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a?1" });
  subscription.heard({ type: "unsubscribed", stream: "a?1", reason: "asked" }, 0);
  assert.equal(sent.at(-1).filter, "value.n > 2");
  subscription.heard(subscribed(sent, { stream: "a?2" }), 0);
  subscription.disconnected();
  subscription.connected();
  assert.deepEqual([sent.at(-1).filter, Object.keys(sent.at(-1).start)], ["value.n > 2", ["cursor"]]);
});

test("what the server says of an earlier filter is not taken for the present one", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.watch("a", { last: 200 }, "bad");
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  subscription.watch("a", { last: 200 }, "good");
  subscription.heard({ type: "error", id: sent.at(-1).id, code: "bad_filter", message: "No.", at: 3 }, 0);
  assert.equal(sent.at(-1).filter, "good");
  subscription.heard({ type: "error", id: sent.at(-1).id, code: "bad_filter", message: "No.", at: 3 }, 0);
  assert.deepEqual([news.at(-1), subscription.phase], [["refused", "bad_filter", "No.", 3], "ended"]);
});

test("a filtered stream that the server could not go on with is asked for again, not for ever; a dear one is over", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  const fail = () => {
    subscription.heard(subscribed(sent), 0);
    subscription.heard({ type: "unsubscribed", stream: "a", reason: "failed" }, 0);
    t.mock.timers.tick(2_000);
  };
  for (let time = 0; time < 3; time += 1) fail();
  assert.equal(sent.filter(({ type }) => type === "subscribe").length, 4);
  assert.ok("cursor" in sent.at(-1).start);
  fail();
  assert.deepEqual(news.at(-1), ["refused", "failed", ""]);
  subscription.watch("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "expensive" }, 0);
  assert.deepEqual(news.at(-1), ["refused", "expensive", ""]);
});

test("too many filters is tried again less often than the server bears refused requests", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  for (let second = 0; second < 60; second += 1) {
    const { id } = sent.at(-1);
    subscription.heard({ type: "error", id, code: "too_many", message: "Eight." }, 0);
    t.mock.timers.tick(1_000);
  }
  assert.ok(sent.filter(({ type }) => type === "subscribe").length < 20);
  assert.equal(subscription.obstacle, "Eight.");
});

test("what the filter did is told with the records of each second", (t) => {
  t.mock.timers.enable();
  const { subscription, sent, news } = followed("a");
  subscription.heard(subscribed(sent), 0);
  subscription.heard({ type: "stats", stream: "a", second: 5, records: 9, bytes: 1, matched: 2, failed: 1, unchecked: 0 }, 0);
  subscription.heard({ type: "stats", stream: "a", second: 6, records: 9, bytes: 1 }, 0);
  assert.deepEqual(news.slice(-2), [["counted", 5, 9, { matched: 2, failed: 1, unchecked: 0 }], ["counted", 6, 9, null]]);
});

test("who chooses other formats leaves the stream and asks for one by them, afresh", (t) => {
  t.mock.timers.enable();
  const { subscription, sent } = followed("a");
  assert.equal("value_format" in sent[0], false);
  subscription.heard(subscribed(sent), 0);
  subscription.watch("a", { last: 200 }, "", { value_format: "hex" });
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a" });
  subscription.heard({ type: "unsubscribed", stream: "a", reason: "asked" }, 0);
  assert.equal(sent.at(-1).value_format, "hex");
  subscription.watch("a", { last: 200 }, "", { value_format: "text" }); // while the answer is on its way
  subscription.heard(subscribed(sent, { stream: "a?1" }), 0);
  assert.deepEqual(sent.at(-1), { type: "unsubscribe", stream: "a?1" });
  subscription.heard({ type: "unsubscribed", stream: "a?1", reason: "asked" }, 0);
  assert.deepEqual([sent.at(-1).value_format, sent.at(-1).start], ["text", { last: 200 }]);
  subscription.heard(subscribed(sent, { stream: "a?2" }), 0);
  subscription.disconnected();
  subscription.connected();
  assert.deepEqual([sent.at(-1).value_format, "cursor" in sent.at(-1).start], ["text", true]);
});
