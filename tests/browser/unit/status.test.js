import assert from "node:assert/strict";
import { test } from "node:test";

import { refusalOf, statusOf } from "../../../streams/static/streams/live/status.js";

const NOW = Date.now();
const known = (changes) => ({
  connection: { kind: "open", since: NOW }, phase: "live", refusal: null, obstacle: "", isUnborn: false, lag: 38, quiet: null, topic: "t", now: NOW,
  heartbeat: { type: "heartbeat", server_time: NOW, link: "live", since: NOW, waiting: 0 }, ...changes,
});
const heartbeat = (changes) => ({ ...known().heartbeat, ...changes });

test("live says how far behind one is", () => {
  const status = statusOf(known({}));
  assert.deepEqual([status.kind, status.tone], ["live", "live"]);
  assert.match(status.sentence, /You are 38 ms behind/);
});

test("down says since when and how many events wait, whatever the stream does", () => {
  for (const phase of ["live", "retrying", "asked"]) {
    const status = statusOf(known({ phase, heartbeat: heartbeat({ link: "down", waiting: 12 }) }));
    assert.equal(status.kind, "down");
    assert.match(status.label, /^down since \d\d:\d\d:\d\d, 12 events wait$/);
  }
});

test("a server that says nothing is not called live", () => {
  const status = statusOf(known({ quiet: 8_000 }));
  assert.deepEqual([status.kind, status.tone, status.label], ["silent", "waiting", "no word for 8.0 s"]);
});

test("nothing is called live before the stream has begun", () => {
  assert.equal(statusOf(known({ phase: "asked" })).kind, "opening");
  const obstacle = { obstacle: "Kafka has no topic t yet.", phase: "retrying" };
  assert.equal(statusOf(known(obstacle)).label, "waiting");
  assert.equal(statusOf(known({ ...obstacle, isUnborn: true })).label, "not in Kafka yet");
});

test("a connection that waits counts the seconds down", () => {
  const connection = { kind: "waiting", since: NOW, until: NOW + 2_300, why: "The connection broke." };
  assert.equal(statusOf(known({ connection })).label, "reconnecting in 3 s");
});

test("signed out and refused are final and different", () => {
  const closed = (code) => statusOf(known({ connection: { kind: "closed", since: NOW, code, why: "w" } })).kind;
  assert.deepEqual([closed(4501), closed(4504)], ["signed-out", "refused"]);
});

test("a forbidden topic is called that", () => {
  const status = statusOf(known({ phase: "ended", refusal: { code: "forbidden", message: "" } }));
  assert.equal(status.label, "not allowed");
  assert.match(status.sentence, /^You may not watch t any more\. Staff can grant it/);
});

test("what became of a filter is told apart from what became of a topic", () => {
  const of = (code, message = "") => refusalOf("t", { code, message });
  const label = (code) => statusOf(known({ phase: "ended", refusal: { code, message: "No." } })).label;
  assert.match(of("bad_filter", "= means nothing here.").what, /^This filter cannot be used: = means nothing here\.$/);
  assert.match(of("expensive").who, /simpler.*in history/);
  assert.match(of("failed").who, /fault is the server's/);
  assert.deepEqual(["bad_filter", "expensive", "failed", "forbidden"].map(label), ["filter is wrong", "filter ended", "filter ended", "not allowed"]);
});
