// The status pill's truth: one kind, a few words, a sentence. A pure function of what the board knows.

import { counted, duration, sinceClock } from "../page/format.js";

/**
 * @typedef {"live" | "silent" | "catching-up" | "down" | "connecting" | "reconnecting" | "opening" | "signed-out" | "refused" | "no-topic"} StatusKind
 *
 * @typedef {object} Status
 * @property {StatusKind} kind
 * @property {"live" | "waiting" | "lost"} tone
 * @property {string} label
 * @property {string} sentence
 * @property {boolean} [isObstacle] something outside of the board has to change first
 *
 * @typedef {object} Known
 * @property {import("./connection.js").ConnectionState} connection
 * @property {import("./subscription.js").Phase} phase
 * @property {{ code: string, message: string } | null} refusal
 * @property {string} obstacle why the stream could not begin yet
 * @property {boolean} isUnborn whether that is because Kafka has no such topic
 * @property {import("./protocol.js").Heartbeat | null} heartbeat
 * @property {number | null} lag ms
 * @property {number | null} quiet ms since the server's last word, when that is longer than it should be
 * @property {string} topic
 * @property {number} now
 */

/**
 * @param {Known} known
 * @returns {Status}
 */
export function statusOf(known) {
  const { connection, now } = known;
  if (connection.kind === "closed") {
    const signedOut = connection.code === 4501;
    return status(signedOut ? "signed-out" : "refused", "lost", signedOut ? "signed out" : "refused", connection.why);
  }
  if (connection.kind === "connecting") return connecting(connection, now);
  if (connection.kind === "waiting") {
    const seconds = Math.max(1, Math.ceil((connection.until - now) / 1000));
    const sentence = `${connection.why} Not connected since ${sinceClock(connection.since, now)}; the board goes on where it was.`;
    return status("reconnecting", "waiting", `reconnecting in ${seconds} s`, sentence);
  }
  return connected(known);
}

/**
 * @param {{ since: number, why: string }} connection
 * @param {number} now
 */
function connecting(connection, now) {
  if (!connection.why) return status("connecting", "waiting", "connecting", "Connecting to the server.");
  const sentence = `${connection.why} Not connected since ${sinceClock(connection.since, now)}; trying now.`;
  return status("reconnecting", "waiting", "reconnecting", sentence);
}

/** @param {Known} known */
function connected({ phase, refusal, obstacle, isUnborn, heartbeat, lag, quiet, topic, now }) {
  if (!topic) return status("no-topic", "waiting", "no topic", "Connected. There is no topic that you may watch.");
  if (phase === "ended") {
    const { what, who } = refusalOf(topic, refusal);
    return status("refused", "lost", refusalLabel(refusal?.code ?? ""), `${what} ${who}`);
  }
  if (quiet !== null) {
    const sentence = `Connected, but nothing was heard from the server for ${duration(quiet)}. The board connects anew if that goes on.`;
    return status("silent", "waiting", `no word for ${duration(quiet)}`, sentence);
  }
  if (heartbeat?.link === "down") return down(heartbeat, now);
  if (obstacle) {
    const label = isUnborn ? "not in Kafka yet" : "waiting";
    return { ...status("opening", "waiting", label, `${obstacle} The board tries again by itself.`), isObstacle: true };
  }
  if (phase !== "live") return status("opening", "waiting", "opening", "Connected. The stream is being opened.");
  if (heartbeat?.link === "catching_up") {
    return status("catching-up", "waiting", "catching up", "Connected. The server is still reading what is in Kafka.");
  }
  const behind = lag === null ? "Nothing new arrived lately." : `You are ${duration(lag)} behind.`;
  return status("live", "live", "live", `Live. The server has read everything in Kafka. ${behind}`);
}

/**
 * @param {import("./protocol.js").Heartbeat} heartbeat
 * @param {number} now
 */
function down({ since, waiting }, now) {
  const when = since === null ? "" : ` since ${sinceClock(since, now)}`;
  const label = waiting ? `down${when}, ${counted(waiting, "event waits", "events wait")}` : `down${when}`;
  const queue =
    waiting === null
      ? "How many item events wait is not known."
      : waiting === 0
        ? "No item event waits."
        : `${counted(waiting, "item event waits", "item events wait")} to be published.`;
  return status("down", "lost", label, `The server has not reached Kafka${when}. ${queue} Everything comes by itself when it is back.`);
}

/** @param {string} code */
function refusalLabel(code) {
  if (code === "forbidden") return "not allowed";
  if (code === "bad_filter") return "filter is wrong";
  if (code === "expensive" || code === "failed") return "filter ended";
  return code === "topic_gone" || code === "unknown_topic" ? "not available" : "refused";
}

/**
 * @param {string} topic that is not watched
 * @param {{ code: string, message: string } | null} refusal as in the protocol
 * @returns {{ what: string, who: string }} what is the matter, and who can change it
 */
export function refusalOf(topic, refusal) {
  if (refusal?.code === "forbidden") {
    return {
      what: `You may not watch ${topic} any more.`,
      who: "Staff can grant it: in Admin, under Topics, by adding one of your groups to its readers.",
    };
  }
  if (refusal?.code === "unknown_topic") {
    return {
      what: `There is no topic ${topic} that you may watch.`,
      who: "Staff can add it, or one of your groups to its readers: in Admin, under Topics.",
    };
  }
  if (refusal?.code === "bad_filter") {
    return { what: `This filter cannot be used: ${refusal.message}`, who: "Change it in the field, or clear the field." };
  }
  if (refusal?.code === "expensive") {
    return {
      what: "The server ended this filter: it takes too much of its time.",
      who: "Make it simpler (fewer loops, patterns and words), or look in history instead, where it may take its time.",
    };
  }
  if (refusal?.code === "failed") {
    return { what: "The server could not go on with this filter.", who: "The fault is the server's. Try again later, or clear the field." };
  }
  return { what: refusal?.message || `${topic} cannot be watched.`, who: "Staff can change which topics are watched: in Admin, under Topics." };
}

/**
 * @param {StatusKind} kind
 * @param {"live" | "waiting" | "lost"} tone
 * @param {string} label
 * @param {string} sentence
 * @returns {Status}
 */
function status(kind, tone, label, sentence) {
  return { kind, tone, label, sentence };
}
