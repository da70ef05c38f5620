// The form for a window that stands still: from when to when, in UTC where times are written so, else in this browser's zone.

import { chosenClock } from "../page/clock.js";
import { button, element } from "../page/dom.js";

const MINUTE = 60_000;

/**
 * @typedef {{ from: number, to: number }} Between ms since 1970
 */

export class BetweenForm {
  node = /** @type {HTMLFormElement} */ (element("form", "between"));
  #from = inputOf();
  #to = inputOf();
  #wrong = element("p", "errors", "");
  #zone = element("span", "muted", "");
  #isUtc = false;
  #chosen;

  /** @param {(between: Between) => void} chosen */
  constructor(chosen) {
    this.#chosen = chosen;
    this.#wrong.id = "between-wrong";
    this.#wrong.setAttribute("role", "alert");
    this.#from.setAttribute("aria-describedby", this.#wrong.id);
    this.#to.setAttribute("aria-describedby", this.#wrong.id);
    const show = button("Show", "primary", () => {});
    show.setAttribute("type", "submit");
    this.node.noValidate = true;
    this.node.hidden = true;
    this.node.setAttribute("aria-label", "From when to when");
    this.node.append(element("label", "", "From", this.#from), element("label", "", "To", this.#to), this.#zone, show, this.#wrong);
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.node.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.node.hidden = true;
    });
  }

  /** @param {Between} between what it offers first */
  open({ from, to }) {
    this.#isUtc = chosenClock() === "utc";
    this.#zone.textContent = this.#isUtc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
    this.#from.value = this.#written(from);
    this.#to.value = this.#written(to);
    this.#wrong.textContent = "";
    this.node.hidden = false;
    this.#from.focus();
  }

  #submit() {
    const [from, to] = [this.#read(this.#from), this.#read(this.#to)];
    const wrong = Number.isNaN(from) ? "Say from when: date and time." : Number.isNaN(to) ? "Say to when: date and time." : to <= from ? "The end has to be later than the beginning." : "";
    this.#wrong.textContent = wrong;
    if (!wrong) {
      this.node.hidden = true;
      this.#chosen({ from, to });
      return;
    }
    (Number.isNaN(from) ? this.#from : this.#to).focus();
  }

  /** @param {HTMLInputElement} input @returns {number} ms */
  #read({ value }) {
    return Date.parse(this.#isUtc && value ? `${value}Z` : value);
  }

  /** @param {number} ms @returns {string} as such an input holds it, to the minute */
  #written(ms) {
    const whole = Math.floor(ms / MINUTE) * MINUTE;
    const shift = this.#isUtc ? 0 : new Date(whole).getTimezoneOffset() * MINUTE;
    return new Date(whole - shift).toISOString().slice(0, 16);
  }
}

function inputOf() {
  const input = /** @type {HTMLInputElement} */ (element("input", ""));
  input.type = "datetime-local";
  input.step = "1";
  input.required = true;
  return input;
}
