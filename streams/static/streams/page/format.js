// How the board writes numbers, times and durations. Pure functions.

const THIN_SPACE = "\u202F";
const KIB = 1024;

/**
 * @param {number} value
 * @returns {string} with thin group spaces: 18 402
 */
export function grouped(value) {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, THIN_SPACE);
}

/**
 * @param {number} value
 * @param {number} [width]
 */
function padded(value, width = 2) {
  return String(value).padStart(width, "0");
}

/**
 * @param {number | string | null} ms since 1970
 * @returns {string} the clock of this browser with milliseconds, or a dash
 */
export function clock(ms) {
  const time = new Date(ms === null ? NaN : Number(ms));
  if (Number.isNaN(time.getTime())) return "–";
  return `${hourMinuteSecond(time)}.${padded(time.getMilliseconds(), 3)}`;
}

/** @param {Date} time */
function hourMinuteSecond(time) {
  return `${padded(time.getHours())}:${padded(time.getMinutes())}:${padded(time.getSeconds())}`;
}

/**
 * @param {number} ms since 1970
 * @param {number} now
 * @returns {string} HH:MM:SS, with the date when that was not today
 */
export function sinceClock(ms, now) {
  const time = new Date(ms);
  const day = time.toDateString() === new Date(now).toDateString() ? "" : `${isoDate(time)} `;
  return day + hourMinuteSecond(time);
}

/** @param {Date} time */
function isoDate(time) {
  return `${time.getFullYear()}-${padded(time.getMonth() + 1)}-${padded(time.getDate())}`;
}

/**
 * @param {number | string | null} ms since 1970
 * @returns {string} date, time and zone
 */
export function fullTime(ms) {
  const time = new Date(ms === null ? NaN : Number(ms));
  if (Number.isNaN(time.getTime())) return ms === null ? "none" : String(ms);
  const minutes = -time.getTimezoneOffset();
  const sign = minutes < 0 ? "−" : "+";
  const zone = `UTC${sign}${padded(Math.floor(Math.abs(minutes) / 60))}:${padded(Math.abs(minutes) % 60)}`;
  return `${isoDate(time)} ${clock(time.getTime())} ${zone}`;
}

/**
 * @param {number} ms
 * @returns {string} HH:MM:SS
 */
export function stopwatch(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${padded(Math.floor(seconds / 3600))}:${padded(Math.floor(seconds / 60) % 60)}:${padded(seconds % 60)}`;
}

/**
 * @param {number} ms
 * @returns {string} one number and its unit
 */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Math.round(ms / 3_600_000)} h`;
}

/**
 * @param {number} perSecond
 * @returns {string}
 */
export function rate(perSecond) {
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : grouped(perSecond)}/s`;
}

/**
 * @param {number} bytes
 * @returns {string}
 */
export function size(bytes) {
  if (bytes < KIB) return `${bytes} B`;
  if (bytes < KIB * KIB) return `${(bytes / KIB).toFixed(1)} KiB`;
  return `${(bytes / KIB / KIB).toFixed(1)} MiB`;
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} [many]
 * @returns {string} "1 record", "2 records"
 */
export function counted(count, one, many = `${one}s`) {
  return `${grouped(count)} ${count === 1 ? one : many}`;
}

/**
 * @param {string} text
 * @returns {{ first: string, more: number }} its first line that says something, and how many lines follow
 */
export function firstLine(text) {
  const start = text.search(/\S/);
  const end = text.indexOf("\n", Math.max(0, start));
  if (end < 0) return { first: text, more: 0 };
  return { first: text.slice(Math.max(0, start), end), more: text.slice(end).trimEnd().split("\n").length - 1 };
}

/** @type {Record<string, string>} */
const GAP_REASONS = {
  retention: "no longer kept by Kafka",
  slow: "slow connection",
  limit: "too many at once",
  unavailable: "cannot be decoded",
};

/**
 * @param {string} reason of a gap
 * @returns {string}
 */
export function gapReason(reason) {
  return GAP_REASONS[reason] ?? reason;
}

// Bytes of a binary format may happen to be UTF-8; what they hold besides letters has no sign of its own on a screen.
export const NOT_PRINTABLE = "text, not printable";
const CONTROLS = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/g;
const SIGNS = 0x2400;

/**
 * @param {string} text
 * @returns {boolean} whether it is without control characters, but for tabs and line breaks
 */
export function isPrintable(text) {
  return text.search(CONTROLS) < 0;
}

/**
 * @param {string} text
 * @returns {string} with Unicode's sign for each control character: ␀ for 0
 */
export function printable(text) {
  return text.replace(CONTROLS, (control) => (control === "\u007F" ? "␡" : String.fromCharCode(SIGNS + control.charCodeAt(0))));
}

/**
 * @param {string} text
 * @param {RegExp | null} marks what is looked for, everywhere (`g`); null for nothing
 * @returns {{ text: string, isMarked: boolean }[]} the whole text in pieces
 */
export function piecesOf(text, marks) {
  if (marks === null) return [{ text, isMarked: false }];
  /** @type {{ text: string, isMarked: boolean }[]} */
  const pieces = [];
  let end = 0;
  for (const match of text.matchAll(marks)) {
    if (match[0] === "") continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index), isMarked: false });
    pieces.push({ text: match[0], isMarked: true });
    end = match.index + match[0].length;
  }
  if (end < text.length || pieces.length === 0) pieces.push({ text: text.slice(end), isMarked: false });
  return pieces;
}
