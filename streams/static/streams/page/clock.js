// How the times of records are written: in the zone of this browser, in UTC, or as how long ago, always with milliseconds.
// One choice for every page, kept in this browser; pages hear of it as `clockchange`.

import { clock as localClock, fullTime } from "./format.js";

/** @typedef {"local" | "utc" | "relative"} Clock */

const STORED = "streamboard.clock";
/** @type {Clock[]} */
const CLOCKS = ["local", "utc", "relative"];
const MINUTE_MS = 60_000;

/** @type {Clock | null | undefined} null: nobody has chosen; undefined until it is first asked for */
let chosen;
/** @type {Clock} */
let offered = "local";

/** @returns {Clock} that was chosen, else the one that the page offers */
export function chosenClock() {
  if (chosen === undefined) chosen = storedClock();
  return chosen ?? offered;
}

/** @param {Clock} clock of this page for whoever has not chosen one */
export function offerClock(clock) {
  offered = clock;
}

/** @returns {Clock | null} */
function storedClock() {
  let stored = null;
  try {
    stored = localStorage.getItem(STORED);
  } catch {
    // Storage may be forbidden: the choice then lasts as long as the page.
  }
  return CLOCKS.find((each) => each === stored) ?? null;
}

/** Chooses the next way, and remembers it. */
export function changeClock() {
  const next = CLOCKS[(CLOCKS.indexOf(chosenClock()) + 1) % CLOCKS.length] ?? "local";
  chosen = next;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // as above
  }
  document.dispatchEvent(new CustomEvent("clockchange"));
}

/**
 * @param {number | string | null} ms since 1970
 * @param {number} now
 * @param {Clock} [how]
 * @returns {string} time of the day, or how long ago; a dash for none
 */
export function timeText(ms, now, how = chosenClock()) {
  const time = new Date(ms === null ? NaN : Number(ms));
  if (Number.isNaN(time.getTime())) return "–";
  if (how === "local") return localClock(ms);
  return how === "utc" ? time.toISOString().slice(11, 23) : agoText(now - time.getTime());
}

/**
 * @param {number | string | null} ms since 1970
 * @param {number} now
 * @param {Clock} [how]
 * @returns {string} date, time and zone
 */
export function dateText(ms, now, how = chosenClock()) {
  const time = new Date(ms === null ? NaN : Number(ms));
  if (Number.isNaN(time.getTime()) || how === "local") return fullTime(ms);
  if (how === "relative") return `${agoText(now - time.getTime())} (${fullTime(ms)})`;
  return `${time.toISOString().slice(0, -1).replace("T", " ")} UTC`;
}

/**
 * @param {number} ms from then to now
 * @returns {string} "−12.345 s", "−2:07.000", "−26:00:01.250"; with a plus for what lies ahead
 */
function agoText(ms) {
  const size = Math.abs(Math.round(ms));
  const sign = ms < 0 ? "+" : "−";
  const [minutes, rest] = [Math.floor(size / MINUTE_MS), (size % MINUTE_MS) / 1000];
  if (minutes === 0) return `${sign}${rest.toFixed(3)} s`;
  const seconds = rest.toFixed(3).padStart(6, "0");
  if (minutes < 60) return `${sign}${minutes}:${seconds}`;
  return `${sign}${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${seconds}`;
}

/** @returns {string} how times are written, in a word */
export function clockName() {
  return { local: "local", utc: "UTC", relative: "ago" }[chosenClock()];
}

/**
 * Writes the times in a part of the page anew: those of `data-ms`.
 *
 * @param {ParentNode} root
 * @param {number} now
 */
export function retime(root, now) {
  for (const each of root.querySelectorAll("[data-ms]")) {
    const text = timeText(each.getAttribute("data-ms"), now);
    if (each.textContent !== text) each.textContent = text;
  }
}
