// Servers that stand still: whatever a page asks is given up in the end, and that it was is said.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { before, test } from "node:test";

import { BoardsApi } from "../../../streams/static/streams/boards/boards_api.js";
import { Samples } from "../../../streams/static/streams/boards/edit/sample.js";
import { search } from "../../../streams/static/streams/record/search_api.js";

const open = new AbortController().signal;

before(() => {
  globalThis.document = { querySelector: () => null }; // there is no token in a page
  globalThis.HTMLInputElement = class {};
});

/** The address of a server that answers every question in the same way. */
async function served(t, answer) {
  const server = createServer((request, response) => answer(response, request));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}/`;
}

const silent = () => {};
const stops = (response) => response.write('{"type":"begin","epoch":"e","ranges":[],"offsets":0}\n{"type');

const searched = (root) => search(root, "t", { newest_first: true, limit: 1 }, open);
const turn = () => new Promise((passed) => setImmediate(passed));

/** Time that passes only when the test says so; SILENCE is longer than a server may be silent. */
const SILENCE = 60_000;
const still = (t) => t.mock.timers.enable({ apis: ["setTimeout"] });

test("a search that nobody answers is given up", async (t) => {
  still(t);
  /** @type {() => void} */
  let asked = () => {};
  const wasAsked = new Promise((resolve) => (asked = resolve));
  const found = assert.rejects(searched(await served(t, asked)).next(), /did not answer in time/);
  await wasAsked;
  t.mock.timers.tick(SILENCE);
  await found;
});

test("a search of which nothing comes any more is told as broken", async (t) => {
  still(t);
  const lines = searched(await served(t, stops));
  assert.equal((await lines.next()).value.type, "begin");
  const next = lines.next();
  await turn();
  t.mock.timers.tick(SILENCE);
  assert.equal((await next).value.type, "broken");
});

test("whoever takes their time with a line is not given up for it", async (t) => {
  still(t);
  const lines = searched(await served(t, (response) => response.end('{"type":"begin"}\n{"type":"end"}\n')));
  assert.equal((await lines.next()).value.type, "begin");
  await turn();
  t.mock.timers.tick(SILENCE);
  assert.equal((await lines.next()).value.type, "end");
});

test("a board that nobody answers for, or only half, is no answer", async (t) => {
  for (const answer of [silent, stops]) {
    const api = new BoardsApi(await served(t, answer), "token", 50);
    assert.equal(await api.read("b"), null);
    assert.equal(await api.ask("b", { method: "DELETE", version: 3 }), null);
  }
});

test("a board is changed at the version that was seen, and a refusal is a sentence", async (t) => {
  const asked = [];
  const root = await served(t, (response, { method, url, headers }) => {
    asked.push([method, url, headers["if-match"], headers["x-csrftoken"]]);
    response.writeHead(url === "/gone" ? 404 : 200).end(url === "/gone" ? '{"detail":"Gone."}' : "");
  });
  const api = new BoardsApi(root, "token");
  assert.deepEqual(await api.read("a/b"), { ok: true, status: 200, json: null, refusal: "" });
  assert.deepEqual(await api.ask("gone", { method: "PUT", body: "{}", version: 7 }), { ok: false, status: 404, json: { detail: "Gone." }, refusal: "Gone." });
  assert.deepEqual(asked, [["GET", "/a%2Fb", undefined, "token"], ["PUT", "/gone", '"7"', "token"]]);
});

test("a filter that the server refuses is told as such where a sample of it was asked for", async (t) => {
  const refuses = (response, request) => {
    assert.equal(request.url, "/orders/search");
    response.writeHead(422).end('{"code":"bad_filter","message":"a name is missing","at":3}');
  };
  const samples = new Samples(() => assert.fail("the records were asked for"), await served(t, refuses));
  await assert.rejects(samples.of("orders", "a > ", {}), /^Error: The filter cannot be used: a name is missing$/);
});
