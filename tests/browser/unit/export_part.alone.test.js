import assert from "node:assert/strict";
import { test } from "node:test";

import { queryOf } from "../../../streams/static/streams/board/export.js";
import { NoSuchPart } from "../../../streams/static/streams/board/when.js";

process.env.TZ = "Asia/Tokyo"; // nine hours ahead of UTC, all year

test("the times of a part are read by the clock that the fields say, and only what can be asked for is", () => {
  const bounds = (asked) => Object.fromEntries(queryOf({ format: "csv", ...asked }));
  const noon = "2026-01-31T12:00";
  assert.deepEqual(bounds({ from: noon, to: "2026-01-31T12:30:05", isUtc: true }), { format: "csv", from: String(Date.UTC(2026, 0, 31, 12)), to: String(Date.UTC(2026, 0, 31, 12, 30, 5)) });
  assert.deepEqual(bounds({ from: noon, isUtc: false }), { format: "csv", from: String(Date.UTC(2026, 0, 31, 3)) });
  assert.deepEqual(bounds({ filter: "value.n > 1", columns: ["key", "value.n"], isUtc: true }), { format: "csv", filter: "value.n > 1", columns: "key,value.n" });
  assert.deepEqual(bounds({ formats: { key_format: "hex" }, isUtc: true }), { format: "csv", key_format: "hex" });
  assert.throws(() => bounds({ from: noon, to: noon, isUtc: true }), NoSuchPart);
});
