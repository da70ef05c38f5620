// Which topics somebody watched lately in this browser, the last one first. Nothing but names, of each person alone.

const MOST = 8;

/**
 * @param {string} user who is signed in, by number
 * @returns {string[]} names
 */
export function recentOf(user) {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(user)) ?? "[]");
    return Array.isArray(kept) ? kept.filter((name) => typeof name === "string").slice(0, MOST) : [];
  } catch {
    return []; // storage may be forbidden, or hold something of another time
  }
}

/**
 * @param {string} user
 * @param {string} name of the topic that is watched now
 */
export function watched(user, name) {
  try {
    localStorage.setItem(keyOf(user), JSON.stringify([name, ...recentOf(user).filter((each) => each !== name)].slice(0, MOST)));
  } catch {
    // Then there are no recent ones.
  }
}

/** @param {string} user */
function keyOf(user) {
  return `streamboard.recent-topics.${user}`;
}
