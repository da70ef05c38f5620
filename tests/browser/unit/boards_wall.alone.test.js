// The screen of a wall: it is kept awake by one lock, and by none once somebody has left.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { keepAwake, leave } from "../../../streams/static/streams/boards/wall.js";

/** @type {{ released: boolean, release: () => Promise<void> }[]} */
let locks = [];
/** @type {(() => void)[]} the browser's yes to each who asked */
let answers = [];
const { navigator } = globalThis;

beforeEach(() => {
  locks = [];
  answers = [];
  const request = () => new Promise((resolve) => {
    const lock = { released: false, release: async () => void (lock.released = true) };
    locks.push(lock);
    answers.push(() => resolve(lock));
  });
  Object.defineProperty(globalThis, "navigator", { value: { wakeLock: { request } }, configurable: true });
  Object.defineProperty(globalThis, "document", { value: { fullscreenElement: null }, configurable: true });
});

afterEach(() => {
  Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
  Object.defineProperty(globalThis, "document", { value: undefined, configurable: true });
});

const asked = () => new Promise((resolve) => setImmediate(resolve));

test("who leaves before the browser has said yes leaves no screen awake", async () => {
  const waiting = [keepAwake(), leave()];
  await asked();
  for (const yes of answers) yes();
  await Promise.all(waiting);
  assert.deepEqual(locks.map(({ released }) => released), [true]);
});

test("a screen is asked for once, however often it is to be kept awake, and again when the browser let go of it", async () => {
  const waiting = [keepAwake(), keepAwake()];
  await asked();
  answers[0]?.();
  await Promise.all(waiting);
  assert.equal(locks.length, 1);
  await locks[0]?.release();
  const again = keepAwake();
  await asked();
  answers[1]?.();
  await again;
  assert.equal(locks.length, 2);
  await leave();
  assert.equal(locks[1]?.released, true);
});
