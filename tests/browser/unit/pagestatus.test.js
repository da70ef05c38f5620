import assert from "node:assert/strict";
import { test } from "node:test";

import { pageStatusOf } from "../../../streams/static/streams/itempages/pagestatus.js";

const NOW = Date.now();
const known = (changes) => ({
  connection: { kind: "open", since: NOW }, phase: "live", refusal: "", obstacle: "", signedOut: false, answer: "read",
  heartbeat: { type: "heartbeat", server_time: NOW, link: "live", since: NOW, waiting: 0 }, now: NOW, ...changes,
});
const kind = (changes) => pageStatusOf(known(changes)).kind;

test("live is only said when the page was read again after the stream began", () => {
  assert.equal(kind({}), "live");
  for (const answer of ["never", "failed"]) assert.equal(kind({ answer }), "reconnecting");
  assert.equal(kind({ phase: "asked" }), "reconnecting");
  assert.equal(kind({ obstacle: "Kafka has no topic items.v1 yet.", phase: "retrying" }), "reconnecting");
});

test("what does not heal by itself is not live, and says why", () => {
  assert.equal(kind({ connection: { kind: "closed", since: NOW, code: 4504, why: "Too many." } }), "not-live");
  assert.match(pageStatusOf(known({ signedOut: true })).sentence, /signed out/);
  assert.equal(pageStatusOf(known({ phase: "ended", refusal: "You may not watch it." })).sentence, "You may not watch it.");
});

test("without Kafka nothing of others arrives, and the page says so", () => {
  const heartbeat = { ...known().heartbeat, link: "down" };
  assert.equal(kind({ heartbeat }), "not-live");
});

test("a broken connection says since when", () => {
  const connection = { kind: "waiting", since: NOW, until: NOW + 900, why: "The connection broke." };
  assert.match(pageStatusOf(known({ connection })).sentence, /^The connection broke\. Not connected since \d\d:\d\d:\d\d/);
});
