// Libraries that charts, maps and the editor are drawn with: loaded when a board has such a tile, from this server only
// (docs/decisions/0026). Where they were not installed, the tile says so and the others work.

const ROOT = new URL("../../../vendor/", import.meta.url);

/** @type {Map<string, Promise<any>>} */
const loaded = new Map();

export class Missing extends Error {}

/**
 * @param {string} name of a file in static/vendor/
 * @returns {Promise<any>} the module
 * @throws {Missing} in a sentence
 */
export function library(name) {
  let promise = loaded.get(name);
  if (!promise) {
    promise = import(new URL(name, ROOT).href).catch(() => {
      throw new Missing(`This needs ${name}, which is not installed here: run “make assets” and load the page again.`);
    });
    loaded.set(name, promise);
  }
  return promise;
}

/**
 * @param {string} name of a JSON file in static/vendor/
 * @returns {Promise<any>}
 * @throws {Missing}
 */
export async function data(name) {
  const response = await fetch(new URL(name, ROOT)).catch(() => null);
  if (!response?.ok) throw new Missing(`This needs ${name}, which is not installed here: run “make assets” and load the page again.`);
  return response.json();
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
