// A board on a wall: the whole screen stays awake, and is given back. Loaded when one is shown so.

/** @type {WakeLockSentinel | null} */
let awake = null;

/** Gives the screen back. */
export async function leave() {
  await awake?.release();
  awake = null;
  if (document.fullscreenElement) await document.exitFullscreen();
}

/** Keeps the screen from going dark while the page is seen; browsers let go of it when it is not, so ask again then. */
export async function keepAwake() {
  if (awake && !awake.released) return;
  try {
    awake = (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    awake = null; // the battery is low, or somebody said no: nothing that the board can do
  }
}
