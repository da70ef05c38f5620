// Many things that can be pressed, one stop of the Tab key: arrows go among them.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {HTMLElement} holder of rows, or of the things themselves
 * @param {string} selector of those that can be pressed
 */
export function roving(holder, selector) {
  holder.addEventListener("keydown", (event) => {
    const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
    const now = event.target instanceof Element ? event.target.closest(selector) : null;
    if (!step || !(now instanceof HTMLElement)) return;
    const next = nextOf(holder, selector, now, step[0] ?? 0, step[1] ?? 0);
    event.preventDefault();
    event.stopPropagation();
    if (!next) return;
    stopAt(holder, selector, next);
    next.focus();
  });
}

/**
 * Makes one of them the stop, whatever it was before: tiles change while somebody is in them.
 *
 * @param {HTMLElement} holder
 * @param {string} selector
 * @param {HTMLElement} stop
 */
export function stopAt(holder, selector, stop) {
  for (const other of holder.querySelectorAll(`${selector}[tabindex="0"]`)) other.setAttribute("tabindex", "-1");
  stop.tabIndex = 0;
}

/**
 * @param {HTMLElement} holder
 * @param {string} selector
 * @param {HTMLElement} now
 * @param {number} across
 * @param {number} down
 * @returns {HTMLElement | null}
 */
function nextOf(holder, selector, now, across, down) {
  const row = now.closest("tr");
  if (!row || row === now) {
    const all = [...holder.querySelectorAll(selector)];
    return /** @type {HTMLElement | null} */ (all[all.indexOf(now) + across + down] ?? null);
  }
  const cells = [...row.querySelectorAll(selector)];
  const place = cells.indexOf(now);
  if (across !== 0) return /** @type {HTMLElement | null} */ (cells[place + across] ?? null);
  const other = down > 0 ? row.nextElementSibling : row.previousElementSibling;
  return /** @type {HTMLElement | null} */ (other?.querySelectorAll(selector)[place] ?? null);
}
