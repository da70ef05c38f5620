// The board's keys. They never steal from a field, a button, a link or a browser's own combination.
// `t` and `g` belong to every page and live in project/static/project/page.js.

/**
 * @typedef {object} Keys
 * @property {() => void} filter
 * @property {() => void} pause
 * @property {(step: 1 | -1) => void} move
 * @property {() => void} detail
 * @property {() => boolean} close whether something was open
 * @property {() => void} newest
 * @property {() => void} history
 * @property {() => void} goTo
 * @property {() => void} clock
 * @property {() => void} turn
 * @property {() => void} help
 * @property {(key: string) => boolean} record whether the record that is shown has a use for the key
 */

const TYPING = "input, textarea, select, [contenteditable]";
const PRESSABLE = "button, a, summary";

/** @param {Keys} keys */
export function listen(keys) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof Element ? event.target : document.body;
    if (document.querySelector("dialog[open]")) return;
    if (target.closest(TYPING)) {
      if (event.key === "Escape" && target instanceof HTMLElement) target.blur();
      return;
    }
    if (act(event.key, target, keys)) event.preventDefault();
  });
}

/**
 * @param {string} key
 * @param {Element} target
 * @param {Keys} keys
 * @returns {boolean} whether the key was ours
 */
function act(key, target, keys) {
  const presses = target.closest(PRESSABLE) !== null;
  if (key === "/") keys.filter();
  else if (key === "?") keys.help();
  else if (key === "j" || (key === "ArrowDown" && inRows(target))) keys.move(1);
  else if (key === "k" || (key === "ArrowUp" && inRows(target))) keys.move(-1);
  else if (key === " " && !presses) keys.pause();
  else if (key === "Enter" && !presses) keys.detail();
  else if (key === "n") keys.newest();
  else if (key === "h") keys.history();
  else if (key === "o") keys.goTo();
  else if (key === "u") keys.clock();
  else if (key === "s") keys.turn();
  else if (key === "Escape") return keys.close();
  else return keys.record(key);
  return true;
}

/** @param {Element} target */
function inRows(target) {
  return target.closest(".rows, [data-part=history-rows]") !== null;
}
