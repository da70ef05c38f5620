// Whether a page about items is live: a word or two, a tone and a sentence, always true. A pure function.

import { sinceClock } from "../page/format.js";

/**
 * @typedef {object} PageStatus
 * @property {"live" | "reconnecting" | "not-live"} kind
 * @property {"live" | "waiting" | "lost"} tone
 * @property {string} label
 * @property {string} sentence
 *
 * @typedef {object} KnownOfPage
 * @property {import("../live/connection.js").ConnectionState} connection
 * @property {import("../live/subscription.js").Phase} phase
 * @property {string} refusal why there is no stream, in the server's words
 * @property {string} obstacle why the stream could not begin yet
 * @property {import("../live/protocol.js").Heartbeat | null} heartbeat
 * @property {boolean} signedOut
 * @property {"never" | "failed" | "read"} answer how the last reading of the page went since the stream began
 * @property {number} now
 */

const CATCHES_UP = "This page shows what was there then, and catches up by itself.";

/**
 * @param {KnownOfPage} known
 * @returns {PageStatus}
 */
export function pageStatusOf(known) {
  const { connection, phase, refusal, obstacle, heartbeat, signedOut, answer, now } = known;
  if (signedOut || (connection.kind === "closed" && connection.code === 4501)) {
    return notLive("You are signed out. This page shows what was there then; sign in again to go on.");
  }
  if (connection.kind === "closed") return notLive(`${connection.why} Load the page again to see what has changed.`);
  if (connection.kind !== "open") {
    if (connection.kind === "connecting" && !connection.why) return waiting("connecting", "Connecting to the server.");
    return waiting("reconnecting", `${connection.why} Not connected since ${sinceClock(connection.since, now)}. ${CATCHES_UP}`);
  }
  if (phase === "ended") return notLive(refusal || "The topic of item events cannot be watched.");
  if (heartbeat?.link === "down") {
    const when = heartbeat.since === null ? "" : ` since ${sinceClock(heartbeat.since, now)}`;
    return notLive(`The server has not reached Kafka${when}. Load the page again to see what has changed; live it is again by itself.`);
  }
  if (answer === "failed") return waiting("reconnecting", "The page could not be read again; it is tried again by itself.");
  if (obstacle) return waiting("connecting", `${obstacle} It is tried again by itself.`);
  if (phase !== "live" || answer === "never" || heartbeat?.link === "catching_up") {
    return waiting("connecting", "Connected. The page is being brought up to date.");
  }
  return { kind: "live", tone: "live", label: "live", sentence: "Live. What others do shows here by itself." };
}

/**
 * @param {string} label
 * @param {string} sentence
 * @returns {PageStatus}
 */
function waiting(label, sentence) {
  return { kind: "reconnecting", tone: "waiting", label, sentence };
}

/**
 * @param {string} sentence
 * @returns {PageStatus}
 */
function notLive(sentence) {
  return { kind: "not-live", tone: "lost", label: "not live", sentence };
}
