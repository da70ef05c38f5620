// The live protocol, streamboard.v1, as a browser needs it: the shapes of its messages and the rules that are pure
// functions. What a message means is written in docs/protocol.md; nothing here touches the page or a socket.

export const SUBPROTOCOL = "streamboard.v1";

// From docs/protocol.md, "Client → server": an ack is due after this many bytes, or this long, whichever is first.
export const ACK_BYTES = 256 * 1024;
export const ACK_MS = 2_000;

// From docs/protocol.md, "Reconnect".
export const BACK_OFF_FIRST_MS = 500;
export const BACK_OFF_LAST_MS = 20_000;

/**
 * @typedef {string | { base64: string }} HeaderValue
 * @typedef {"json" | "text" | "base64" | "none"} Encoding
 *
 * @typedef {{ id: number | string | null, subject?: string, version?: number, name: string }} SchemaName a topic's own has no id
 *
 * @typedef {object} KafkaRecord
 * @property {number} offset
 * @property {number | string | null} timestamp ms since 1970; a string where it has more digits than a number keeps
 * @property {string | null} key
 * @property {"base64"} [key_encoding]
 * @property {Record<string, HeaderValue>} headers
 * @property {[string, HeaderValue | null][]} [header_list] all of them in their order, where `headers` cannot say it
 * @property {number} size bytes of the value
 * @property {Encoding} encoding
 * @property {import("./json.js").Source | string | null} value
 * @property {boolean} [truncated]
 * @property {("value" | "key" | "headers")[]} [cut] what of it was cut, or left out
 * @property {string} [format] how the value was decoded, where that is more than its bytes say
 * @property {SchemaName} [schema]
 * @property {string} [key_format]
 * @property {SchemaName} [key_schema]
 * @property {string} [problem] why something was not decoded, or is not exact
 * @property {string | null} [raw] the value's bytes in base64, of a record that was asked for alone
 * @property {string | null} [key_raw]
 *
 * @typedef {{ partition: number, from: number, to: number }} Range
 * @typedef {Range & { records: KafkaRecord[] }} RecordRange
 * @typedef {{ epoch: string, positions: Record<string, number> }} Cursor
 * @typedef {{ latest: true } | { last: number } | { timestamp: number } | { cursor: Cursor }} Start
 * @typedef {{ value_format?: string, key_format?: string }} Formats by which a topic is read instead of its own
 * @typedef {{ name: string, label: string }} Topic
 * @typedef {"live" | "catching_up" | "down"} Link
 *
 * @typedef {object} Welcome
 * @property {"welcome"} type
 * @property {string} connection
 * @property {string} user
 * @property {number} server_time
 * @property {number} heartbeat_seconds
 * @property {Topic[]} topics
 *
 * @typedef {object} Subscribed
 * @property {"subscribed"} type
 * @property {number} id
 * @property {string} stream
 * @property {string} topic
 * @property {Cursor} cursor
 * @property {Record<string, number>} [ends] partition → position: what lies below was there before the stream began
 * @property {{ records: number, stopped: "enough" | "beginning" | "bound" }} [last]
 * @property {boolean} recovered
 * @property {string | null} reason
 * @property {string} [filter] the one way to write it
 * @property {string} [value_format]
 * @property {string} [key_format]
 *
 * @typedef {object} Heartbeat
 * @property {"heartbeat"} type
 * @property {number} server_time
 * @property {Link} link
 * @property {number | null} since
 * @property {number | null} waiting item events that wait to be published
 *
 * @typedef {{ type: "topics", topics: Topic[] }} Topics
 * @typedef {{ type: "records", stream: string, ranges: RecordRange[] }} Records
 * @typedef {{ type: "gap", stream: string, ranges: Range[], reason: string }} Gap
 * @typedef {{ type: "reset", stream: string, reason: string, cursor: Cursor }} Reset
 * @typedef {{ type: "unsubscribed", stream: string, reason: string }} Unsubscribed
 * @typedef {{ matched: number, failed: number, unchecked: number }} Outcomes what a filter did with records
 * @typedef {{ type: "stats", stream: string, second: number, records: number, bytes: number } & Partial<Outcomes>} Stats
 * @typedef {{ type: "error", id?: number | null, code: string, message: string, retry_after_ms?: number | null, at?: number }} Refusal
 * @typedef {{ type: "goodbye", code: number, reason: string, retry_after_ms: number | null }} Goodbye
 * @typedef {Welcome | Topics | Subscribed | Records | Gap | Reset | Unsubscribed | Stats | Heartbeat | Refusal | Goodbye} ServerMessage
 *
 * @typedef {{ type: "subscribe", id: number, topic: string, start: Start, filter?: string, value_format?: string, key_format?: string, jumps?: number }
 *   | { type: "unsubscribe", stream: string }
 *   | { type: "ack", stream?: string, positions?: Record<string, number> }} ClientMessage
 */

