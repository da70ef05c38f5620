import assert from "node:assert/strict";
import { test } from "node:test";

import { digitsOf, exactText, numberOf, parseExact } from "../../../streams/static/streams/live/json.js";

for (const source of [
  '{"big":12345678901234567890}', '{"a":1.0,"b":[1e5,-0,0.10]}', '{"text":"12345678901234567890 and 1.0"}',
  '{"quote":"a \\" 1.0 \\\\","n":1.50}', "9007199254740993", "[]", '{"plain":1,"negative":-12.5}', '"\\ud83d\\ude00"',
]) {
  test(`digits survive: ${source}`, () => {
    assert.equal(exactText(parseExact(source)), source.replace("\\ud83d\\ude00", "😀"));
  });
}

test("ordinary numbers are numbers, others know their digits", () => {
  const value = parseExact('{"a":3,"b":12345678901234567890}');
  assert.equal(value.a, 3);
  assert.equal(digitsOf(value.b), "12345678901234567890");
  assert.equal(digitsOf("12345678901234567890"), null);
  assert.equal(numberOf(value.b), 12345678901234567890);
});

test("pretty printing keeps digits too", () => {
  assert.equal(exactText(parseExact('{"a":1.0}'), 2), '{\n  "a": 1.0\n}');
});
