// Times that the server wrote in UTC, said in the zone of this browser, as on the board. Without this module they stay in
// UTC, and the page says so. The text of a <time> keeps its form: date, minutes or seconds, with its zone where it had one.

const FORM = /^(?<date>\d{4}-\d\d-\d\d)(?<minutes> \d\d:\d\d)?(?<seconds>:\d\d)?(?<zone> UTC.*)?$/;

/** @param {number} value */
const padded = (value) => String(value).padStart(2, "0");

/**
 * @param {Date} time
 * @returns {string} its distance from UTC here: UTC+01:00
 */
function zoneOf(time) {
  const minutes = -time.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const distance = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${padded(Math.floor(distance / 60))}:${padded(distance % 60)}`;
}

/**
 * @param {string} iso when it was
 * @param {string} form how it is written now, in UTC or in any zone
 * @returns {string} the same in the zone of this browser; as it was when it is no time
 */
export function localText(iso, form = "0000-00-00 00:00:00") {
  const time = new Date(iso);
  const parts = FORM.exec(form.trim())?.groups;
  if (!parts || Number.isNaN(time.getTime())) return form;
  let text = `${time.getFullYear()}-${padded(time.getMonth() + 1)}-${padded(time.getDate())}`;
  if (parts["minutes"]) text += ` ${padded(time.getHours())}:${padded(time.getMinutes())}`;
  if (parts["seconds"]) text += `:${padded(time.getSeconds())}`;
  return parts["zone"] ? `${text} ${zoneOf(time)}` : text;
}

/**
 * Says the times in a part of a page here, and which zone it is. Doing it again changes nothing.
 *
 * @param {ParentNode} root
 */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const said = time.textContent ?? "";
    const text = localText(time.getAttribute("datetime") ?? "", said);
    if (text !== said) time.textContent = text;
  }
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "your time zone";
  for (const name of root.querySelectorAll("[data-zone]")) if (name.textContent !== zone) name.textContent = zone;
}

if (typeof document !== "undefined") localise(document);
