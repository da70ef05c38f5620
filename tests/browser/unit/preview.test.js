import assert from "node:assert/strict";
import { test } from "node:test";

import { Source } from "../../../streams/static/streams/live/json.js";
import { Preview } from "../../../streams/static/streams/record/preview.js";

const json = (value) => new Source(JSON.stringify(value));
const names = (preview, value) => preview.fields(json(value)).map(({ name }) => name);

test("fields that differ come before those that repeat, otherwise in the order of the document", () => {
  const preview = new Preview();
  const value = (n) => ({ type: "Feature", properties: { net: "ci", mag: n / 10, place: `${n} km` }, id: `e${n}` });
  for (let n = 0; n < 20; n += 1) preview.learn(json(value(n)));
  assert.deepEqual(names(preview, value(99)), ["mag", "place", "id", "type", "net"]);
});

test("null and empty fields are left out unless there is nothing else", () => {
  assert.deepEqual(names(new Preview(), { a: null, b: "", c: 1 }), ["c"]);
  assert.deepEqual(names(new Preview(), { a: null }), ["a"]);
});

test("a value that is no object is shown as it is", () => {
  assert.deepEqual(new Preview().fields(json([1, 2])), [{ path: "", name: "", text: "[1,2]" }]);
  assert.equal(new Preview().fields(json("words"))[0].text, "words");
  assert.equal(new Preview().fields(json({}))[0].text, "{}");
});

test("a record with very many or very deep fields stays one bounded line", () => {
  const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`f${n}`, n]));
  const preview = new Preview();
  preview.learn(json(wide));
  assert.equal(preview.fields(json(wide)).length, 12);
  assert.equal(preview.fields(json({ a: { b: { c: { d: "x".repeat(500) } } } }))[0].text.length, 121);
});

test("a field that says the key again comes behind those that tell something new", () => {
  const preview = new Preview();
  for (let n = 0; n < 10; n += 1) preview.learn(json({ id: `quake-${n}`, mag: n }), `quake-${n}`);
  assert.deepEqual(preview.fields(json({ id: "quake-11", mag: 2 })).map(({ name }) => name), ["mag", "id"]);
});

test("a name that stands there twice is shown twice, in the order of the document", () => {
  const fields = new Preview().fields(new Source('{"status":"NEW","10":1,"2":2,"status":"PAID","n":1.0}'));
  assert.deepEqual(fields.map(({ name, text }) => `${name}: ${text}`), ["status: NEW", "10: 1", "2: 2", "status: PAID", "n: 1.0"]);
});

test("what has no sign of its own on a screen has one in the line", () => {
  assert.equal(new Preview().fields(json({ a: "b\u0000c\u001b[0m\u007f" }))[0].text, "b␀c␛[0m␡");
  assert.equal(new Preview().fields(json({ a: "one\ntwo" }))[0].text, "one ↵ two");
});
