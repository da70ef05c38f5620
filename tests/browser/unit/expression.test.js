import assert from "node:assert/strict";
import { test } from "node:test";

import {
  conditionOf, filterOf, joinedWith, literalOf, marksOf, quoted, readAs, unquoted, valueCondition,
} from "../../../streams/static/streams/record/expression.js";
import { piecesOf } from "../../../streams/static/streams/page/format.js";

const text = (string) => ({ string, json: JSON.stringify(string) });
const number = (json) => ({ string: null, json });

test("words are words, and a filter is known by what only filters say", () => {
  for (const words of [
    "", "lamp", "desk lamp", "status:closed", "id: 7", 'say "hi"', "2:7", "value", "a.b.c", "YWJj==", "key", "x = 3", "size 7",
    '"value.a == 1"', "the offset: 7", "http://host/a?b=c", "C++ && ", "2026-01-31",
  ]) assert.equal(readAs(words), "words", words);
  for (const filter of [
    "value.a", "value.a == 1", "value.mag>=4", 'key == "7"', 'key = "7"', 'text("a b")', "has(value.a)", 'value["a-b"]',
    '"x" in headers', 'key in ["a"]', 'a == "b"', "size(value) > 3", 'item.startsWith("a")', "partition > 0 || offset < 7",
  ]) assert.equal(readAs(filter), "filter", filter);
});

test("a condition is written so that the server reads the same value", () => {
  assert.equal(valueCondition(["place"], text('4km "W"\n'), false), 'value.place == "4km \\"W\\"\\n"');
  assert.equal(valueCondition(["a-b", "in", "c"], number("9223372036854775807"), true), 'value["a-b"]["in"].c != 9223372036854775807');
  assert.equal(valueCondition(["id"], number("9223372036854775808"), false), null);
  assert.equal(literalOf(number("-9223372036854775808")), "-9223372036854775808");
  assert.equal(literalOf(number("-9223372036854775809")), null);
  assert.equal(literalOf(number("12345678901234567890.0")), "12345678901234567890.0");
  assert.equal(valueCondition([], number("-1.50"), false), "value == -1.50");
  assert.equal(conditionOf("key", number("null"), false), "key == null");
  assert.equal(valueCondition(["list"], number("[1, 2]"), false), null);
  assert.equal(literalOf(number("1e400")), null);
  assert.equal(literalOf(number("1".repeat(41))), null);
  assert.equal(literalOf({ string: null, json: '"\\ud800"' }), null);
  assert.equal(quoted("\u0000\u2028"), '"\\u0000\\u2028"');
  assert.equal(unquoted(quoted('a\\b"\n\u0007')), 'a\\b"\n\u0007');
});

test("what stands in a list may stand at any place of it", () => {
  assert.equal(valueCondition(["items", 1, "sku"], text("L-1"), false), 'value.items.exists(each, each.sku == "L-1")');
  assert.equal(valueCondition(["items", 1, "sku"], text("L-1"), true), '!value.items.exists(each, each.sku == "L-1")');
  assert.equal(valueCondition(["a", 0, "b", 2], number("3"), false), "value.a.exists(each, each.b.exists(part, part == 3))");
  assert.equal(valueCondition(["a", 0, 0, 0], number("3"), false), null);
});

test("a long text is compared by its beginning", () => {
  const condition = valueCondition(["log"], text("x".repeat(500)), true);
  assert.equal(condition, `!value.log.startsWith("${"x".repeat(120)}")`);
});

test("conditions join without changing what was there", () => {
  const added = "value.b == 2";
  assert.equal(joinedWith("", added), added);
  assert.equal(joinedWith("value.a == 1", added), "value.a == 1 && value.b == 2");
  assert.equal(joinedWith("value.a == 1 || value.c == 3", added), "(value.a == 1 || value.c == 3) && value.b == 2");
  assert.equal(joinedWith("desk lamp", added), 'text("desk lamp") && value.b == 2');
  assert.equal(joinedWith("value.b == 2 && value.a == 1", added), "value.a == 1 && value.b == 2");
  assert.equal(joinedWith("value.a == 1 && value.b != 2", added), "value.a == 1 && value.b == 2");
  assert.equal(joinedWith("value.a == 1 && !value.l.exists(each, each == 1)", "value.l.exists(each, each == 1)"), "value.a == 1 && value.l.exists(each, each == 1)");
  assert.equal(joinedWith("value.a == 1 // so", added), "value.a == 1 && value.b == 2");
  assert.equal(joinedWith('value.a == "x || y"', added), 'value.a == "x || y" && value.b == 2');
});

test("key and words become one filter", () => {
  assert.equal(filterOf({ text: " ", key: null }), "");
  assert.equal(filterOf({ text: "desk lamp", key: "7" }), 'key == "7" && text("desk lamp")');
  assert.equal(filterOf({ text: "value.a == 1 || value.b == 2", key: "7" }), 'key == "7" && (value.a == 1 || value.b == 2)');
});

const marked = (filter, shown) => piecesOf(shown, marksOf(filter)).filter(({ isMarked }) => isMarked).map(({ text: said }) => said);

test("what a filter looks for is marked, and nothing that it leaves out", () => {
  assert.deepEqual(marked("desk LAMP", "a Desk and a lamp"), ["Desk", "lamp"]);
  assert.deepEqual(marked("status:closed", "status: closed"), ["closed"]);
  assert.deepEqual(marked('text("desk lamp") || value.n.contains("and")', "a Desk and a lamp"), ["Desk", "and", "lamp"]);
  assert.deepEqual(marked('value.n == "a b" && value.m != "c" && value["d"].startsWith("e")', "a b c d e"), ["a b", "e"]);
  assert.deepEqual(marked('key in ["x", "y"] && "z" in headers.h', "x y z"), ["x", "y", "z"]);
  assert.deepEqual(marked("value.n == 4.5", "4.5 14.5 4.55 -4.5"), ["4.5", "4.5"]);
  assert.deepEqual(marked('value.n.matches("x.*")', "x.*"), []);
  assert.deepEqual(marked('text("a.b (c")', "a.b axb (c"), ["a.b", "(c"]);
  assert.equal(marksOf("value.a > 3"), null);
  assert.deepEqual(piecesOf("ab", null), [{ text: "ab", isMarked: false }]);
});
