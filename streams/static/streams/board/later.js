// What the first view of the board does not need: each part is loaded when it is first wanted, or when the first rows stand
// there and nothing else is to be done. From then on it works without the server.

/** A part of the page that could not be loaded: the server cannot be reached. */
export class Unloaded extends Error {}

/** @template T what a module has */
export class Later {
  /** @type {T | null} as soon as it is there */
  now = null;
  #load;
  /** @type {Promise<T> | null} */
  #loading = null;

  /** @param {() => Promise<T>} load imports the module */
  constructor(load) {
    this.#load = load;
  }

  /**
   * @returns {Promise<T>}
   * @throws {Unloaded} the next time it is tried again
   */
  get() {
    this.#loading ??= this.#load().then(
      (module) => (this.now = module),
      (/** @type {Error} */ { message }) => {
        this.#loading = null;
        throw new Unloaded(message);
      },
    );
    return this.#loading;
  }
}

export const banners = new Later(() => import("./banner.js"));
export const charts = new Later(() => import("./chart.js"));
export const nothings = new Later(() => import("./empty.js"));
export const pasts = new Later(() => import("./past.js"));
export const pickers = new Later(() => import("./picker.js"));
export const sheets = new Later(() => import("./formats.js"));
export const picking = new Later(() => import("../record/picks.js"));

const ALL = [charts, banners, pickers, pasts, picking, nothings];
// However busy a page is, it gets its other parts after this long.
const LONGEST_MS = 3_000;

/** Loads what is not there yet, when nothing else is to be done. */
export function loadTheRest() {
  requestIdleCallback(() => void Promise.allSettled(ALL.map((each) => each.get())), { timeout: LONGEST_MS });
}
