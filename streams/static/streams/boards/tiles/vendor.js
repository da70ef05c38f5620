// Libraries that charts, maps and the editor are drawn with: loaded when a board has such a tile, from this server only
// (docs/decisions/0026). Where they were not installed, the tile says so and the others work.

const ROOT = new URL("../../../vendor/", import.meta.url);
const READ_MS = 30_000; // for some ten kilobytes

/** @type {Map<string, Promise<void>>} */
const loaded = new Map();

/** In a sentence, what is missing and how to get it. */
export class Missing extends Error {
  /**
   * @param {string} name
   * @param {string} [why]
   */
  constructor(name, why = "is not installed here: run “make assets” and load the page again") {
    super(`This needs ${name}, which ${why}.`);
  }
}

/**
 * Loads a library once; it puts itself into a global name.
 *
 * @param {string} name of a file in static/vendor/
 * @returns {Promise<void>}
 * @throws {Missing}
 */
export function library(name) {
  let promise = loaded.get(name);
  if (!promise) {
    promise = new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(name, ROOT).href;
      script.async = false; // those that were asked for together run in that order
      script.addEventListener("load", () => resolve());
      script.addEventListener("error", () => reject(new Missing(name)));
      document.head.append(script);
    });
    loaded.set(name, promise);
  }
  return promise;
}

/** @type {Map<string, Promise<any>>} */
const read = new Map();

/**
 * Reads what a library draws from once.
 *
 * @param {string} name of a JSON file in static/vendor/
 * @returns {Promise<any>}
 * @throws {Missing}
 */
export function data(name) {
  let promise = read.get(name);
  if (!promise) {
    promise = fetch(new URL(name, ROOT), { signal: AbortSignal.timeout(READ_MS) }).then((response) => {
      if (!response.ok) throw new Missing(name);
      return response.json();
    }).catch((error) => {
      throw error instanceof Missing ? error : new Missing(name, "did not come: load the page again");
    });
    read.set(name, promise);
  }
  return promise;
}

/** @param {string} name of a style sheet in static/vendor/ */
export function style(name) {
  const href = new URL(name, ROOT).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}
