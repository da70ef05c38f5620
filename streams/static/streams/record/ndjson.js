// Lines of JSON from an answer that is still being sent, each as soon as it is whole.

import { parseMessage } from "../live/json.js";

// A line is a frame's worth of records at most; what is longer is nothing of ours.
const LONGEST_LINE = 8 * 1024 * 1024;

/** The answer is not what it should be. */
export class NotLines extends Error {}

/**
 * @param {AsyncIterable<Uint8Array>} pieces of the answer, cut anywhere
 * @returns {AsyncGenerator<any>} what each line says, as `parseMessage` reads it; a last line without its end is left out:
 *   the answer broke off in it
 * @throws {NotLines} when a line is no JSON, or without an end
 */
export async function* linesOf(pieces) {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > LONGEST_LINE) throw new NotLines("A line of the answer does not end.");
    for (const line of lines) if (line.trim() !== "") yield read(line);
  }
}

/** @param {string} line */
function read(line) {
  try {
    return parseMessage(line);
  } catch (error) {
    throw new NotLines("A line of the answer is not JSON.", { cause: error });
  }
}
