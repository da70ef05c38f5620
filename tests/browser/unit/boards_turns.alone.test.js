import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Turns } from "../../../streams/static/streams/boards/tiles/turns.js";

/** @type {(() => void)[]} */
let frames = [];
let now = 0;
const { performance, requestAnimationFrame } = globalThis;

beforeEach(() => {
  frames = [];
  now = 0;
  globalThis.requestAnimationFrame = (/** @type {any} */ step) => frames.push(step);
  Object.defineProperty(globalThis, "performance", { value: { now: () => now }, configurable: true });
});

afterEach(() => {
  globalThis.requestAnimationFrame = requestAnimationFrame;
  Object.defineProperty(globalThis, "performance", { value: performance, configurable: true });
});

/** @returns {boolean} whether there was a frame to come */
function nextFrame() {
  const step = frames.shift();
  step?.();
  return step !== undefined;
}

/** @param {string[]} drawn @param {string} name @param {number} ms that it takes */
const drawing = (drawn, name, ms) => () => {
  now += ms;
  drawn.push(name);
};

test("a frame has as many tiles as fit in it, and the others come with the next ones", () => {
  const [drawn, turns] = [/** @type {string[]} */ ([]), new Turns()];
  for (const name of ["a", "b", "c", "d"]) turns.put(name, drawing(drawn, name, 3));
  assert.deepEqual(drawn, []);
  nextFrame();
  assert.deepEqual(drawn, ["a", "b"]);
  nextFrame();
  assert.deepEqual(drawn, ["a", "b", "c", "d"]);
  assert.equal(nextFrame(), false);
});

test("a tile that waits is drawn once, with the newest, in its turn", () => {
  const [drawn, turns] = [/** @type {string[]} */ ([]), new Turns()];
  turns.put("a", drawing(drawn, "a1", 1));
  turns.put("b", drawing(drawn, "b1", 1));
  turns.put("a", drawing(drawn, "a2", 1));
  nextFrame();
  assert.deepEqual(drawn, ["a2", "b1"]);
});

test("a tile that fails keeps no other one from being drawn", () => {
  const [drawn, turns] = [/** @type {string[]} */ ([]), new Turns()];
  turns.put("a", () => {
    throw new Error("planted");
  });
  turns.put("b", drawing(drawn, "b", 1));
  assert.throws(nextFrame, /planted/);
  nextFrame();
  assert.deepEqual(drawn, ["b"]);
});

test("a board that opens anew draws nothing of the one before", () => {
  const [drawn, turns] = [/** @type {string[]} */ ([]), new Turns()];
  turns.put("a", drawing(drawn, "a", 1));
  turns.clear();
  nextFrame();
  assert.deepEqual(drawn, []);
  turns.put("a", drawing(drawn, "new", 1));
  nextFrame();
  assert.deepEqual(drawn, ["new"]);
});
