import assert from "node:assert/strict";
import test from "node:test";

import { indented, saidAs } from "../../../streams/static/streams/record/decoded.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { LoadError } from "../../../streams/static/streams/live/records_api.js";

test("a schema in JSON gets lines, another text stays as it is", () => {
  assert.equal(indented('{"type":"string"}'), '{\n  "type": "string"\n}');
  assert.equal(indented('syntax = "proto3";'), 'syntax = "proto3";');
});

test("what a value says by another format is shown with every digit, or why it says nothing", () => {
  assert.equal(saidAs({ encoding: "json", format: "msgpack", value: new Source('{"n":1.50}') }), '{\n  "n": 1.50\n}');
  assert.equal(saidAs({ encoding: "text", format: "hex", value: "00ff" }), "00ff");
  assert.equal(saidAs({ encoding: "none", value: null }), "no value");
  assert.equal(saidAs({ encoding: "json", format: "double", problem: "JSON knows no NaN.", value: new Source('"NaN"') }), 'JSON knows no NaN.\n\n"NaN"');
  assert.throws(() => saidAs({ encoding: "base64", problem: "It is not CBOR.", value: "/w==" }), new LoadError("It is not CBOR."));
});
