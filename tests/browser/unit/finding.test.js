import assert from "node:assert/strict";
import { test } from "node:test";

import { MOST, find, findable } from "../../../streams/static/streams/topics/finding.js";

const topic = (name, label = name) => ({ name, label });
const all = findable([topic("a.orders", "Orders"), topic("b.orders.eu"), topic("border"), topic("items.v1", "Items"), topic("orders"), topic("z")]);
const names = ({ groups }) => groups.flatMap(({ topics }) => topics.map(({ name }) => name));

test("every word has to stand in name or label, in any case", () => {
  assert.deepEqual(names(find(all, "EU order", new Set(), [])), ["b.orders.eu"]);
  assert.deepEqual(names(find(all, "items", new Set(), [])), ["items.v1"]);
  assert.deepEqual(find(all, "nowhere", new Set(), []), { groups: [], count: 0 });
});

test("what is closest to what was typed comes first, favourites and recent ones among equals", () => {
  assert.deepEqual(names(find(all, "orders", new Set(), [])), ["a.orders", "orders", "b.orders.eu"]);
  assert.deepEqual(names(find(all, "orders", new Set(["orders"]), [])), ["orders", "a.orders", "b.orders.eu"]);
  assert.deepEqual(names(find(all, "order", new Set(), ["b.orders.eu"])), ["a.orders", "orders", "b.orders.eu", "border"]);
});

test("with nothing typed favourites come first, then recent ones, and nothing twice", () => {
  const found = find(all, " ", new Set(["z", "border"]), ["z", "items.v1", "gone"]);
  assert.deepEqual(found.groups.map(({ heading, topics }) => [heading, topics.map(({ name }) => name)]), [
    ["Favourites", ["border", "z"]],
    ["Recent", ["items.v1"]],
    ["Others", ["a.orders", "b.orders.eu", "orders"]],
  ]);
});

test("of thousands a bounded number is offered, and all are counted, within a frame", () => {
  const many = findable(Array.from({ length: 5_000 }, (_, n) => topic(`topic-${String(n).padStart(4, "0")}`, `Topic number ${n}`)));
  const found = find(many, "topic 4", new Set(), []);
  assert.equal(names(found).length, MOST);
  assert.equal(found.count, many.filter(({ name, label }) => name.includes("4") || label.includes("4")).length);
  assert.deepEqual([names(find(many, "", new Set(), [])).length, find(many, "", new Set(), []).count], [MOST, 5_000]);
});
