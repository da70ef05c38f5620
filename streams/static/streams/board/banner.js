// The line under the bar when the board is not live: what is wrong, what waits, what still works, what one can do.

import { button, element, link } from "../page/dom.js";
import { morph } from "../page/morph.js";

/** @typedef {{ content: (Node | string)[], tone: string }} Banner */

/**
 * Its text may change each second: what is pressed stays the same node.
 *
 * @param {HTMLElement} node
 * @param {Banner | null} banner
 */
export function draw(node, banner) {
  const wanted = /** @type {HTMLElement} */ (node.cloneNode(false));
  wanted.hidden = banner === null;
  wanted.className = `banner ${banner?.tone ?? ""}`;
  wanted.replaceChildren(...(banner?.content ?? []));
  morph(node, wanted);
}

/**
 * @param {import("../live/status.js").Status} status
 * @param {{ loginPath: string, retry: () => void, isLong: boolean, isSaid: boolean, isWatching: boolean }} tools isLong: it
 *   has been so for longer than a blip; isSaid: it stands where rows would be; isWatching: the connection is open
 * @returns {Banner | null} null when there is nothing to say
 */
export function bannerOf(status, { loginPath, retry, isLong, isSaid, isWatching }) {
  if (status.kind === "down") {
    const works = element("span", "muted", " Pages, forms, API and admin go on working and save items.");
    return { content: [status.sentence, works], tone: "lost" };
  }
  if (status.kind === "signed-out") {
    const back = encodeURIComponent(location.pathname + location.search);
    return { content: [`${status.sentence} `, link("Sign in", `${loginPath}?next=${back}`)], tone: "lost" };
  }
  if (isSaid) return null;
  if (status.kind === "refused") {
    // Of a topic the server says by itself when it can be watched: there is nothing to try.
    return { content: isWatching ? [status.sentence] : [`${status.sentence} `, button("Try again", "", retry)], tone: "lost" };
  }
  if (status.kind === "opening" && status.isObstacle && isLong) return { content: [status.sentence], tone: "waiting" };
  if (status.kind === "reconnecting" && isLong) {
    return { content: [`${status.sentence} `, button("Try now", "", retry)], tone: "waiting" };
  }
  return null;
}
