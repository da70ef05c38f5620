import assert from "node:assert/strict";
import { test } from "node:test";

import { addCondition, dropCondition, lookedAt, setWindow } from "../../../streams/static/streams/boards/look.js";
import { equals, within, wordsOf } from "../../../streams/static/streams/boards/tiles/narrow.js";
import { allOf } from "../../../streams/static/streams/boards/worker/filters.js";

const KEPT = { name: "Board", window: { last_seconds: 900 }, filter: "value.a == 1", tiles: [] };
const look = (address) => lookedAt(KEPT, new URLSearchParams(address));

test("a pressed value becomes a condition that holds for it alone", () => {
  const made = [
    ["value.net", "ci", "text", 'value.net == "ci"'],
    ["value.net", 'a "b" \\ c\n', "text", 'value.net == "a \\"b\\" \\\\ c\\n"'],
    ["value.n", "12", "text", 'value.n == "12"'],
    ["value.n", "-1.5e-7", "number", "value.n == -1.5e-7"],
    ["value.ok", "true", "boolean", "value.ok == true"],
    ['value["a b"].items[2].in', "x", "text", 'value["a b"].items[2]["in"] == "x"'],
    ["value.größe", "1", "number", 'value["größe"] == 1'],
    ["headers.kind", "x", "text", 'headers.kind[size(headers.kind) - 1] == "x"'],
    ["key", "k", "text", 'key == "k"'],
    ["value.n", "9223372036854775807", "number", "value.n == 9223372036854775807"],
  ];
  for (const [path, text, type, condition] of made) assert.equal(equals(path, text, type), condition);
});

test("what no filter can say makes no condition", () => {
  assert.equal(equals("value.n", "9223372036854775808", "number"), null);
  assert.equal(equals("value.n", "[1]", "json"), null);
  assert.equal(equals("value.n", "", "none"), null);
});

test("a bin's condition has its beginning, and its end where it is closed", () => {
  assert.equal(within("value.mag", -0.5, 0, false), "value.mag >= -0.5 && value.mag < 0");
  assert.equal(within("value.mag", 6, 7, true), "value.mag >= 6 && value.mag <= 7");
});

test("conditions are said in words, and strange ones as they are", () => {
  assert.equal(wordsOf(equals("value.properties.net", "ci", "text")), "net = ci");
  assert.equal(wordsOf(equals("value.net", "", "text")), "net = “”");
  assert.equal(wordsOf(equals("headers.kind", "x == y", "text")), "kind = x == y");
  assert.equal(wordsOf(equals("value.n", "-3", "number")), "n = −3");
  assert.equal(wordsOf(within("value.mag", -2, 3, false)), "−2 ≤ mag < 3");
  assert.equal(wordsOf(within("value.mag", 2, 3, true)), "2 ≤ mag ≤ 3");
  assert.equal(wordsOf("size(value.x) > 2 || true"), "size(value.x) > 2 || true");
});

test("the address says window, filter and conditions, and the board says the rest", () => {
  assert.deepEqual(look(""), { ...KEPT, where: [] });
  assert.deepEqual(look("window=60").window, { last_seconds: 60 });
  assert.deepEqual(look("window=opened").window, { since: "opened" });
  assert.deepEqual(look("from=1000&to=2000").window, { from: 1000, to: 2000 });
  assert.deepEqual(look("from=0&to=2000").window, { from: 0, to: 2000 });
  assert.deepEqual(look("window=604800").window, { last_seconds: 604_800 });
  for (const wrong of ["window=-1", "window=x", "window=604801", "window=1e15", "from=5&to=5", "from=5", "to=5", "from=&to=x", "from=1&to=9e15"]) assert.deepEqual(look(wrong).window, KEPT.window, wrong);
  assert.equal(look("filter=").filter, "");
  assert.deepEqual(look("where=a&where=b").where, ["a", "b"]);
});

test("another window takes the place of the one before", () => {
  const asked = new URLSearchParams("from=1&to=2&filter=x");
  setWindow(asked, { last_seconds: 300 });
  assert.equal(asked.toString(), "filter=x&window=300");
  setWindow(asked, { from: 5, to: 9 });
  assert.equal(asked.toString(), "filter=x&from=5&to=9");
  setWindow(asked, { since: "opened" });
  assert.equal(asked.toString(), "filter=x&window=opened");
});

test("a condition is there once, and goes alone", () => {
  const asked = new URLSearchParams("where=a");
  assert.equal(addCondition(asked, "b"), true);
  assert.equal(addCondition(asked, "a"), false);
  dropCondition(asked, "a");
  assert.deepEqual(asked.getAll("where"), ["b"]);
});

test("filters together hold together", () => {
  assert.equal(allOf(["", " "]), "");
  assert.equal(allOf(["a || b", "", ""]), "a || b");
  assert.equal(allOf(["a || b", "c", "d == 1"]), "(a || b) && (c) && (d == 1)");
});
