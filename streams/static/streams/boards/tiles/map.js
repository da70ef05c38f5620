// Points by latitude and longitude on a world map that needs no network: d3-geo draws it, world-atlas is its land.

import { Missing, data, library } from "./vendor.js";
import { colourValue } from "./colours.js";
import { element, say } from "../../page/dom.js";
import { exactTime, figureText } from "./words.js";
import { sharp } from "./canvas.js";
import { tokenValue } from "../../page/tokens.js";

const SMALLEST = 1.6; // px
const LARGEST = 13;
const NEAR = 14;
const RING_MS = 1_400;
const RINGS = 12; // points at most: of many new ones the newest
// Points that are named to who cannot see them: the newest.
const SAID = 30;

/** @typedef {import("../figures/of/map.js").Place} Place */
/** @typedef {Place & { x: number, y: number, radius: number }} Drawn */

export class MapTile {
  #tools;
  #body;
  #land = document.createElement("canvas");
  #dots = /** @type {HTMLCanvasElement} */ (element("canvas", "map-points"));
  /** over the points: what moves, so that they need not be drawn again for it; it takes the pointer and the keys */
  #canvas = /** @type {HTMLCanvasElement} */ (element("canvas", "map-points"));
  #tip = element("div", "map-tip");
  #list = element("ol", "visually-hidden");
  /** @type {any} */
  #d3 = null;
  /** @type {any} */
  #world = null;
  /** @type {any} */
  #projection = null;
  /** @type {Place[]} */
  #points = [];
  /** @type {Drawn[]} */
  #drawn = [];
  /** @type {Map<string, number>} place of a record → when its rings began */
  #rings = new Map();
  #newest = -Infinity;
  #chosen = -1;
  #isAnimating = false;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} _tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, _tile, tools) {
    this.#tools = tools;
    this.#body = body;
    body.classList.add("map-body");
    this.#land.className = "map-land";
    this.#land.setAttribute("aria-hidden", "true");
    this.#canvas.tabIndex = 0;
    this.#canvas.setAttribute("role", "img");
    this.#canvas.setAttribute("aria-label", "World map; the arrow keys go from point to point, enter opens its record");
    this.#tip.hidden = true;
    this.#tip.setAttribute("role", "status");
    this.#dots.setAttribute("aria-hidden", "true");
    body.append(this.#land, this.#dots, this.#canvas, this.#tip, this.#list);
    this.#canvas.addEventListener("pointermove", (event) => this.#choose(this.#nearest(event.offsetX, event.offsetY)));
    this.#canvas.addEventListener("pointerleave", () => this.#choose(-1));
    this.#canvas.addEventListener("blur", () => this.#choose(-1));
    this.#canvas.addEventListener("click", ({ offsetX, offsetY }) => {
      this.#choose(this.#nearest(offsetX, offsetY)); // a finger comes without having moved there
      this.#open();
    });
    this.#canvas.addEventListener("keydown", (event) => this.#key(event));
    this.#load();
  }

  async #load() {
    try {
      // d3-geo stands on d3-array, and both put themselves into `d3`.
      const names = ["d3-array.min.js", "d3-geo.min.js", "topojson-client.min.js"];
      const [atlas] = await Promise.all([data("land-110m.json"), ...names.map(library)]);
      const { d3, topojson } = /** @type {any} */ (globalThis);
      this.#d3 = d3;
      this.#world = topojson.feature(atlas, atlas.objects.land);
      this.redraw();
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.#tools.trouble(error.message);
    }
  }

  /** @param {{ points: Place[] }} figures */
  show({ points }) {
    const before = this.#newest;
    this.#points = points;
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const { hue } of points) counts.set(hue, (counts.get(hue) ?? 0) + 1);
    this.#tools.colours.rank(counts);
    for (const { time, partition, offset } of points.slice(-RINGS)) {
      if (time <= before) continue;
      this.#newest = Math.max(this.#newest, time);
      if (before > 0) this.#rings.set(`${partition}:${offset}`, performance.now());
    }
    this.#draw();
    this.#say();
    if (this.#rings.size > 0) this.#animate();
  }

  retime() {
    this.#say();
    this.#draw();
  }

  redraw() {
    if (!this.#d3) return;
    const drawn = sharp(this.#land);
    if (!drawn) return;
    const { pen, width, height } = drawn;
    const sphere = { type: "Sphere" };
    this.#projection = this.#d3.geoNaturalEarth1().fitExtent([[4, 4], [width - 4, height - 4]], sphere);
    const path = this.#d3.geoPath(this.#projection, pen);
    const fill = (/** @type {any} */ shape, /** @type {string} */ token) => {
      pen.beginPath();
      path(shape);
      pen.fillStyle = tokenValue(token);
      pen.fill();
    };
    fill(sphere, "--sea");
    fill(this.#world, "--land");
    pen.beginPath();
    path(this.#d3.geoGraticule10());
    pen.strokeStyle = tokenValue("--hair");
    pen.lineWidth = 0.5;
    pen.stroke();
    this.#draw();
  }

  #draw() {
    if (!this.#projection) return;
    const drawn = sharp(this.#dots);
    if (!drawn) return;
    const { pen, width } = drawn;
    const largest = Math.min(LARGEST, Math.max(6, width / 60));
    const sizes = this.#points.flatMap(({ size }) => (size === null ? [] : [size]));
    const low = sizes.reduce((least, size) => Math.min(least, size), Infinity);
    const high = sizes.reduce((most, size) => Math.max(most, size), -Infinity);
    const chosen = this.#drawn[this.#chosen];
    this.#drawn = this.#points.map((point) => {
      const [x = 0, y = 0] = this.#projection([point.longitude, point.latitude]) ?? [];
      const share = point.size === null || high <= low ? 0.25 : (point.size - low) / (high - low);
      return { ...point, x, y, radius: SMALLEST + (largest - SMALLEST) * share ** 1.8 };
    });
    pen.globalAlpha = 0.6;
    /** @type {Map<string, string>} */
    const colours = new Map();
    for (const { x, y, radius, hue } of this.#drawn) {
      let colour = colours.get(hue);
      if (!colour) colours.set(hue, (colour = hue ? colourValue(this.#tools.colours.of(hue)) : tokenValue("--accent")));
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (chosen) this.#choose(placeOf(chosen, this.#drawn)); // it may stand elsewhere among them, or have left
    else this.#drawOver();
  }

  /** Rings and the chosen point. */
  #drawOver() {
    const drawn = sharp(this.#canvas);
    if (!drawn) return;
    const { pen } = drawn;
    this.#drawRings(pen);
    const chosen = this.#drawn[this.#chosen];
    if (chosen) ring(pen, chosen, chosen.radius + 3, tokenValue("--text"), 1);
  }

  /** @param {CanvasRenderingContext2D} pen */
  #drawRings(pen) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.#rings.clear();
    const now = performance.now();
    const colour = tokenValue("--accent");
    for (const point of this.#drawn.slice(-RINGS)) {
      const begun = this.#rings.get(`${point.partition}:${point.offset}`);
      if (begun === undefined) continue;
      const age = (now - begun) / RING_MS;
      if (age >= 1) this.#rings.delete(`${point.partition}:${point.offset}`);
      else for (const wide of [6, 12]) ring(pen, point, point.radius + wide * (0.5 + age / 2), colour, 1 - age);
    }
  }

  #animate() {
    if (this.#isAnimating) return;
    this.#isAnimating = true;
    const step = () => {
      const now = performance.now();
      for (const [place, begun] of this.#rings) if (now - begun >= RING_MS) this.#rings.delete(place);
      this.#drawOver();
      this.#isAnimating = this.#rings.size > 0;
      if (this.#isAnimating) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {number} the place of the nearest point among those drawn, −1 when none is near
   */
  #nearest(x, y) {
    let nearest = -1;
    let least = NEAR;
    for (const [place, point] of this.#drawn.entries()) {
      const distance = Math.hypot(point.x - x, point.y - y) - point.radius / 2;
      if (distance <= least) [nearest, least] = [place, distance];
    }
    return nearest;
  }

  /** @param {number} place */
  #choose(place) {
    this.#chosen = place;
    const point = this.#drawn[place];
    this.#tip.hidden = !point;
    if (point) {
      say(this.#tip, this.#wordsOf(point));
      const isRight = point.x > this.#body.clientWidth / 2;
      this.#tip.style.insetBlockStart = `${Math.max(0, point.y - 16)}px`;
      this.#tip.style.insetInlineStart = isRight ? "auto" : `${point.x + 16}px`;
      this.#tip.style.insetInlineEnd = isRight ? `${this.#body.clientWidth - point.x + 16}px` : "auto";
    }
    this.#drawOver();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const step = { ArrowRight: -1, ArrowDown: -1, ArrowLeft: 1, ArrowUp: 1 }[event.key];
    if (event.key === "Enter") this.#open();
    if (step === undefined) return;
    event.preventDefault();
    const newest = this.#drawn.length - 1;
    this.#choose(this.#chosen < 0 ? newest : Math.min(newest, Math.max(0, this.#chosen + step)));
  }

  #open() {
    const point = this.#drawn[this.#chosen];
    if (point) this.#tools.open(point.partition, point.offset);
  }

  /** @param {Place} point */
  #wordsOf({ size, name, key, time, latitude, longitude }) {
    const parts = [size === null ? "" : figureText(String(size)), name, key ?? "", exactTime(time, this.#tools.clock(), this.#tools.now()), `${latitude.toFixed(2)}, ${longitude.toFixed(2)}`];
    return parts.filter(Boolean).join(" · ");
  }

  /** The newest in words, for who cannot see the map. */
  #say() {
    const newest = this.#points.slice(-SAID).reverse();
    while (this.#list.children.length > newest.length) this.#list.lastElementChild?.remove();
    for (const [place, point] of newest.entries()) {
      let item = this.#list.children[place];
      if (!item) this.#list.append((item = element("li", "")));
      if (item instanceof HTMLElement) {
        item.dataset["key"] = point.key ?? "";
        item.dataset["partition"] = String(point.partition);
        item.dataset["offset"] = String(point.offset);
      }
      say(item, this.#wordsOf(point));
    }
  }
}

/**
 * @param {Drawn} point
 * @param {Drawn[]} drawn
 * @returns {number} where the same record stands among them, −1 when it does not
 */
function placeOf({ partition, offset }, drawn) {
  return drawn.findIndex((each) => each.partition === partition && each.offset === offset);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {{ x: number, y: number }} centre
 * @param {number} radius
 * @param {string} colour
 * @param {number} alpha
 */
function ring(pen, { x, y }, radius, colour, alpha) {
  pen.globalAlpha = alpha;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.stroke();
  pen.globalAlpha = 1;
}
