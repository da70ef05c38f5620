// Keys that go along a row of places, as sliders have them. A pure function.

const FAR = 10; // places that a page is
const STEPS = new Map([["ArrowLeft", -1], ["ArrowRight", 1], ["PageUp", -FAR], ["PageDown", FAR], ["Home", -Infinity], ["End", Infinity]]);

/**
 * @param {string} key
 * @param {number} place 0 is the first; −1: at none yet
 * @param {number} count
 * @returns {number | null} the place that the key leads to; null: it is none of these keys, or there is no place
 */
export function stepped(key, place, count) {
  const step = STEPS.get(key);
  if (step === undefined || count === 0) return null;
  const last = count - 1;
  if (place < 0 && Number.isFinite(step)) return last; // whoever comes begins with the newest
  return Math.min(last, Math.max(0, place + step));
}
