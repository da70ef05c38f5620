import assert from "node:assert/strict";
import { test } from "node:test";

import { siftedSentence } from "../../../streams/static/streams/board/filter.js";
import { checkedOf } from "../../../streams/static/streams/record/filters_api.js";
import { pointedText, triedSentence } from "../../../streams/static/streams/board/field.js";
import { RECORDS, knownFrom } from "../../../streams/static/streams/board/known.js";
import { suggestionsAt } from "../../../streams/static/streams/board/suggestions.js";
import { Source } from "../../../streams/static/streams/live/json.js";

const entry = (value, key = "k", headers = {}, list = undefined) => ({
  kind: "record", topic: "t", epoch: "e", partition: 0, event: null, repeated: false,
  record: { offset: 1, timestamp: 0, key, headers, size: 1, encoding: "json", value: new Source(JSON.stringify(value)), ...(list && { header_list: list }) },
});
const known = knownFrom([
  entry({ props: { mag: 1, place: "Castaic" }, "a-b": true, list: [1] }, "k1", { ce_type: "made", "a-b": "x" }, [["ce_type", "made"], ["a-b", null], ["a-b", "x"]]),
  entry({ props: { mag: 1, place: "Hualian" } }, null),
  entry({ props: { mag: 2, place: "Castaic" } }),
  { kind: "note", text: "" },
], () => 0); // whatever this machine does meanwhile
const labels = (text, caret = text.length) => suggestionsAt(text, caret, known).options.map(({ label }) => label);
const taken = (text, index, caret = text.length) => {
  const { from, to, options } = suggestionsAt(text, caret, known);
  return text.slice(0, from) + options[index].insert + text.slice(to);
};

test("what is known comes from the records seen, and is bounded", () => {
  assert.equal(known.records, 3);
  assert.deepEqual(known.fields.get("value.props.mag"), { path: "value.props.mag", seen: 3, values: new Map([["1", 2], ["2", 1]]) });
  assert.deepEqual([...known.fields.get('value["a-b"]').values], [["true", 1]]);
  assert.deepEqual([...known.fields.get("key").values], [['"k1"', 1], ["null", 1], ['"k"', 1]]);
  assert.equal(known.fields.get("value.list").values.size, 0);
  const wild = Array.from({ length: 2 * RECORDS }, (_, n) => entry({ [`f${n}`]: n, same: n }));
  const bounded = knownFrom(wild, () => 0);
  assert.equal(bounded.records, RECORDS);
  assert.ok(bounded.fields.size <= 400 && bounded.fields.get("value.same").values.size <= 40);
  let now = 0;
  assert.ok(knownFrom(wild, () => (now += 10)).records < 5, "somebody is typing");
});

test("fields are found by any part of their name, from words to a filter", () => {
  assert.deepEqual(labels("plac"), ["value.props.place"]);
  assert.equal(taken("plac", 0), "value.props.place ");
  assert.deepEqual(labels("value.props."), ["value.props.mag", "value.props.place"]);
  assert.deepEqual(labels("value.props.ma"), ["value.props.mag"]);
  assert.deepEqual(labels("has(value.props.ma"), ["value.props.mag"]);
  assert.ok(labels('value["a').includes('value["a-b"]'));
  assert.deepEqual(labels("headers."), ["headers.ce_type[0]", 'headers["a-b"][0]', 'headers["a-b"][1]']);
  assert.deepEqual(labels("headers"), ["headers.ce_type[0]", 'headers["a-b"][0]', 'headers["a-b"][1]', "headers"]);
  assert.equal(taken('headers["a', 1), 'headers["a-b"][1] ');
  assert.deepEqual(labels("value.props.place.cont"), [".contains(…)"]);
  assert.equal(taken("value.props.place.cont", 0), 'value.props.place.contains("');
  assert.deepEqual(labels("desk plac"), [], "words among words are words");
});

