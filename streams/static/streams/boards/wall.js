// A board on a wall: the whole screen stays awake, and is given back. Loaded when one is shown so.

/** @type {Promise<WakeLockSentinel | null>} what was asked for last; null when it could not be had, or nobody wants it */
let awake = Promise.resolve(null);

/** Gives the screen back. */
export async function leave() {
  const held = awake;
  awake = Promise.resolve(null);
  if (document.fullscreenElement) await document.exitFullscreen();
  await (await held)?.release(); // also where the browser says yes only now
}

/** Keeps the screen from going dark while the page is seen; browsers let go of it when it is not, so ask again then. */
export async function keepAwake() {
  awake = awake.then((lock) => (lock && !lock.released ? lock : askForIt()));
  await awake;
}

/** @returns {Promise<WakeLockSentinel | null>} */
async function askForIt() {
  try {
    return (await navigator.wakeLock?.request("screen")) ?? null;
  } catch {
    return null; // the battery is low, or somebody said no: nothing that the board can do
  }
}
