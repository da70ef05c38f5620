import assert from "node:assert/strict";
import { test } from "node:test";

import { Source } from "../../../streams/static/streams/live/json.js";
import { Digits, compareNumbers, numberOf, textOf } from "../../../streams/static/streams/boards/figures/numbers.js";
import { BadPath, Fields, pathOf, sourceAt, writtenPath } from "../../../streams/static/streams/boards/figures/paths.js";
import { compareValues, tagOf } from "../../../streams/static/streams/boards/figures/values.js";

const record = (json, more = {}) => ({
  offset: 7, timestamp: 1_000, key: "k", headers: { "a b": "x", n: "1" }, size: json.length, encoding: "json", value: new Source(json), ...more,
});
const at = (path, json, more) => new Fields("t", 3, record(json, more)).at(pathOf(path));

test("a field is found by its path, through names and lists", () => {
  const json = '{"a": {"b-c": {"items": [{"x": 1.5}, {"x": "two"}]}}, "n": null, "größe": true}';
  assert.equal(at('value.a["b-c"].items[0].x', json), 1.5);
  assert.equal(at('value.a["b-c"].items[1].x', json), "two");
  assert.equal(at("value.größe", json), true);
  assert.equal(at("value.n", json), null);
  for (const absent of ["value.b", "value.a.items", 'value.a["b-c"].items[2].x', "value.toString", 'value.a["b-c"].items.length', "value.n.x"]) {
    assert.equal(at(absent, json), undefined, absent);
  }
});

test("what is not in the value has fields of its own", () => {
  assert.deepEqual(["key", "partition", "offset", "size", "timestamp", "headers.n", 'headers["a b"]'].map((path) => at(path, "{}")), ["k", 3, 7, 2, 1_000, "1", "x"]);
  assert.equal(at("headers.missing", "{}"), undefined);
  assert.equal(at("key", "{}", { key: null }), undefined);
  assert.equal(at("value", "", { encoding: "text", value: "plain" }), "plain");
  assert.equal(at("value.x", "", { encoding: "none", value: null }), undefined);
});

test("a path that cannot be read is refused with its place", () => {
  for (const bad of ["", "valu.x", "value..x", "value.a-b", "value[", 'value["a]', "key.x", "value.a b"]) assert.throws(() => pathOf(bad), BadPath, bad);
  assert.throws(() => pathOf("value.a-b"), /character 8/);
});

test("a path is written as it is read", () => {
  const steps = ["a", "b-c", 'quo"te', 0, "größe"];
  const text = writtenPath("value", steps);
  assert.equal(text, 'value.a["b-c"]["quo\\"te"][0].größe');
  assert.deepEqual(pathOf(text).steps, steps);
});

test("numbers beyond 2^53 keep their digits, others are numbers", () => {
  const json = '{"big": 12345678901234567891, "list": [1, {"big": -9007199254740993}], "one": 1.0, "big2": 9007199254740992, "big": 12345678901234567893}';
  const big = at("value.big", json);
  assert.ok(big instanceof Digits);
  assert.equal(textOf(big), "12345678901234567893"); // the last of two names, as JSON.parse takes it
  assert.equal(textOf(at("value.list[1].big", json)), "-9007199254740993");
  assert.equal(at("value.one", json), 1);
  assert.equal(at("value.big2", json), 9007199254740992);
});

test("the source of a member is found beside texts that look like structure", () => {
  const json = ' { "a" : "},{\\"b\\":1" , "b" : [ [ 1 , 2 ] , "]" ] , "c":{"d":-1e5} } ';
  assert.equal(sourceAt(json, ["a"]), '"},{\\"b\\":1"');
  assert.equal(sourceAt(json, ["b", 1]), '"]"');
  assert.equal(sourceAt(json, ["b", 0, 1]), "2");
  assert.equal(sourceAt(json, ["c", "d"]), "-1e5");
});

test("numbers are compared exactly", () => {
  const texts = ["-1e400", "-9007199254740993", "-9007199254740992", "0", "1e-7", "9007199254740992", "9007199254740993", "9007199254740993.5", "9007199254740994", "1e30"];
  const numbers = texts.slice(1).map(numberOf);
  for (const [one, a] of numbers.entries()) {
    for (const [other, b] of numbers.entries()) assert.equal(Math.sign(compareNumbers(a, b)), Math.sign(one - other), `${textOf(a)} ${textOf(b)}`);
  }
});

test("equal values have one tag, and values an order: numbers, texts by code point, booleans", () => {
  assert.equal(tagOf(1), tagOf(numberOf("1.0")));
  assert.equal(tagOf(0), tagOf(-0));
  assert.notEqual(tagOf(1), tagOf("1"));
  assert.notEqual(tagOf(true), tagOf("true"));
  const inOrder = [-5, 2, 10, "", "a", "ab", "b", "\uffff", "😀", false, true];
  assert.deepEqual(inOrder.toReversed().sort(compareValues), inOrder);
});
