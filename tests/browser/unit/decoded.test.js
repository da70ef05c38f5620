import assert from "node:assert/strict";
import test from "node:test";

import { hexdump, indented } from "../../../streams/static/streams/board/decoded.js";

test("bytes are shown in short lines with what of them is ASCII", () => {
  const data = Buffer.from([0, 255, ...Buffer.from("Hello, world. 0"), 10]);
  assert.equal(hexdump(data.toString("base64")), [
    "0000  00 ff 48 65 6c 6c 6f 2c  ..Hello,",
    "0008  20 77 6f 72 6c 64 2e 20   world. ",
    "0010  30 0a                    0.",
  ].join("\n"));
  assert.equal(hexdump(""), "");
});

test("of many bytes the beginning is shown, and how many there are more", () => {
  const lines = hexdump(Buffer.alloc(5000).toString("base64")).split("\n");
  assert.equal(lines.length, 513);
  assert.equal(lines.at(-1), "… and 904 bytes more");
});

test("a schema in JSON gets lines, another text stays as it is", () => {
  assert.equal(indented('{"type":"string"}'), '{\n  "type": "string"\n}');
  assert.equal(indented('syntax = "proto3";'), 'syntax = "proto3";');
});
