// A board's time window on the server's clock: where it begins and ends now, and from where Kafka has to fill it.

/**
 * @typedef {{ last_seconds: number } | { from: number, to: number } | { since: "opened" }} WindowJson as in a board
 * @typedef {{ from: number, to: number }} Bounds ms since 1970, half open
 */

const SECOND = 1_000;

/**
 * A window that moves ends with the second that is under way, so that what happens now is seen now; it is one second at
 * most shorter at its beginning, and never reaches further back than it says.
 *
 * @param {WindowJson} window
 * @param {number} now ms, of the server
 * @returns {Bounds}
 */
export function boundsOf(window, now) {
  if ("last_seconds" in window) {
    const to = (Math.floor(now / SECOND) + 1) * SECOND;
    return { from: to - window.last_seconds * SECOND, to };
  }
  return "since" in window ? { from: -Infinity, to: Infinity } : { from: window.from, to: window.to };
}

/**
 * @param {WindowJson} window
 * @param {number} now ms, of the server
 * @returns {{ latest: true } | { timestamp: number }} where a stream has to begin to fill it
 */
export function startOf(window, now) {
  if ("since" in window) return { latest: true };
  return { timestamp: Math.max(0, Math.floor(boundsOf(window, now).from)) };
}

/** @param {WindowJson} window whether records leave it as time goes on */
export function isMoving(window) {
  return "last_seconds" in window;
}

/**
 * @param {WindowJson} window
 * @returns {number} its seconds, a quarter of an hour for one without an end
 */
export function secondsOf(window) {
  if ("last_seconds" in window) return window.last_seconds;
  return "since" in window ? 900 : Math.max(1, (window.to - window.from) / 1000);
}
