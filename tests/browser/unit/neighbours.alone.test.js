import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { RecordsApi } from "../../../streams/static/streams/live/records_api.js";
import { Neighbours } from "../../../streams/static/streams/record/neighbours.js";

const EPOCH = "e";
const open = new AbortController().signal;
/** @type {object[][]} what the server answers to one search after another */
let answers = [];
/** @type {any[]} what it was asked */
let asked = [];
/** @type {number[]} offsets at which a record lies near, and where the partition ends */
let near = [];
let last = 1_000;
let root = "";
const server = createServer(async (request, response) => {
  if (request.method === "GET") {
    const [from, to] = ["from", "to"].map((name) => Number(new URL(request.url, root).searchParams.get(name)));
    const records = near.filter((offset) => offset >= from && offset < to).map((offset) => record(offset, offset % 10 === 0 ? "k" : "other"));
    response.end(JSON.stringify({ epoch: EPOCH, partition: 0, from, to: Math.min(to, last), records, next: null }));
    return;
  }
  let body = "";
  for await (const piece of request) body += piece;
  asked.push(JSON.parse(body));
  response.end((answers.shift() ?? []).map((line) => `${JSON.stringify(line)}\n`).join(""));
});

before(async () => {
  globalThis.document = { querySelector: () => null }; // there is no token in a page
  globalThis.HTMLInputElement = class {};
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  root = `http://127.0.0.1:${server.address().port}/`;
});
after(() => server.close());

const record = (offset, key = "k") => ({ offset, timestamp: 0, key, headers: {}, size: 1, encoding: "json", value: 1 });
const entry = { kind: "record", topic: "t", epoch: EPOCH, partition: 0, event: null, repeated: false, record: record(50) };
const end = (changes) => ({ type: "end", reason: "complete", scanned: 40, matched: 0, failed: 0, unchecked: 0, undecodable: 0, bytes: 0, scanned_ranges: [], cursor: null, ...changes });

/** What a search says of the records of the key, when the server answers so. */
async function ofKey(step, ...lines) {
  answers = lines.map((each) => [{ type: "begin", epoch: EPOCH, ranges: [], offsets: 0 }, ...each]);
  asked = [];
  return new Neighbours(new RecordsApi(root), root).ofKey(entry, step, open);
}

test("that there is none of a key is said where every record was looked into, and nowhere else", async () => {
  assert.equal(await ofKey(-1, [end({})]), "Kafka has no older record of this key in its partition (40 looked at).");
  assert.equal(
    await ofKey(-1, [end({ unchecked: 2 })]),
    "No older record of this key was found in its partition (38 looked at). 2 records were too large to be looked into; one of them may be of this key.",
  );
  assert.equal(
    await ofKey(1, [end({ unchecked: 1, undecodable: 3 })]),
    "No newer record of this key was found in its partition (39 looked at). 4 records were too large or too damaged to be looked into; one of them may be of this key.",
  );
});

test("a record of the key comes with the doubt that one that was not looked into lies between", async () => {
  const found = { type: "records", partition: 0, records: [record(30), record(20)] };
  const { record: sure, doubt: none } = await ofKey(-1, [found, end({ reason: "limit" })]);
  assert.deepEqual([sure.offset, none], [30, ""]);
  const { record: unsure, doubt } = await ofKey(-1, [found, end({ reason: "limit", unchecked: 1 })]);
  assert.deepEqual([unsure.offset, doubt], [30, "1 record was too large to be looked into; it may be of this key."]);
});

test("a search that goes on says what all of it did not look into", async () => {
  answers = [[end({ reason: "bound", cursor: { at: 1 }, unchecked: 1 })], [end({ unchecked: 1 })]];
  asked = [];
  const neighbours = new Neighbours(new RecordsApi(root), root);
  const first = await neighbours.ofKey(entry, -1, open);
  assert.match(first, /^None in the 39 records that were looked at\. Press again to go on\. 1 record was too large/);
  const second = await neighbours.ofKey(entry, -1, open);
  assert.match(second, /\(78 looked at\)\. 2 records were too large/);
  assert.deepEqual(asked[1].cursor, { at: 1 });
});

test("what lies next to it is looked at without a search, as far as there is a record at each offset", async () => {
  const span = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);
  near = span(35, 60);
  const { record: older, doubt } = await ofKey(-1);
  assert.deepEqual([older.offset, doubt, asked], [40, "", []]);

  near = [...span(35, 45), ...span(47, 60)]; // what stood at 45 and 46 nobody knows here
  const found = { type: "records", partition: 0, records: [record(40)] };
  assert.equal((await ofKey(-1, [found, end({ reason: "limit" })])).record.offset, 40);
  assert.deepEqual(asked[0].to, { positions: { 0: 47 } });

  near = span(41, 50);
  await ofKey(-1, [end({})]);
  assert.deepEqual(asked[0].to, { positions: { 0: 41 } });

  [near, last] = [span(51, 58), 58];
  assert.equal(await ofKey(1), "Kafka has no newer record of this key in its partition (7 looked at).");
  assert.deepEqual(asked, []);
  [near, last] = [[], 1_000];
});
