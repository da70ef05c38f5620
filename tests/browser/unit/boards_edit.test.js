import assert from "node:assert/strict";
import { test } from "node:test";

import { Source } from "../../../streams/static/streams/live/json.js";
import { Fields } from "../../../streams/static/streams/boards/figures/paths.js";
import { differences, freeId, optionsFor, ordersOf, windowsOf } from "../../../streams/static/streams/boards/edit/kinds.js";
import { fieldsOf } from "../../../streams/static/streams/boards/edit/fields.js";
import { Colours } from "../../../streams/static/streams/boards/tiles/colours.js";
import { basisText, figureText, shortPath, spanText } from "../../../streams/static/streams/boards/tiles/words.js";

const fields = (...values) => fieldsOf(values.map((value, offset) => new Fields("t", 0, {
  offset, timestamp: 1, key: `k${offset}`, headers: { h: "x" }, size: 9, encoding: "json", value: new Source(JSON.stringify(value)),
})));

test("fields are offered as records hold them, the most frequent first", () => {
  const found = fields({ a: 1, "b c": { d: ["x"] } }, { a: 2, e: true }, { a: "three" });
  assert.deepEqual(found.map(({ path, type }) => [path, type]), [
    ["key", "text"], ["headers.h", "text"], ["size", "number"], ["partition", "number"], ["value.a", "number"],
    ['value["b c"].d[0]', "text"], ["value.e", "boolean"],
  ]);
  assert.equal(found[0].values, 3);
});

test("a new tile begins on fields that fit it, and is not offered where none does", () => {
  const quakes = fields(...Array.from({ length: 9 }, (_, n) => ({ id: `q${n}`, time: n, mag: n / 2, net: n % 2 ? "ci" : "ak", geometry: { type: "Point", coordinates: [n, n] } })));
  assert.equal(optionsFor("top", quakes).field, "value.net");
  assert.equal(optionsFor("distribution", quakes).field, "value.mag");
  const many = fields(...Array.from({ length: 500 }, (_, n) => ({ id: `q${n}`, net: `n${n % 60}` })));
  assert.equal(optionsFor("top", many).field, "value.net", "not what each record has one of its own of");
  assert.equal(optionsFor("map", quakes).geojson, "value.geometry");
  assert.deepEqual(optionsFor("map", fields({ lat: 1, lon: 2 })).latitude, "value.lat");
  assert.equal(optionsFor("map", fields({ a: 1 })), null);
  assert.equal(optionsFor("distribution", []), null);
  assert.equal(freeId([{ id: "top-1" }], "top"), "top-2");
});

test("a table is sorted by what it shows, and never by what was typed blind", () => {
  const orders = (sort) => ordersOf({ by: "key", columns: ["value.n", "key"], sort }).map(([order]) => order);
  assert.deepEqual(orders("-value.n"), ["", "key", "-key", "value.n", "-value.n"]);
  assert.deepEqual(orders("value.gone").slice(0, 2), ["value.gone", ""]);
});

test("a board is offered the usual windows, and the one that it has", () => {
  assert.deepEqual(windowsOf({ last_seconds: 900 }).map(({ words }) => words), ["in the last 15 min", "in the last 1 min", "in the last 5 min", "in the last 1 h", "since this board was opened"]);
  assert.deepEqual(windowsOf({ from: 0, to: 1_000 })[0], { window: { from: 0, to: 1_000 }, words: "1970-01-01T00:00:00.000Z – 1970-01-01T00:00:01.000Z" });
});

test("who saves second is told what differs", () => {
  const tile = (id, more) => ({ id, kind: "number", title: id, topic: "t", filter: "", x: 0, y: 0, w: 3, h: 3, options: { figure: "count", field: null }, ...more });
  const mine = { name: "A", window: { last_seconds: 60 }, filter: "", clock: "utc", tiles: [tile("one"), tile("two", { x: 3 })] };
  const theirs = { ...mine, name: "B", window: { since: "opened" }, tiles: [tile("two", { options: { figure: "max", field: "value.n" } }), tile("three")] };
  assert.deepEqual(differences(mine, theirs).map(({ name, mine: a, theirs: b }) => [name, a, b]), [
    ["name", "A", "B"], ["window", "in the last 1 min", "since this board was opened"], ["tile one", "there", "not there"],
    ["tile two", "column 4, row 1, 3 wide, 3 high; figure: count; field: none", "column 1, row 1, 3 wide, 3 high; figure: max; field: value.n"],
    ["tile three", "not there", "there"],
  ]);
  assert.deepEqual(differences(mine, structuredClone(mine)), []);
});

test("figures are written for people", () => {
  const written = [["1707", "1\u202F707"], ["-12345", "−12\u202F345"], ["6.1", "6.1"], ["0.08791234", "0.0879"], ["12345.678901", "12\u202F345.7"], ["1.23456", "1.23"], ["12345678901234567891", "12\u202F345\u202F678\u202F901\u202F234\u202F567\u202F891"], ["1e+21", "1.00e+21"], [null, "–"]];
  for (const [text, shown] of written) assert.equal(figureText(text), shown);
  assert.deepEqual(["value.a.b", 'value["a b"]', "value.coordinates[2]", "key"].map(shortPath), ["b", "a b", "coordinates[2]", "key"]);
  assert.deepEqual([60, 900, 3_600, 45].map(spanText), ["1 min", "15 min", "1 h", "45 s"]);
});

test("a footer says what figures stand on, and nothing that is not so", () => {
  const basis = { records: 1_707, without_value: 0, late: 0, ahead: 0, gaps: 0, missing: 0 };
  assert.equal(basisText(basis, Date.UTC(2026, 0, 1, 13, 48, 22), "utc"), "1\u202F707 records since 13:48:22");
  assert.equal(basisText({ ...basis, records: 1, without_value: 2, late: 3, gaps: 1, missing: 141 }, null, "utc"), "1 record · 2 without a value · 3 too late for the window · 1 gap, 141 offsets missing");
});

test("colours go to the largest names while a window fills, and then stay", () => {
  let now = 1;
  const colours = new Colours(() => now);
  colours.rank([["small", 2], ["", 9]]);
  colours.rank([["large", 50], ["small", 3], ...["a", "b", "c", "d", "e", "f", "g", "h", "i"].map((name, place) => [name, 20 - place])]);
  assert.deepEqual(["large", "a", "i", "small", ""].map((name) => colours.of(name)), [0, 1, 9, -1, -1]);
  now += 60_000;
  colours.rank([["small", 1_000]]);
  assert.deepEqual(["large", "small"].map((name) => colours.of(name)), [0, -1]);
});