/**
 * @param {KafkaRecord} record
 * @returns {[string, HeaderValue | null][]} its headers in Kafka's order, as often as they stand there
 */
export function headersOf(record) {
  return record.header_list ?? Object.entries(record.headers);
}

/**
 * @param {{ value_format?: string | null, key_format?: string | null }} said
 * @returns {Formats} without those that are not said
 */
export function formatsOf({ value_format: value, key_format: key }) {
  return { ...(value && { value_format: value }), ...(key && { key_format: key }) };
}

/**
 * @param {Formats} these
 * @param {Formats} those
 */
export function isSame(these, those) {
  return these.value_format === those.value_format && these.key_format === those.key_format;
}

/**
 * What to do with a range when `position` is the next offset to read (the table "What a client does with a range").
 *
 * @param {number} position
 * @param {{ from: number, to: number }} range
 * @returns {"apply" | "duplicate" | "overlap" | "lost"} apply all of it; nothing; the records from the position on;
 *   or something before it is missing
 */
export function applyRange(position, range) {
  if (range.from > position) return "lost";
  if (range.to < position || (range.to === position && range.from < position)) return "duplicate";
  return range.from === position ? "apply" : "overlap";
}

/**
 * How long to wait before the next attempt: full jitter, so that a thousand boards do not come back in one moment.
 *
 * @param {number} failures attempts that failed in a row, from 0
 * @param {() => number} random from 0 up to 1
 * @returns {number} ms
 */
export function backOff(failures, random = Math.random) {
  return random() * Math.min(BACK_OFF_LAST_MS, BACK_OFF_FIRST_MS * 2 ** Math.min(failures, 16));
}

/**
 * The wait a server asked for in `goodbye`: between that value and twice that value.
 *
 * @param {number} retryAfterMs
 * @param {() => number} random from 0 up to 1
 * @returns {number} ms
 */
export function politeWait(retryAfterMs, random = Math.random) {
  return retryAfterMs * (1 + random());
}

/**
 * @param {number} code of a close
 * @returns {boolean} whether reconnecting is of no use
 */
export function isFinal(code) {
  return code >= 4500 && code <= 4999;
}

/** @type {Record<number, string>} */
const FINAL_REASONS = {
  4500: "The server speaks another version of the live protocol. Reload the page.",
  4501: "You are signed out. Sign in again and the board goes on.",
  4503: "Every right to watch topics has been taken away from your account. Staff can grant one.",
  4504: "Your account has too many boards open. Close one, then try again.",
};

/** @type {Record<number, string>} */
const PASSING_REASONS = {
  4001: "The server is restarting.",
  4002: "The server had an error.",
  4003: "Your session has ended.",
  4008: "This browser was too slow for the stream.",
  4009: "The server heard nothing from this browser.",
  4013: "The server has too many connections just now.",
};

/**
 * @param {number} code of a close
 * @returns {string} a sentence for people
 */
export function closeSentence(code) {
  return (
    FINAL_REASONS[code] ??
    PASSING_REASONS[code] ??
    (isFinal(code) ? `The server refused the connection (code ${code}).` : "The connection broke.")
  );
}
