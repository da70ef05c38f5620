import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Connection } from "../../../streams/static/streams/live/connection.js";

const WELCOME = { type: "welcome", connection: "c", user: "ada", server_time: 0, heartbeat_seconds: 5, topics: [] };
const HEARTBEAT = { type: "heartbeat", server_time: 0, link: "live", since: 0, waiting: 0 };
const HOUR = 3_600_000;

/** A socket as far as a connection knows one: it hears events, and can be closed. */
class Socket extends EventTarget {
  sent = [];
  closed = false;
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  says(...messages) {
    for (const message of messages) this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(message) }));
  }
  ends(code) {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

/** What a connection hears of the page, as far as Node has none: the window's events and whether it is looked at. */
let page;
beforeEach(() => {
  page = new EventTarget();
  globalThis.addEventListener = page.addEventListener.bind(page);
  globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible" });
});

function started(t, random = 0.5) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  t.mock.method(Math, "random", () => random);
  const sockets = [];
  const heard = [];
  const states = [];
  const connection = new Connection(
    "ws://host/ws/live/",
    { changed: ({ kind }) => states.push(kind), heard: ({ type }) => heard.push(type) },
    () => sockets[sockets.push(new Socket()) - 1],
  );
  connection.start();
  return { connection, sockets, heard, states, newest: () => sockets.at(-1), tick: (ms) => t.mock.timers.tick(ms) };
}

const waitOf = ({ state }) => state.until - Date.now();

test("it is open with welcome, not before", (t) => {
  const { connection, newest, states } = started(t);
  connection.send({ type: "ack" });
  newest().says(WELCOME);
  connection.send({ type: "ack" });
  assert.deepEqual(states, ["connecting", "open"]);
  assert.deepEqual(newest().sent, [{ type: "ack" }]);
});

