// The values of the design's tokens, for what is drawn on canvases. Asking the page for one makes it compute all of its
// styles anew, so each is asked for once a theme.

/** @type {Map<string, string>} in the theme of now */
const values = new Map();

function forget() {
  values.clear();
}

/**
 * @param {string} token such as `--accent`
 * @returns {string} its value in the theme of now
 */
export function tokenValue(token) {
  let value = values.get(token);
  if (value === undefined) {
    // Before anybody who draws anew hears of the other theme.
    addEventListener("themechange", forget, { capture: true });
    value = getComputedStyle(document.documentElement).getPropertyValue(token).trim();
    values.set(token, value);
  }
  return value;
}
