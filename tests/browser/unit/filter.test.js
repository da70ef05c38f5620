import assert from "node:assert/strict";
import { test } from "node:test";

import { addressReadAs, formatsIn, formatsSentence, EVERYTHING, addressWith, filterIn, fitting, foundSentence, isNarrow } from "../../../streams/static/streams/board/filter.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { Kept, MOST_KEPT, recordsAmong } from "../../../streams/static/streams/board/kept.js";

const entry = (key, value, offset = 7) => ({
  kind: "record", topic: "t", epoch: "e", partition: 2, event: null, repeated: false,
  record: { offset, timestamp: 0, key, headers: {}, size: 1, encoding: "json", value: new Source(JSON.stringify(value)) },
});
const finds = (filter, ...entries) => entries.map(fitting({ ...EVERYTHING, ...filter }));

test("each word has to occur, in the key, the value or the place, in any case", () => {
  const lamp = entry("A-1", { name: "Desk Lamp" });
  assert.deepEqual(finds({ text: "lamp desk" }, lamp, entry("A-1", { name: "Desk" })), [true, false]);
  assert.deepEqual(finds({ text: "a-1" }, lamp), [true]);
  assert.deepEqual(finds({ text: "2:7" }, lamp), [true]);
});

test("a key is found exactly, and no record without one", () => {
  assert.deepEqual(finds({ key: "1" }, entry("1", 1), entry("11", 1), entry(null, 1)), [true, false, false]);
  assert.deepEqual(finds({ key: "" }, entry("", 1), entry(null, 1)), [true, false]);
  assert.deepEqual(finds({ key: "1", text: "lamp" }, entry("1", "lamp"), entry("1", "chair"), entry("2", "lamp")), [true, false, false]);
});

test("gaps and notes stay in sight", () => {
  assert.deepEqual(finds({ key: "1" }, { kind: "gap" }, { kind: "note", text: "" }), [true, true]);
});

test("the address holds the filter and gives it back", () => {
  for (const filter of [{ text: "", key: "ä b&c" }, { text: "desk lamp", key: null }, { text: "x", key: "" }, EVERYTHING]) {
    const address = new URL(addressWith("http://host/?topic=items.v1&key=old&filter=old", filter));
    assert.deepEqual(filterIn(address.search), filter);
    assert.equal(address.searchParams.get("topic"), "items.v1");
  }
  assert.equal(addressWith("http://host/?topic=a", { text: "  ", key: null }), "http://host/?topic=a");
});

test("blanks leave nothing out, an empty key does", () => {
  assert.deepEqual([{ text: "  ", key: null }, { text: "", key: "" }, { text: "a", key: null }].map(isNarrow), [false, true, true]);
});

test("the sentence says how much was looked through", () => {
  assert.equal(foundSentence({ shown: 0, searched: 0, isFull: false }), "");
  assert.match(foundSentence({ shown: 1, searched: 1, isFull: false }), /^1 of the newest 1 record fits\. /);
  assert.match(foundSentence({ shown: 3, searched: 2000, isFull: false }), /^3 of the newest 2\u202f000 records fit\. Nothing older is searched\.$/);
  assert.match(foundSentence({ shown: 500, searched: 1800, isFull: true }), /^The newest 500 that fit, of 1\u202f800 records searched\./);
});

test("the newest records are kept, in sight or not", () => {
  const kept = new Kept();
  const entries = Array.from({ length: MOST_KEPT + 5 }, (_, n) => entry(String(n), n, n));
  kept.add(entries.slice(0, 10));
  kept.add(entries.slice(10));
  assert.equal(recordsAmong(kept.fitting(() => true)), MOST_KEPT);
  assert.deepEqual(kept.fitting(fitting({ text: "", key: "5" })).map(({ record }) => record.offset), [5]);
  assert.deepEqual(kept.fitting(fitting({ text: "", key: "4" })), []);
});

test("what was loaded stands where its gap was, and pushes nothing out", () => {
  const kept = new Kept();
  const gap = { kind: "gap" };
  const entries = Array.from({ length: MOST_KEPT - 1 }, (_, n) => entry(String(n), n, n));
  kept.add([...entries.slice(0, 3), gap, ...entries.slice(3)]);
  kept.fill(gap, [entry("new", "new", 9)], true, 1_000);
  kept.add([entry("newest", 1)]);
  const all = kept.fitting(() => true);
  assert.deepEqual(all.slice(0, 5).map(({ record }) => record.key), ["0", "1", "2", "new", "3"]);
});

test("formats stand in the address beside everything else, and are said in words", () => {
  const chosen = { value_format: "hex", key_format: "base64" };
  const href = addressReadAs("http://here/?topic=a&filter=true&key_format=text", chosen);
  assert.deepEqual(formatsIn(new URL(href).search), chosen);
  assert.equal(addressReadAs(href, {}), "http://here/?topic=a&filter=true");
  assert.deepEqual(formatsIn("?topic=a&value_format="), {});
  assert.equal(formatsSentence(chosen), "Only for you: values as hex, keys as base64.");
  assert.equal(formatsSentence({ key_format: "hex" }), "Only for you: keys as hex.");
  assert.equal(formatsSentence({}), "");
});
