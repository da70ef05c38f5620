import assert from "node:assert/strict";
import test from "node:test";

import { indented } from "../../../streams/static/streams/board/decoded.js";

test("a schema in JSON gets lines, another text stays as it is", () => {
  assert.equal(indented('{"type":"string"}'), '{\n  "type": "string"\n}');
  assert.equal(indented('syntax = "proto3";'), 'syntax = "proto3";');
});
