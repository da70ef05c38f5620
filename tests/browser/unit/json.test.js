import assert from "node:assert/strict";
import { test } from "node:test";

import { Source, leavesOf, parseMessage, prettyText } from "../../../streams/static/streams/live/json.js";

const record = (value) => `{"offset":7,"headers":{"value":"x","a":"\\u00e9"},"encoding":"json","value":${value}}`;

for (const source of [
  '{"big":12345678901234567890}', '{"a":1.0,"b":[1e5,-0,0.10,1e400]}', '{"status":"NEW","id":7,"status":"PAID"}',
  '{"b":1,"10":2,"2":3}', '{"quote":"a \\" 1.0 \\\\","n":1.50}', "9007199254740993", "[]", '"\\ud83d\\ude00"', "null",
  '{"brackets":"]}[{\\"","deep":{"a":[{"b":"}"}]}}', '{ "spaced" : [ 1 , 2 ] }',
]) {
  test(`a record's value stays as it came: ${source}`, () => {
    const frame = parseMessage(`{"type":"records","ranges":[{"partition":0,"records":[${record(source)},${record("1")}]}]}`);
    assert.equal(frame.ranges[0].records[0].value.text, source);
    assert.equal(frame.ranges[0].records[1].value.text, "1");
    assert.deepEqual(frame.ranges[0].records[0].headers, { value: "x", a: "é" });
  });
}

test("values that are no JSON are texts, or nothing", () => {
  assert.equal(parseMessage('{"encoding":"text","value":"a\\nb"}').value, "a\nb");
  assert.equal(parseMessage('{"encoding":"none","value":null}').value, null);
});

for (const source of ['{"n":1e400,"id":7}', '{"half":"\\ud800","n":-1E999}', ' [1e400]\n', '{"a":{"b":[1e400,{"c":"\\udfff!"}]}}']) {
  test(`JSON that strict parsers refuse came as text and stays what it is: ${source}`, () => {
    const { encoding, value } = parseMessage(JSON.stringify({ encoding: "text", value: source }));
    assert.deepEqual([encoding, value instanceof Source, value.text], ["json", true, source]);
  });
}

test("half of a surrogate pair is shown by its source, and 1e400 by its digits", () => {
  const leaves = leavesOf(new Source('{"half":"a\\ud800b","whole":"\\ud83d\\ude00","n":1e400}'));
  assert.deepEqual(leaves.map(({ string, json }) => string ?? json), ['"a\\ud800b"', "😀", "1e400"]);
  assert.equal(prettyText(new Source('{"half":"\\ud800","n":1e400}')), '{\n  "half": "\\ud800",\n  "n": 1e400\n}');
});

test("texts that are no JSON, too deep for the server's, or cut stay texts", () => {
  for (const text of ["[INFO] started", '{"n":1e400', "{'n':1e400}", "[".repeat(65) + "1e400" + "]".repeat(65), "1e400 apples"]) {
    assert.equal(parseMessage(JSON.stringify({ encoding: "text", value: text })).value, text);
  }
  assert.equal(parseMessage('{"encoding":"text","value":"[1e400]","truncated":true}').value, "[1e400]");
});

test("a header may have any name", () => {
  assert.deepEqual(Object.entries(parseMessage('{"headers":{"__proto__":"x","a":"y"}}').headers), [["__proto__", "x"], ["a", "y"]]);
});

test("headers may have the names of a record's own members", () => {
  for (const encoding of ["json", "text"]) {
    const { headers, value } = parseMessage(`{"headers":{"encoding":"${encoding}","value":"{\\"a\\":1e400}"},"encoding":"json","value":7}`);
    assert.deepEqual(headers, { encoding, value: '{"a":1e400}' });
    assert.equal(value.text, "7");
  }
});

test("numbers around it are numbers where they survive, else their digits", () => {
  const message = parseMessage('{"timestamp":1700000000000123457,"size":3,"ok":true,"list":[],"none":{}}');
  assert.deepEqual(message, { timestamp: "1700000000000123457", size: 3, ok: true, list: [], none: {} });
});

test("what is no JSON, or breaks off, is refused", () => {
  for (const text of ["", "{", '{"a":1', '{"a" 1}', "[1 2]", "{} {}", '"open', '{"value":[1', "nonsense"]) {
    assert.throws(() => parseMessage(text), SyntaxError, text);
  }
});

test("leaves come in the order of the document, each as often as it stands there", () => {
  const leaves = leavesOf(new Source('{"b":1.0,"a":{"b":"x\\n"},"b":[1, 2],"e":{},"10":null}'));
  assert.deepEqual(leaves.map(({ name, string, json }) => [name, string, json]), [
    ["b", null, "1.0"], ["b", "x\n", '"x\\n"'], ["b", null, "[1,2]"], ["e", null, "{}"], ["10", null, "null"],
  ]);
  const inside = leavesOf(new Source('{"tags":["new",{"n":1},[]]}'), { intoLists: true });
  assert.deepEqual(inside.map(({ name, json }) => [name, json]), [["tags", '"new"'], ["n", "1"], ["tags", "[]"]]);
  assert.equal(leavesOf(new Source('{"a":{"b":{"c":1}}}'), { levels: 2 })[0].json, '{"c":1}');
  assert.equal(leavesOf(new Source('{"a":1,"b":2,"c":3}'), { most: 2 }).length, 2);
});

test("pretty printing keeps digits, names and their order", () => {
  assert.equal(prettyText(new Source('{"b":1.0,"10":[],"b":[1,{"x":"a:b, {"}],"e":{}}')), [
    "{", '  "b": 1.0,', '  "10": [],', '  "b": [', "    1,", "    {", '      "x": "a:b, {"', "    }", "  ],", '  "e": {}', "}",
  ].join("\n"));
});

test("a long value takes no longer than it is", () => {
  const text = `{"long":"${"x\\\\".repeat(400_000)}","list":[${"1,".repeat(100_000)}1]}`;
  assert.equal(parseMessage(record(text)).value.text.length, text.length);
  assert.equal(leavesOf(new Source(text)).length, 2);
  assert.ok(prettyText(new Source(text)).length > text.length);
});
