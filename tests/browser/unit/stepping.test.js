import assert from "node:assert/strict";
import { test } from "node:test";

import { stepped } from "../../../streams/static/streams/page/stepping.js";

test("keys go along places as far as there are any, and begin with the newest", () => {
  assert.equal(stepped("ArrowLeft", -1, 5), 4);
  assert.equal(stepped("PageUp", -1, 50), 49);
  assert.equal(stepped("Home", -1, 5), 0);
  assert.equal(stepped("ArrowRight", 3, 5), 4);
  assert.equal(stepped("ArrowRight", 4, 5), 4);
  assert.equal(stepped("ArrowLeft", 0, 5), 0);
  assert.equal(stepped("PageUp", 25, 50), 15);
  assert.equal(stepped("PageDown", 45, 50), 49);
  assert.equal(stepped("End", 0, 5), 4);
});

test("other keys, and a row without places, lead nowhere", () => {
  assert.equal(stepped("Enter", 2, 5), null);
  assert.equal(stepped("toString", 2, 5), null);
  assert.equal(stepped("ArrowLeft", -1, 0), null);
});