test("failures in a row wait longer and longer, up to 20 s, with full jitter", (t) => {
  const { connection, newest, tick } = started(t);
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    newest().ends(1006);
    waits.push(waitOf(connection));
    tick(waits.at(-1));
  }
  assert.deepEqual(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test("jitter may be nothing at all, and the connection is tried at once", (t) => {
  const { newest, sockets, tick } = started(t, 0);
  newest().ends(1006);
  tick(1);
  assert.equal(sockets.length, 2);
});

test("a welcome alone forgives nothing, a connection that lasted does", (t) => {
  const { connection, newest, tick } = started(t);
  for (const wait of [250, 500, 1_000]) {
    newest().says(WELCOME);
    newest().ends(1006);
    assert.equal(waitOf(connection), wait);
    tick(wait);
  }
  newest().says(WELCOME);
  tick(10_001);
  newest().ends(1006);
  assert.equal(waitOf(connection), 250);
});

test("goodbye says how long to wait: between that time and twice that time", (t) => {
  const { connection, newest, tick } = started(t);
  newest().says(WELCOME, { type: "goodbye", code: 4001, reason: "restart", retry_after_ms: 3_000 });
  newest().ends(4001);
  assert.equal(waitOf(connection), 4_500);
  assert.equal(connection.state.why, "The server is restarting.");
  tick(4_500);
  newest().ends(1006);
  assert.ok(waitOf(connection) < 1_000, "the next failure has its own back-off");
});

test("goodbye's code counts where the close itself brings none", (t) => {
  const { connection, newest } = started(t);
  newest().says(WELCOME, { type: "goodbye", code: 4504, reason: "too many", retry_after_ms: null });
  newest().ends(1006);
  assert.deepEqual([connection.state.kind, connection.state.code], ["closed", 4504]);
});

test("codes from 4500 on are final, all others are not", (t) => {
  const { connection, newest, sockets, tick } = started(t);
  for (const code of [1000, 1009, 4003, 4008, 4009, 4013, 4499]) {
    newest().ends(code);
    assert.equal(connection.state.kind, "waiting", String(code));
    tick(20_000);
  }
  const tried = sockets.length;
  for (const code of [4500, 4501, 4503, 4504, 4999]) {
    newest().ends(code);
    assert.equal(connection.state.kind, "closed", String(code));
    connection.retryNow();
  }
  newest().ends(4500);
  tick(HOUR);
  assert.equal(sockets.length, tried + 5);
});

test("a connection on which nothing is heard is given up when somebody asks to try now, and no other", (t) => {
  const { connection, newest, sockets, tick } = started(t);
  newest().says(WELCOME);
  connection.retryNow();
  assert.equal(sockets.length, 1);
  for (let second = 0; second < 9; second += 1) tick(1_000);
  assert.notEqual(connection.quietFor(Date.now()), null);
  connection.retryNow();
  assert.equal(sockets.length, 2);
  newest().says(WELCOME);
  assert.equal(connection.state.kind, "open");
});

test("an ended session is tried again, and then says that one is signed out", (t) => {
  const { connection, newest, tick } = started(t);
  newest().says(WELCOME);
  newest().ends(4003);
  assert.equal(connection.state.why, "Your session has ended.");
  tick(20_000);
  newest().says({ type: "goodbye", code: 4501, reason: "", retry_after_ms: null });
  newest().ends(4501);
  assert.equal(connection.state.kind, "closed");
  page.dispatchEvent(new Event("pageshow")); // back from signing in
  assert.equal(connection.state.kind, "connecting");
});

test("a server that never says welcome is given up after 15 s", (t) => {
  const { connection, newest, tick } = started(t);
  tick(15_000);
  assert.equal(connection.state.kind, "waiting");
  assert.ok(newest().closed);
});

test("silence of four heartbeats is a broken connection, and worth a word much earlier", (t) => {
  const { connection, newest, tick } = started(t);
  newest().says(WELCOME);
  for (let n = 0; n < 15; n += 1) tick(1_000);
  newest().says(HEARTBEAT);
  for (let n = 0; n < 7; n += 1) tick(1_000);
  assert.equal(connection.quietFor(Date.now()), null);
  tick(1_000);
  assert.equal(connection.quietFor(Date.now()), 8_000);
  for (let n = 0; n < 12; n += 1) tick(1_000);
  assert.equal(connection.state.kind, "open");
  tick(1_000);
  assert.equal(connection.state.kind, "waiting");
});

test("events of a socket that was given up are nobody's business", (t) => {
  const { connection, newest, sockets, heard, tick } = started(t);
  newest().says(WELCOME);
  connection.distrust("The server did not answer.");
  assert.ok(sockets[0].closed);
  tick(20_000);
  newest().says(WELCOME);
  sockets[0].says(HEARTBEAT);
  sockets[0].ends(4500);
  assert.equal(connection.state.kind, "open");
  assert.deepEqual(heard, ["welcome", "welcome"]);
});

test("what is not JSON breaks the connection", (t) => {
  const { connection, newest } = started(t);
  newest().says(WELCOME);
  newest().dispatchEvent(Object.assign(new Event("message"), { data: "{" }));
  assert.equal(connection.state.kind, "waiting");
});

test("a page that is looked at again does not wait for the back-off", (t) => {
  const { connection, newest } = started(t);
  newest().ends(1006);
  document.dispatchEvent(new Event("visibilitychange"));
  assert.equal(connection.state.kind, "connecting");
});

test("a network that was away costs the connection only when nothing was heard since", (t) => {
  const { connection, newest, tick } = started(t);
  newest().says(WELCOME);
  tick(1_000);
  page.dispatchEvent(new Event("offline"));
  tick(1_000);
  newest().says(HEARTBEAT);
  page.dispatchEvent(new Event("online"));
  assert.equal(connection.state.kind, "open");
  tick(1_000);
  page.dispatchEvent(new Event("offline"));
  page.dispatchEvent(new Event("online"));
  assert.equal(connection.state.kind, "connecting");
});

test("it remembers since when it is not connected, however often it tried", (t) => {
  const { connection, newest, tick } = started(t);
  newest().says(WELCOME);
  tick(60_000);
  newest().says(HEARTBEAT);
  newest().ends(1006);
  const { since } = connection.state;
  tick(20_000);
  newest().ends(1006);
  assert.equal(connection.state.since, since);
});
