// Style sheets of what is loaded when it is needed.

/** @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * @param {URL} address of a style sheet, which is asked for once
 * @returns {Promise<void>} once it is there; what could not be loaded looks odd, and works
 */
export function styled(address) {
  let promise = asked.get(address.href);
  if (!promise) {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = address.href;
    promise = new Promise((resolve) => {
      for (const type of ["load", "error"]) sheet.addEventListener(type, () => resolve());
      document.head.append(sheet);
    });
    asked.set(address.href, promise);
  }
  return promise;
}
