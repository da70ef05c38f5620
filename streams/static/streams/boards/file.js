// A file that may hold a board, looked at before it is sent.

import { size } from "../page/format.js";

// As much as the server takes (BODY_BYTES, streams/runtime/bodies.py).
const LARGEST = 512 * 1024;

/**
 * @param {File} file
 * @returns {Promise<{ text: string, problem: "" } | { text: null, problem: string }>} the JSON of a board, as far as can be seen
 *   here; or why it is none, in a sentence
 */
export async function readBoard(file) {
  const refused = (/** @type {string} */ problem) => ({ text: null, problem: `${file.name} ${problem}` });
  if (file.size > LARGEST) return refused(`is too large for a board: ${size(file.size)}, of ${size(LARGEST)} at most.`);
  let text;
  try {
    text = textOf(await file.arrayBuffer());
  } catch {
    return refused("cannot be read: it is no text in UTF-8, or it is there no more.");
  }
  try {
    const value = JSON.parse(text);
    if (!value || typeof value !== "object" || !("format" in value || "tiles" in value)) {
      return refused("is JSON, and no board: a board says its format, streamboard.board.v1, and its tiles.");
    }
  } catch (error) {
    return refused(`is no JSON, and so no board: ${error instanceof Error ? error.message : ""}`);
  }
  return { text, problem: "" };
}

/**
 * @param {ArrayBuffer} file
 * @returns {string}
 * @throws {TypeError} where it is no such text: signs that were replaced would become names
 */
function textOf(file) {
  const [first, second] = new Uint8Array(file.slice(0, 2));
  const code = first === 0xff && second === 0xfe ? "utf-16le" : first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
  return new TextDecoder(code, { fatal: true }).decode(file);
}
