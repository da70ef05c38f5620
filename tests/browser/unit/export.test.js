import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { fileOf } from "../../../streams/static/streams/record/export_rows.js";
import { Source, parseMessage } from "../../../streams/static/streams/live/json.js";

const entry = (offset, source, changes = {}) => ({
  kind: "record", topic: "t", epoch: "e", partition: 2, event: null, repeated: false,
  record: { offset, timestamp: 5, key: "k", headers: { source: "usgs", "a-b": "=1" }, size: 9, encoding: "json", value: new Source(source), ...changes },
});
const entries = [
  entry(7, '{"big": 12345678901234567890,\n "one": 1.0, "a": {"b-c": "=SUM(A1)"}, "list": [1]}'),
  entry(8, '"x, \\"y\\""', { key: null }),
  entry(9, "", { encoding: "none", value: null }),
];
const END = { type: "end", reason: "complete", records: 3, failed: 0, unchecked: 0, undecodable: 0 };

// The server's rows are held against the same table: tests/streams/search/test_rows.py.
const cases = JSON.parse(readFileSync(new URL("../../support/export_cases.json", import.meta.url), "utf8"));
for (const { name, data, columns, csv, ndjson } of cases) {
  test(`as the server's export: ${name}`, () => {
    const recorded = { ...entry(0, ""), partition: 3, record: parseMessage(data) };
    const [, row, end] = fileOf([recorded], "csv", columns).split("\r\n");
    assert.equal(row, csv);
    assert.ok(end.startsWith('# {"type":"end"'));
    const lines = fileOf([recorded], "ndjson", columns).split("\n");
    assert.equal(lines.length, 3);
    assert.deepEqual(JSON.parse(lines[0]), ndjson);
  });
}

test("a line a record, digit for digit, and the last line says that it is all", () => {
  const lines = fileOf(entries, "ndjson", []).trimEnd().split("\n");
  assert.equal(lines.length, 4);
  assert.match(lines[0], /^\{"partition":2,"offset":7,.*"value":\{"big": 12345678901234567890,  "one": 1\.0,/);
  assert.equal(JSON.parse(lines[1]).value, 'x, "y"');
  assert.equal(JSON.parse(lines[2]).value, null);
  assert.deepEqual(JSON.parse(lines[3]), END);
});

test("a time with more digits than a number of JavaScript keeps is a number all the same", () => {
  const { timestamp } = parseMessage('{"timestamp":1700000000000123457}');
  const late = [entry(7, "1", { timestamp })];
  assert.match(fileOf(late, "ndjson", []), /"timestamp":1700000000000123457,/);
  assert.match(fileOf(late, "ndjson", ["timestamp"]), /^\{"timestamp":1700000000000123457\}\n/);
  assert.match(fileOf(late, "csv", ["timestamp", "offset"]), /\r\n1700000000000123457,7\r\n/);
  assert.match(fileOf([entry(7, "1", { timestamp: null })], "ndjson", ["timestamp"]), /^\{"timestamp":null\}\n/);
});

test("columns are what the filter language calls them, null where a record has none", () => {
  const [first, second] = fileOf(entries, "ndjson", ["value.big", 'value.a["b-c"]', "value.list", "headers.source", "headers.source[0]", "key", "format"]).split("\n");
  assert.equal(first, '{"value.big":12345678901234567890,"value.a[\\"b-c\\"]":"=SUM(A1)","value.list":[1],"headers.source":["usgs"],"headers.source[0]":"usgs","key":"k","format":"json"}');
  assert.deepEqual(JSON.parse(second), {
    "value.big": null, 'value.a["b-c"]': null, "value.list": null, "headers.source": ["usgs"], "headers.source[0]": "usgs", key: null, format: "json",
  });
});

test("a CSV has a head, and a last line behind its sign", () => {
  const rows = fileOf(entries, "csv", ["value.one", 'headers["a-b"]']).split("\r\n");
  assert.equal(rows[0], 'value.one,"headers[""a-b""]"');
  assert.equal(rows[1], '1.0,"[""=1""]"');
  assert.deepEqual([JSON.parse(rows[4].replace(/^# /, "")), rows[5]], [END, ""]);
  assert.equal(fileOf(entries, "csv", []).split("\r\n")[0], "partition,offset,timestamp,key,headers,size,format,value");
});
