import assert from "node:assert/strict";
import { test } from "node:test";

import { applyRange, backOff, closeSentence, isFinal, politeWait } from "../../../streams/static/streams/live/protocol.js";

test("a range that begins at my position is applied, also an empty one", () => {
  assert.equal(applyRange(5, { from: 5, to: 9 }), "apply");
  assert.equal(applyRange(5, { from: 5, to: 5 }), "apply");
});

test("a range that ends at or before my position is a duplicate", () => {
  assert.equal(applyRange(9, { from: 5, to: 9 }), "duplicate");
  assert.equal(applyRange(9, { from: 2, to: 4 }), "duplicate");
});

test("a range around my position is applied from there on", () => {
  assert.equal(applyRange(7, { from: 5, to: 9 }), "overlap");
});

test("a range behind my position means that something was lost", () => {
  assert.equal(applyRange(5, { from: 6, to: 9 }), "lost");
  assert.equal(applyRange(5, { from: 6, to: 6 }), "lost");
});

test("back-off is jitter below a limit that doubles from 0.5 s to 20 s", () => {
  const limits = [0, 1, 2, 5, 6, 500].map((failures) => backOff(failures, () => 1));
  assert.deepEqual(limits, [500, 1_000, 2_000, 16_000, 20_000, 20_000]);
  assert.equal(backOff(3, () => 0), 0);
});

test("a goodbye's wait lies between its value and twice its value", () => {
  assert.equal(politeWait(2_000, () => 0), 2_000);
  assert.equal(politeWait(2_000, () => 1), 4_000);
});

test("only codes from 4500 to 4999 are final, and each has a sentence", () => {
  assert.deepEqual([1006, 4001, 4499, 4500, 4999, 5000].filter(isFinal), [4500, 4999]);
  assert.match(closeSentence(4501), /signed out/);
  assert.match(closeSentence(4777), /4777/);
});
