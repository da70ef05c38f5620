// The records API as the pages ask it: an answer in pieces is put together, and one that stops coming is given up.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { LoadError, RecordsApi } from "../../../streams/static/streams/live/records_api.js";

/**
 * The API of a server that answers every question in the same way.
 *
 * @param {import("node:test").TestContext} t
 * @param {(response: import("node:http").ServerResponse) => void} answer
 * @param {number} [silentMs]
 */
async function served(t, answer, silentMs) {
  const server = createServer((_, response) => answer(response));
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return new RecordsApi(`http://127.0.0.1:${address.port}/`, silentMs);
}

const refused = (/** @type {Promise<unknown>} */ asked, /** @type {RegExp} */ why) => assert.rejects(asked, (error) => error instanceof LoadError && why.test(error.message));

test("an answer that comes in pieces, cut anywhere, is whole", async (t) => {
  const bytes = Buffer.from('{ "epoch": "Größe" }');
  const api = await served(t, async (response) => {
    for (const byte of bytes) await new Promise((written) => response.write(Buffer.from([byte]), () => setImmediate(written)));
    response.end();
  });
  assert.equal((await api.rates("t")).epoch, "Größe");
});

test("a server that says nothing is waited for so long and no longer", async (t) => {
  const api = await served(t, () => {}, 50);
  await refused(api.rates("t"), /did not answer in time/);
});

test("an answer that stops in the middle is waited for so long and no longer", async (t) => {
  const api = await served(t, (response) => response.write('{ "epoch"'), 50);
  await refused(api.rates("t"), /did not answer in time/);
});

test("an answer that breaks off is a refusal in words", async (t) => {
  const api = await served(t, (response) => {
    response.writeHead(200, { "Content-Length": "100" });
    response.write('{ "epoch"', () => response.destroy());
  });
  await refused(api.rates("t"), /cannot be reached/);
});

test("a refusal says where what is kept begins", async (t) => {
  const api = await served(t, (response) => {
    response.writeHead(410);
    response.end('{ "detail": "gone", "next": 7 }');
  });
  await assert.rejects(api.page("t", { partition: 0, from: 0, to: 5 }), (error) => error instanceof LoadError && error.next === 7);
});

test("whoever reads by other formats reads everything by them", async (t) => {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end("{}");
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  t.after(() => server.close());
  const root = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}/`;
  const api = new RecordsApi(root, undefined, () => ({ value_format: "hex" }));
  await api.page("t", { partition: 0, from: 1, to: 2 });
  await api.newest("t", { 0: 5 }, 3);
  await api.whole("t", 0, 7);
  await api.schema("t", 0, 7, "key");
  await new RecordsApi(root).whole("t", 0, 7);
  assert.deepEqual(asked, [
    "/t/records?partition=0&from=1&to=2&value_format=hex", "/t/newest?before=0%3A5&limit=3&value_format=hex",
    "/t/records/0/7?value_format=hex", "/t/records/0/7/schema?part=key&value_format=hex", "/t/records/0/7",
  ]);
});
