import assert from "node:assert/strict";
import { test } from "node:test";

import { binsOf } from "../../../streams/static/streams/board/found_chart.js";
import { joined, lookedSentence, offsetsIn, without } from "../../../streams/static/streams/board/looked.js";
import { NotLines, linesOf } from "../../../streams/static/streams/record/ndjson.js";
import { answered } from "../../../streams/static/streams/record/search_api.js";
import { NoSuchPart, boundsOf } from "../../../streams/static/streams/board/when.js";

const bytes = (text) => new TextEncoder().encode(text);
const all = async (iterable) => {
  const found = [];
  for await (const each of iterable) found.push(each);
  return found;
};
async function* pieces(...parts) {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}
const range = (partition, from, to) => ({ partition, from, to });
const open = new AbortController().signal;

test("lines are read however they are cut, and values stay as they are in Kafka", async () => {
  const text = '{"type":"records","records":[{"offset":1,"encoding":"json","value":{"n":1.0,"ä":"€"}}]}\n\n{"type":"end"}\n';
  for (const size of [1, 2, 7, 1000]) {
    const cut = [];
    for (let at = 0; at < bytes(text).length; at += size) cut.push(bytes(text).slice(at, at + size));
    const lines = await all(linesOf(pieces(...cut)));
    assert.equal(lines.length, 2);
    assert.equal(lines[0].records[0].value.text, '{"n":1.0,"ä":"€"}');
  }
});

test("a line that broke off is left out, one that is no JSON is told", async () => {
  assert.deepEqual(await all(linesOf(pieces(bytes('{"a":1}\n{"b"')))), [{ a: 1 }]);
  await assert.rejects(all(linesOf(pieces(bytes("{a}\n")))), NotLines);
  await assert.rejects(all(linesOf(pieces(bytes("x".repeat(9 * 1024 * 1024))))), NotLines);
});

test("an answer without an end is told as broken, one with an end is over there", async () => {
  const begin = { type: "begin" };
  assert.deepEqual((await all(answered(pieces(begin), open))).map(({ type }) => type), ["begin", "broken"]);
  assert.deepEqual((await all(answered(pieces(begin, new TypeError("network")), open))).map(({ type }) => type), ["begin", "broken"]);
  assert.deepEqual((await all(answered(pieces(begin, { type: "end" }, begin), open))).map(({ type }) => type), ["begin", "end"]);
  const ended = new AbortController();
  ended.abort();
  assert.deepEqual((await all(answered(pieces(begin, new TypeError("aborted")), ended.signal))).map(({ type }) => type), ["begin"]);
});

test("ranges join, and what is left of them is exact", () => {
  assert.deepEqual(joined([range(0, 5, 9), range(0, 0, 5), range(1, 3, 3), range(0, 12, 14), range(0, 13, 20)]), [range(0, 0, 9), range(0, 12, 20)]);
  assert.deepEqual(without([range(0, 0, 10), range(1, 0, 4)], [range(0, 2, 4), range(0, 8, 12), range(2, 0, 9)]), [range(0, 0, 2), range(0, 4, 8), range(1, 0, 4)]);
  assert.deepEqual(without([range(0, 0, 10)], [range(0, 0, 10)]), []);
  assert.equal(offsetsIn([range(0, 2, 4), range(1, 7, 5)]), 2);
});

const looked = (changes) => ({
  wanted: [range(0, 0, 1000)], scanned: [range(0, 0, 1000)], lost: [], reason: "complete", message: "", found: 3, records: 1000,
  unsure: 0, failed: 0, unchecked: 0, undecodable: 0, done: 1, ...changes,
});

test("the sentence always says what was looked at, and what was not", () => {
  assert.equal(lookedSentence(looked({})), "All 1\u202f000 offsets there were looked at: 3 found, and no other one matches.");
  const limited = lookedSentence(looked({ reason: "limit", scanned: [range(0, 400, 1000)] }));
  assert.match(limited, /^It stopped since it had found as many .* 3 found in the 600 of 1\u202f000 offsets that were looked at\. Not looked at: partition 0, 0–399\.$/);
  const bound = lookedSentence(looked({ reason: "bound", scanned: [], failed: 2, unchecked: 1, undecodable: 4 }));
  assert.match(bound, /Not looked at: partition 0, 0–999\. Of the records: the filter failed with 2 \(no match\), 1 too large to look into, 4 that cannot be decoded\.$/);
  const cancelled = lookedSentence(looked({ reason: "cancelled", scanned: [], unsure: 120, done: 0.12 }));
  assert.match(cancelled, /^You ended it\. In the part it was at, 120 records \(12 % of it\) were looked at, which ones is not known\./);
  assert.match(lookedSentence(looked({ reason: "forbidden", scanned: [] })), /^You may not read this topic any more\./);
  assert.match(lookedSentence(looked({ reason: "away", scanned: [] })), /^Kafka could not be reached any more; go on when it is back\. .*Not looked at/);
  const leaving = "The server is about to be started anew; go on in a moment.";
  assert.ok(lookedSentence(looked({ reason: "away", message: leaving, scanned: [] })).startsWith(`${leaving} 3 found in the 0 of`));
  assert.match(lookedSentence(looked({ reason: "new", message: "", scanned: [] })), /^It ended: new\./);
  assert.match(lookedSentence(looked({ wanted: [], scanned: [] })), /^There are no offsets there/);
  assert.match(lookedSentence(looked({ wanted: [], scanned: [], reason: "cancelled" })), /Nothing was looked at/);
  const lost = lookedSentence(looked({ scanned: [range(0, 10, 1000)], lost: [range(0, 0, 10)] }));
  assert.match(lost, /Retention took partition 0, 0–9 before it could be looked at\.$/);
  assert.doesNotMatch(lost, /Not looked at/);
  const many = lookedSentence(looked({ wanted: [0, 1, 2, 3, 4].map((each) => range(each, 0, 10)), scanned: [], reason: "limit" }));
  assert.match(many, /partition 2, 0–9; and 20 offsets in 2 more ranges\.$/);
});

test("the form says which part is meant, or what is missing", () => {
  const said = (changes) => ({ where: "all", from: "", to: "", partition: "0", ...changes });
  assert.deepEqual(boundsOf(said({}), 0), {});
  assert.deepEqual(boundsOf(said({ where: "hour" }), 3_600_001), { from: { timestamp: 1 } });
  assert.deepEqual(boundsOf(said({ where: "offsets", partition: "2", from: "5", to: "9" }), 0), { partitions: [2], from: { positions: { 2: 5 } }, to: { positions: { 2: 9 } } });
  assert.deepEqual(boundsOf(said({ where: "time", to: "2026-01-01T00:00:01" }), 0), { to: { timestamp: new Date("2026-01-01T00:00:01").getTime() } });
  for (const wrong of [{ where: "time" }, { where: "time", from: "x" }, { where: "time", from: "2026-01-02T00:00", to: "2026-01-01T00:00" },
    { where: "offsets", partition: "" }, { where: "offsets", from: "1.5" }, { where: "offsets", from: "9", to: "9" }]) {
    assert.throws(() => boundsOf(said(wrong), 0), NoSuchPart);
  }
});

test("what was found is counted over the time between the first and the last", () => {
  assert.deepEqual(binsOf([], 2), { from: 0, to: 0, counts: [0, 0] });
  assert.deepEqual(binsOf([10, 20, 11, 19], 2), { from: 10, to: 20, counts: [2, 2] });
  assert.deepEqual(binsOf([5, 5], 3).counts, [0, 0, 2]);
});
