import assert from "node:assert/strict";
import { test } from "node:test";

import { fileOf } from "../../../streams/static/streams/board/export_rows.js";
import { Source } from "../../../streams/static/streams/live/json.js";

const entry = (offset, source, changes = {}) => ({
  kind: "record", topic: "t", epoch: "e", partition: 2, event: null, repeated: false,
  record: { offset, timestamp: 5, key: "k", headers: { source: "usgs", "a-b": "=1" }, size: 9, encoding: "json", value: new Source(source), ...changes },
});
const entries = [
  entry(7, '{"big": 12345678901234567890,\n "one": 1.0, "a": {"b-c": "=SUM(A1)"}, "list": [1]}'),
  entry(8, '"x, \\"y\\""', { key: null }),
  entry(9, "", { encoding: "none", value: null }),
];

test("a line a record, digit for digit, and the last line says that it is all", () => {
  const lines = fileOf(entries, "ndjson", []).trimEnd().split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[0], /^\{"partition":2,"offset":7,.*"value":\{"big": 12345678901234567890,  ?"one": 1\.0,/);
  assert.equal(JSON.parse(lines[1]).value, 'x, "y"');
  assert.equal(JSON.parse(lines[2]).value, null);
  assert.deepEqual(JSON.parse(lines[3]), { type: "end", reason: "complete", records: 3 });
});

test("columns are what the filter language calls them, null where a record has none", () => {
  const [first, second] = fileOf(entries, "ndjson", ["value.big", 'value.a["b-c"]', "value.list", "headers.source", "key", "format"]).split("\n");
  assert.equal(first, '{"value.big":12345678901234567890,"value.a[\\"b-c\\"]":"=SUM(A1)","value.list":[1],"headers.source":"usgs","key":"k","format":"json"}');
  assert.deepEqual(JSON.parse(second), { "value.big": null, 'value.a["b-c"]': null, "value.list": null, "headers.source": "usgs", key: null, format: "json" });
});

test("no cell of a CSV is a formula, and numbers stay numbers", () => {
  const negative = entry(1, '{"n": -1.5, "s": "-1 +1", "t": "a;=1"}');
  const rows = fileOf([negative], "csv", ["value.n", "value.s", "value.t", 'headers["a-b"]', "value.none"]).split("\r\n");
  assert.equal(rows[0], 'value.n,value.s,value.t,"headers[""a-b""]",value.none');
  assert.equal(rows[1], "-1.5,'-1 +1,a;'=1,'=1,");
  assert.equal(rows[2], "# complete: 1 records");
  const whole = fileOf(entries, "csv", []).split("\r\n");
  assert.equal(whole[0], "partition,offset,timestamp,key,headers,size,format,value");
  assert.match(whole[2], /^2,8,5,,.*,json,"""x, \\""y\\"""""$/);
});
