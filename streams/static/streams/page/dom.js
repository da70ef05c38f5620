// The few things every part of the page does with the document. Data becomes text, never markup.

import { piecesOf } from "./format.js";

/**
 * @param {string} tag
 * @param {string} className
 * @param {(Node | string)[]} children
 * @returns {HTMLElement}
 */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/**
 * @param {string} text
 * @param {string} className
 * @param {() => void} press
 * @returns {HTMLButtonElement}
 */
export function button(text, className, press) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = className;
  made.textContent = text;
  made.addEventListener("click", (event) => {
    event.stopPropagation();
    press();
  });
  return made;
}

/**
 * @param {string} text
 * @param {string} href
 * @returns {HTMLAnchorElement}
 */
export function link(text, href) {
  const made = document.createElement("a");
  made.href = href;
  made.textContent = text;
  return made;
}

/**
 * @param {string} text
 * @param {RegExp | null} marks what is looked for, everywhere (`g`)
 * @returns {(Node | string)[]} the text, with what was found in marks
 */
export function marked(text, marks) {
  if (marks === null) return [text];
  return piecesOf(text, marks).map((piece) => (piece.isMarked ? element("mark", "", piece.text) : piece.text));
}

/**
 * @template {HTMLElement} T
 * @param {string} name of a data-part in the page
 * @param {new () => T} kind
 * @returns {T}
 */
export function part(name, kind) {
  const found = document.querySelector(`[data-part="${name}"]`);
  if (!(found instanceof kind)) throw new Error(`The page lacks its part "${name}".`);
  return found;
}

/**
 * Writes only what changed: a text node that stays costs no layout.
 *
 * @param {Element} target
 * @param {string} text
 */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

const RELEASES = ["pointerup", "pointercancel"];

/**
 * Tells what must not move or be made anew: the click of what went away under the pointer would be lost.
 *
 * @param {HTMLElement} node
 * @param {(isPressed: boolean) => void} told true when a part of it is pressed; false when it was let go, wherever that
 *   was, and the click that follows has come
 */
export function whenPressed(node, told) {
  node.addEventListener("pointerdown", ({ target }) => {
    if (target instanceof Element && target.closest("select")) return; // its list takes the release for itself
    told(true);
    const released = () => {
      for (const release of RELEASES) removeEventListener(release, released, true);
      setTimeout(() => told(false));
    };
    for (const release of RELEASES) addEventListener(release, released, true);
  });
}
