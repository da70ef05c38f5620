// A time of a chart, or a span of it, chosen by keys or by touch. A mouse drags one by uPlot's own means.

import { element } from "../../page/dom.js";
import { stepped } from "../../page/stepping.js";

const STILL = 4; // px, that a finger may move without dragging

/**
 * @typedef {object} Stop a time that keys lead to
 * @property {string} id the same as long as it is there
 * @property {number} from seconds
 * @property {number} to seconds; of a record the same
 *
 * @typedef {object} Chart what it asks of the chart
 * @property {() => any} plot uPlot's own; null before there is one
 * @property {() => Stop[]} stops those that are shown, in the order of time
 * @property {(stop: Stop) => string} point shows the pointer there; returns what stands there, in words
 * @property {() => void} leave shows no pointer any more
 * @property {(from: number, to: number) => void} zoom seconds
 * @property {() => void} open the record at the pointer, if one is
 * @property {() => boolean} unzoom returns whether the chart was zoomed
 * @property {(isHeld: boolean) => void} hold draws nothing anew while a finger is on it
 */

export class ChosenTime {
  node = element("div", "chart-keys");
  #chart;
  /** @type {Stop | null} where the keys stand */
  #stop = null;
  /** @type {Stop | null} where the span begins that they choose */
  #begin = null;

  /**
   * @param {string} label
   * @param {Chart} chart
   */
  constructor(label, chart) {
    this.#chart = chart;
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "slider");
    this.node.setAttribute("aria-label", `${label}: times. Arrows go along them, with Shift they choose a span, enter shows it larger`);
    this.#tell(0, 0, "no time is chosen");
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.node.addEventListener("blur", () => this.leave());
  }

  /** Nothing is chosen any more. */
  leave() {
    if (this.#stop === null) return;
    this.#stop = this.#begin = null;
    this.#unselect();
    this.#chart.leave();
  }

  /** Stands where it stood: the chart was drawn anew, and times are elsewhere in it. */
  redraw() {
    if (this.#stop === null || !this.#chart.plot()) return;
    const stops = this.#chart.stops();
    const place = placeOf(stops, this.#stop);
    if (place < 0) this.leave();
    else this.#stand(stops, place);
  }

  /** @param {HTMLElement} over uPlot's, on which fingers move */
  listen(over) {
    /** @type {{ from: number, isDragged: boolean } | null} px */
    let finger = null;
    const end = () => {
      if (finger === null) return;
      finger = null;
      this.#unselect();
      this.#chart.hold(false);
    };
    over.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" || !event.isPrimary) return;
      this.leave();
      finger = { from: leftOf(event, over), isDragged: false };
      over.setPointerCapture(event.pointerId);
      this.#chart.hold(true);
    });
    over.addEventListener("pointermove", (event) => {
      if (finger === null || !event.isPrimary) return;
      const left = leftOf(event, over);
      finger.isDragged ||= Math.abs(left - finger.from) > STILL;
      if (!finger.isDragged) return;
      this.#select(finger.from, left);
      this.#chart.plot()?.setCursor({ left, top: over.clientHeight / 2 });
    });
    over.addEventListener("pointerup", (event) => {
      const plot = this.#chart.plot();
      if (finger?.isDragged && plot) {
        const [low, high] = inOrder(finger.from, leftOf(event, over));
        if (high - low > STILL) this.#chart.zoom(plot.posToVal(low, "x"), plot.posToVal(high, "x"));
        plot.setCursor({ left: -10, top: -10 });
      }
      end();
    });
    over.addEventListener("pointercancel", end); // the page is scrolled
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#chart.plot()) return;
    if (this.#does(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /**
   * @param {KeyboardEvent} event
   * @returns {boolean} whether the key was meant for it
   */
  #does({ key, shiftKey }) {
    if (key === "Escape" && this.#begin === null) return this.#chart.unzoom();
    if (key === "Escape") {
      this.#begin = null;
      this.#unselect();
      return true;
    }
    if (key === "Enter") {
      const span = this.#span();
      if (span === null) this.#chart.open();
      else {
        this.#begin = null;
        this.#unselect();
        this.#chart.zoom(...span);
      }
      return true;
    }
    const stops = this.#chart.stops();
    const before = this.#stop;
    const place = stepped(key, before ? placeOf(stops, before) : -1, stops.length);
    if (place === null) return false;
    if (!shiftKey) this.#begin = null;
    else this.#begin ??= before ?? stops[place] ?? null;
    this.#stand(stops, place);
    return true;
  }

  /**
   * @param {Stop[]} stops
   * @param {number} place
   */
  #stand(stops, place) {
    const stop = stops[place];
    if (!stop) return;
    this.#stop = stop;
    const plot = this.#chart.plot();
    const said = this.#chart.point(stop);
    const span = this.#span();
    if (span) this.#select(plot.valToPos(span[0], "x"), plot.valToPos(span[1], "x"));
    else this.#unselect();
    this.#tell(place, stops.length - 1, said);
  }

  /** @returns {[number, number] | null} seconds: from the stop where the span begins to the one where the keys stand */
  #span() {
    const [begin, stop] = [this.#begin, this.#stop];
    if (!begin || !stop || begin.id === stop.id) return null;
    return [Math.min(begin.from, stop.from), Math.max(begin.to, stop.to)];
  }

  /**
   * @param {number} from px
   * @param {number} to px
   */
  #select(from, to) {
    const plot = this.#chart.plot();
    if (!plot) return;
    const [low, high] = inOrder(from, to).map((left) => Math.min(plot.over.clientWidth, Math.max(0, left)));
    plot.setSelect({ left: low, width: (high ?? 0) - (low ?? 0), top: 0, height: plot.over.clientHeight }, false);
  }

  #unselect() {
    this.#chart.plot()?.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  /**
   * @param {number} place
   * @param {number} last
   * @param {string} said
   */
  #tell(place, last, said) {
    const told = { valuemin: 0, valuemax: Math.max(0, last), valuenow: place, valuetext: said };
    for (const [name, value] of Object.entries(told)) this.node.setAttribute(`aria-${name}`, String(value));
  }
}

/**
 * @param {Stop[]} stops
 * @param {Stop} stop
 */
function placeOf(stops, { id }) {
  return stops.findIndex((each) => each.id === id);
}

/**
 * @param {PointerEvent} event
 * @param {HTMLElement} over
 * @returns {number} px from its left side, within it
 */
function leftOf({ clientX }, over) {
  return Math.min(over.clientWidth, Math.max(0, clientX - over.getBoundingClientRect().left));
}

/**
 * @param {number} one
 * @param {number} other
 * @returns {[number, number]}
 */
function inOrder(one, other) {
  return one <= other ? [one, other] : [other, one];
}
