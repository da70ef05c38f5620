// Files that are brought as boards, and what the server says of them: told in words that say what to mend.
import assert from "node:assert/strict";
import { test } from "node:test";

import { faultsText, refusalOf } from "../../../streams/static/streams/boards/faults.js";
import { readBoard } from "../../../streams/static/streams/boards/file.js";

const BOARD = '{"format":"streamboard.board.v1","name":"Größe","tiles":[]}';
const file = (...parts) => new File(parts, "x.json");
const utf16 = (text) => Uint8Array.from([0xff, 0xfe, ...[...text].flatMap((sign) => [sign.charCodeAt(0) & 255, sign.charCodeAt(0) >> 8])]);

test("a board is read in UTF-8, with or without its mark, and in UTF-16 as some editors write it", async () => {
  for (const parts of [[BOARD], ["\uFEFF", BOARD], [utf16(BOARD)]]) {
    const { text } = await readBoard(file(...parts));
    assert.equal(JSON.parse(text).name, "Größe");
  }
});

test("a file that is none is refused before it is sent, and says why", async () => {
  for (const [parts, says] of [
    [[Uint8Array.from(Buffer.from(BOARD, "latin1"))], /^x.json cannot be read: it is no text in UTF-8/],
    [["x".repeat(10_000_000)], /^x.json is too large for a board: 9.5 MiB, of 512.0 KiB at most\.$/],
    [["a,b\n1,2"], /^x.json is no JSON/],
    [[""], /^x.json is no JSON/],
    [["[]"], /^x.json is JSON, and no board/],
    [["null"], /^x.json is JSON, and no board/],
    [['{"title":"Production","panels":[]}'], /^x.json is JSON, and no board/],
  ]) {
    const { text, problem } = await readBoard(file(...parts));
    assert.equal(text, null);
    assert.match(problem, says);
  }
});

test("faults name their place, and what to do, in words of people", () => {
  const says = (loc, type, msg) => faultsText([{ loc: ["body", ...loc], type, msg }]);
  assert.equal(says(["name"], "missing", "Field required"), "name is missing.");
  assert.equal(says(["theme"], "extra_forbidden", "Extra inputs are not permitted"), "theme is not known here.");
  assert.equal(says([], "model_type", "Input should be a valid dictionary or instance of Board"), "It has to be an object, {…}.");
  assert.equal(says(["format"], "literal_error", "Input should be 'streamboard.board.v1'"), "format is another one than is read here, streamboard.board.v1.");
  assert.equal(
    says(["tiles", 1], "union_tag_invalid", "Input tag 'pie' found using 'kind' does not match any of the expected tags: 'stream', 'table'"),
    "Tile 2 has a kind that there is not; there are stream, table.",
  );
  assert.equal(says(["tiles", 0], "union_tag_not_found", "Unable to extract tag using discriminator 'kind'"), "Tile 1 has no kind.");
  assert.equal(says(["tiles", 0, "number", "options", "figure"], "literal_error", "Input should be 'count' or 'rate'"), "Tile 1 (number) › options › figure: Input should be 'count' or 'rate'.");
  assert.equal(says(["tiles", 0, "stream", "options", "columns", 2], "string_too_long", "Too long"), "Tile 1 (stream) › options › columns › 3: Too long.");
  assert.equal(says(["slug"], "string_pattern_mismatch", "String should match pattern '^[a-z0-9]'"), "slug has to be of small letters, digits, - and _.");
});

test("of many faults the first ones are told, and that there are more", () => {
  const faults = Array.from({ length: 60 }, (_each, place) => ({ loc: ["body", "tiles", place], type: "union_tag_not_found", msg: "" }));
  assert.match(faultsText(faults), /^Tile 1 has no kind\. .* Tile 5 has no kind\. There are more\.$/);
});

test("an answer without a sentence is told by its number", () => {
  assert.equal(refusalOf({ status: 403, json: { detail: "No." } }), "No.");
  assert.equal(refusalOf({ status: 502, json: null }), "The server answered 502.");
});
