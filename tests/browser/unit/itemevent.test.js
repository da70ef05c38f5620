import assert from "node:assert/strict";
import { test } from "node:test";

import { SeenVersions, itemEventOf } from "../../../streams/static/streams/live/itemevent.js";
import { Source } from "../../../streams/static/streams/live/json.js";

const record = (type, value) => ({
  offset: 0, timestamp: 0, key: "7", headers: type ? { ce_type: type } : {}, size: 1, encoding: "json", value: new Source(JSON.stringify(value)),
});
const lamp = {
  id: 7, version: 2, name: "Lamp", price: "12.50", sku: "L-1", owner: null, updated_at: "2025-03-01T09:30:00.000000Z",
  actor: "ada",
};

test("an item event says what happened to which item, by whom", () => {
  const event = itemEventOf(record("item.updated", lamp));
  assert.deepEqual(event, {
    happened: "updated", id: "7", version: "2", name: "Lamp", price: "12.50", sku: "L-1", owner: "",
    updatedAt: "2025-03-01T09:30:00.000000Z", actor: "ada",
  });
});

test("what is no item event is none", () => {
  for (const value of [null, 3, "x", [], {}, { id: "../x" }, { id: null }]) {
    assert.equal(itemEventOf(record("item.created", value)), null);
  }
  assert.equal(itemEventOf(record("order.created", lamp)), null);
  assert.equal(itemEventOf(record(null, lamp)), null);
});

test("an id beyond 2^53 keeps its digits", () => {
  const long = { ...record("item.created", null), value: new Source('{"id":12345678901234567890}') };
  assert.equal(itemEventOf(long)?.id, "12345678901234567890");
});

test("a version at a second place is recognised, at its own place it is not", () => {
  const seen = new SeenVersions();
  const event = itemEventOf(record("item.created", lamp));
  assert.deepEqual(["0:1", "0:1", "0:5"].map((place) => seen.isRepeated(event, place)), [false, false, true]);
});
