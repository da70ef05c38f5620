import assert from "node:assert/strict";
import { test } from "node:test";

import { changesBetween, fieldsIn } from "../../../streams/static/streams/record/changes.js";
import { curlCommand, recordText } from "../../../streams/static/streams/record/copying.js";
import { HexLines, bytesOf } from "../../../streams/static/streams/record/hex.js";
import { TextLines, matchesIn } from "../../../streams/static/streams/record/long_text.js";
import { Source } from "../../../streams/static/streams/live/json.js";

const linesOf = (lines) => Array.from({ length: lines.count }, (_, index) => lines.line(index));
const json = (value, headers = {}) => ({ headers, encoding: "json", value: new Source(value) });

test("bytes are shown in lines with what of them is ASCII, as many in a line as there is room for", () => {
  const bytes = bytesOf(Buffer.from([0, 255, ...Buffer.from("Hello, world. 0"), 10]).toString("base64"));
  assert.deepEqual(linesOf(new HexLines(bytes, 45)), [
    "0000  00 ff 48 65 6c 6c 6f 2c  ..Hello,",
    "0008  20 77 6f 72 6c 64 2e 20   world. ",
    "0010  30 0a                    0.",
  ]);
  assert.equal(new HexLines(bytes, 100).count, 2);
  assert.equal(new HexLines(new Uint8Array(0), 45).count, 0);
});

test("a text, or hex digits, are found among bytes at the place where they are shown", () => {
  const lines = new HexLines(new TextEncoder().encode("abcdefgh, abc"), 45);
  for (const query of ["abc", "61 62 63", "616263"]) {
    const shown = lines.matches(query).map(([from, to]) => {
      const line = lines.lineAt(from);
      return [line, lines.line(line).slice(from - lines.startOf(line), to - lines.startOf(line))];
    });
    assert.deepEqual(shown, [[0, "61 62 63"], [1, "61 62 63"]]);
  }
});

test("a text is folded, and every place of it is found in its line", () => {
  const text = `first\n\n${"x".repeat(25)}\nlast`;
  const lines = new TextLines(text, 10);
  assert.deepEqual(linesOf(lines), ["first", "", "x".repeat(10), "x".repeat(10), "xxxxx", "last"]);
  for (let place = 0; place < text.length; place += 1) {
    const line = lines.lineAt(place);
    assert.ok(lines.startOf(line) <= place && place < lines.startOf(line + 1), `${place}`);
  }
  assert.deepEqual(linesOf(new TextLines(`abc${"😀".repeat(3)}`, 4)), ["abc", "😀😀", "😀"]);
});

test("what is looked for is found in any case and as it is written", () => {
  assert.deepEqual(matchesIn("a.b A.B axb İ a.b", "A.b"), [[0, 3], [4, 7], [14, 17]]);
  assert.deepEqual(matchesIn("-0 [1] {2}", "[1] {"), [[3, 8]]);
  assert.deepEqual(matchesIn("anything", ""), []);
});

test("the fields of a value have paths as filters write them, and digits as they came", () => {
  const found = fieldsIn(new Source('{"a":{"b-c":[1.0,{"d":-0}],"e":{}},"x":1,"x":2,"l":9007199254740993}'), "value");
  assert.deepEqual([...found], [
    ['value.a["b-c"][0]', ["1.0"]], ['value.a["b-c"][1].d', ["-0"]], ["value.a.e", ["{}"]], ["value.x", ["1", "2"]], ["value.l", ["9007199254740993"]],
  ]);
  assert.deepEqual([...fieldsIn(new Source("1e400"), "value")], [["value", ["1e400"]]]);
});

test("changes are told field by field, with headers, whatever the order of names", () => {
  const before = json('{"status":"new","n":9007199254740992,"gone":[1,2],"same":{"a":1}}', { trace: "1" });
  const after = json('{"same":{"a":1},"n":9007199254740993,"status":"new","more":null}', { trace: "2" });
  const { changes, same } = changesBetween(before, after);
  assert.deepEqual(changes, [
    { path: "value.n", before: "9007199254740992", after: "9007199254740993" },
    { path: "value.more", before: null, after: "null" },
    { path: "headers.trace", before: '"1"', after: '"2"' },
    { path: "value.gone[0]", before: "1", after: null },
    { path: "value.gone[1]", before: "2", after: null },
  ]);
  assert.equal(same, 2);
});

test("of texts the lines between the first and the last that differ are told, and a tombstone has nothing", () => {
  const text = (value) => ({ headers: {}, encoding: "text", value });
  assert.deepEqual(changesBetween(text("a\nb\nc\nd"), text("a\nX\nY\nd")).changes, [{ path: "value, from line 2", before: "b\nc", after: "X\nY" }]);
  assert.deepEqual(changesBetween(text("a"), { headers: {}, encoding: "none", value: null }).changes, [{ path: "value", before: "a", after: null }]);
  assert.deepEqual(changesBetween(text("a"), text("a")).changes, []);
});

test("a record is copied as an export has it, and as a command that asks for it", () => {
  globalThis.location = { href: "https://board.example.com/sb/?topic=x" };
  const entry = { topic: "a b", partition: 2, record: { offset: 7, ...json('{"n": 1e400}'), raw: "eA==", key_raw: null } };
  assert.equal(recordText(entry, entry.record), '{"partition":2,"offset":7,"headers":{},"encoding":"json","value":{"n": 1e400}}');
  assert.equal(curlCommand("/sb/api/topics/", entry), `curl -H "Authorization: Bearer $TOKEN" 'https://board.example.com/sb/api/topics/a%20b/records/2/7'`);
});