test("behind a field stand signs, behind a sign what it says, behind that another condition", () => {
  assert.deepEqual(labels("value.props.mag "), ["==", "!=", "<", "<=", ">", ">="]);
  assert.deepEqual(labels("value.props.mag !"), ["!="]);
  assert.deepEqual(labels("value.props.mag == "), ["1", "2"]);
  assert.deepEqual(labels("value.props.place == "), ['"Castaic"', '"Hualian"']);
  assert.deepEqual(labels('value.props.place == "hu'), ['"Hualian"']);
  assert.equal(taken('value.props.place == "hu', 0), 'value.props.place == "Hualian" ');
  assert.deepEqual(labels("headers.ce_type[0] == "), ['"made"']);
  assert.deepEqual(labels('headers["a-b"][0] == '), ["null"]);
  assert.deepEqual(labels('headers["a-b"][1] '), ["==", "!=", "<", "<=", ">", ">="]);
  assert.deepEqual(labels('value.props.place in ["Hualian", "c'), ['"Castaic"', '"Hualian"'].slice(0, 1));
  assert.deepEqual(labels("value.props.mag > 1 "), ["&&", "||"]);
  assert.deepEqual(labels("value.props.mag > 1 &"), ["&&"]);
  assert.ok(labels("value.props.mag > 1 && ").includes("value.props.place"));
  assert.deepEqual(labels("value.props.mag > 1 && pla"), ["value.props.place"]);
});

test("completing goes on in the middle of what stands there", () => {
  const text = "value.props.ma > 1";
  assert.equal(taken(text, 0, 14).replace(/ {2}/, " "), "value.props.mag > 1");
});

test("the sign stands under the character that the server names, in code points", () => {
  const { line, under } = pointedText("  😀 = 3", 2);
  assert.equal([...line][[...under].indexOf("▲")], "=");
  const long = `value.a == "${"x".repeat(100)}" = 3`;
  const pointed = pointedText(long, long.lastIndexOf("="));
  assert.equal(pointed.line[pointed.under.indexOf("▲")], "=");
  assert.ok(pointed.line.length < 80 && pointed.line.startsWith("…"));
  const wide = `value.a == "${"😀".repeat(60)}" = 3`;
  const far = pointedText(wide, [...wide].lastIndexOf("="));
  assert.equal([...far.line][[...far.under].indexOf("▲")], "=");
  const end = pointedText("value.a ==", 10);
  assert.equal(end.under.indexOf("▲"), 10);
});

test("what a check answers is right, wrong or not known", () => {
  const wrong = { code: "bad_filter", message: "No.", at: 3, detail: [] };
  assert.deepEqual(checkedOf(422, wrong, true), { kind: "wrong", message: "No.", at: 3 });
  assert.deepEqual(checkedOf(200, { normalised: "a" }, false), { kind: "right", normalised: "a", tried: null });
  assert.deepEqual(checkedOf(503, { detail: "Busy." }, true), { kind: "unknown", message: "Busy." });
  assert.equal(checkedOf(500, {}, true).kind, "unknown");
  assert.equal(triedSentence({ records: 500, matched: 1, failed: 3, unchecked: 2 }), "Filter: 1 of the newest 500 records matches (failed with 3, 2 too large to look into). Enter applies it.");
  assert.match(triedSentence({ records: 0, matched: 0, failed: 0, unchecked: 0 }), /no records to try it on/);
});

test("a filter's counts say since when, of how many, and how far back the server looked", () => {
  const sifted = { last: { records: 7, stopped: "bound" }, since: 0, records: 1200, outcomes: { matched: 1, failed: 2, unchecked: 1 } };
  const sentence = siftedSentence(sifted, 0);
  assert.match(sentence, /^Since \d\d:\d\d:\d\d 1 of 1\u202f200 records matches, 2 failed, 1 was too large to look into\. Before that 7 match, as far back as the server looked at once; older ones are in history\.$/);
  assert.doesNotMatch(siftedSentence({ ...sifted, last: null }, 0), /Before/);
  assert.match(siftedSentence({ ...sifted, last: { records: 200, stopped: "enough" } }, 0), /the newest 200 that match; older ones are in history/);
  assert.match(siftedSentence({ ...sifted, last: { records: 0, stopped: "beginning" } }, 0), /Before that 0 match, since the beginning/);
});
