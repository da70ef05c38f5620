import assert from "node:assert/strict";
import { test } from "node:test";

process.env["TZ"] = "America/New_York";
const { localText } = await import("../../../streams/static/streams/page/localtimes.js");

test("a time is said in the zone of the browser and keeps its form", () => {
  const iso = "2026-01-02T03:04:05.678901+00:00";
  assert.equal(localText(iso), "2026-01-01 22:04:05");
  assert.equal(localText(iso, "2026-01-02 03:04"), "2026-01-01 22:04");
  assert.equal(localText(iso, "2026-01-02 03:04:05 UTC"), "2026-01-01 22:04:05 UTC−05:00");
  assert.equal(localText("2026-07-02T03:04:05Z", "2026-07-02 03:04:05 UTC"), "2026-07-01 23:04:05 UTC−04:00");
  assert.equal(localText(iso, "2026-01-02"), "2026-01-01");
});

test("said again it stays as it is, and what is no time too", () => {
  const iso = "2026-01-02T03:04:05Z";
  for (const form of ["2026-01-02 03:04:05 UTC", "2026-01-02 03:04", "2026-01-02"]) {
    const once = localText(iso, form);
    assert.equal(localText(iso, once), once);
  }
  assert.equal(localText("nonsense", "2026-01-02 03:04"), "2026-01-02 03:04");
  assert.equal(localText(iso, "an hour ago"), "an hour ago");
});
