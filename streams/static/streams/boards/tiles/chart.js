// A figure over time, or each record as a point: drawn by uPlot. Gaps in the data are gaps in the lines, hatched.

import { Missing, library, style } from "./vendor.js";
import { colourValue } from "./colours.js";
import { button, element, say } from "../../page/dom.js";
import { ChartTable, Tip } from "./told.js";
import { exactTime, figureText, fromNow, shortPath, timeText } from "./words.js";
import { tokenValue } from "../../page/tokens.js";

const NO_DASH = /** @type {number[]} */ ([]);
const SERIES = 10; // that single records are told apart by, the rest is others
const LEGEND = 11;
// px of the axes: of their signs, between two times, between two with seconds, below and beside the plot.
const USUAL = { font: 11, apart: 50, apartLong: 70, low: 26, left: 48 };
// On a wall they grow with the plot: so large in one that is so high, px.
const ROOM_PX = 95;
const LARGEST = 3;
const NEAR = 20; // px, from the pointer to the record that it means
const STILL = 4; // px, that a press may move without being a drag

/**
 * @typedef {{ starts: number[], width: number, lines: import("../figures/series.js").Line[], gaps: boolean[] }} Lines
 * @typedef {{ points: { time: number, y: number, name: string, hue: string, key: string | null, partition: number, offset: number }[], leftOut: number }} Dots
 * @typedef {import("./chosen_time.js").Stop & { point?: Dots["points"][number] }} Stop
 * @typedef {{ name: string, hue: string, isOthers: boolean }} Named a series: how it is written, what its colour goes by
 */

export class ChartTile {
  #body;
  #tools;
  #form;
  #figure;
  #split;
  #table;
  #tip = new Tip();
  /** @type {Dots["points"][number] | null} the record under the pointer */
  #meant = null;
  #isDots;
  #isPressed = false;
  #title;
  /** @type {import("./chosen_time.js").ChosenTime | null} null until it is loaded, or when it cannot be: then a mouse is needed */
  #chosen = null;
  /** @type {Dots["points"][number] | null} the record that keys have come to */
  #keyed = null;
  #legend = element("ul", "legend");
  #zoomTools = element("span", "zoom-tools");
  /** @type {any} uPlot's own, once it is loaded */
  #plot = null;
  /** @type {any} */
  #uPlot = null;
  /** @type {Lines | Dots | null} */
  #figures = null;
  /** @type {Named[]} the series that the plot was made with */
  #names = [];
  /** @type {import("./words.js").Clock | null} by which the axis was made */
  #axisClock = null;
  /** @type {boolean[]} */
  #gaps = [];
  #width = 1;
  #isLarge = false;
  /** @type {[number, number]} seconds */
  #span = [0, 1];
  /** @type {{ width: number, height: number } | null} */
  #measured = null;

  /**
   * @param {HTMLElement} body
   * @param {import("../figures/kinds.js").Tile} tile
   * @param {import("./tile.js").TileTools} tools
   */
  constructor(body, { title, options }, tools) {
    this.#body = body;
    this.#tools = tools;
    this.#figure = options.y === "count" ? "count" : options.aggregate === "none" ? "value" : String(options.aggregate);
    this.#table = new ChartTable(title || "Chart");
    this.#form = String(options.form);
    this.#split = options.split ? shortPath(String(options.split)) : "";
    this.#isDots = options.aggregate === "none" && options.y !== "count";
    const all = button("all tiles", "quiet", () => this.#showAll());
    const whole = button("whole window", "quiet", () => this.#unzoom());
    all.title = "Shows the whole board in this time";
    whole.title = "Shows the whole window again (or a double click)";
    this.#zoomTools.append(all, whole);
    this.#zoomTools.hidden = true;
    tools.head.append(this.#zoomTools, this.#legend);
    body.classList.add("chart-body");
    this.#title = title || "Chart";
    body.append(this.#table.node, this.#tip.node);
    this.#load();
  }

  async #load() {
    try {
      style("uPlot.min.css");
      // As late as the library: nothing is chosen before there is a picture.
      const [chosen] = await Promise.all([import("./chosen_time.js").catch(() => null), library("uPlot.iife.min.js")]);
      if (chosen) this.#letChoose(chosen);
      this.#uPlot = /** @type {any} */ (globalThis).uPlot;
      this.#draw();
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      this.#tools.trouble(error.message);
    }
  }

  /** @param {typeof import("./chosen_time.js")} module */
  #letChoose({ ChosenTime }) {
    this.#chosen = new ChosenTime(this.#title, {
      plot: () => this.#plot,
      stops: () => this.#stops(),
      point: (/** @type {Stop} */ stop) => this.#pointAt(stop),
      leave: () => this.#leave(),
      zoom: (min, max) => this.#plot?.setScale("x", { min, max }),
      open: () => this.#openMeant(),
      unzoom: () => this.#isZoomed() && (this.#unzoom(), true),
      hold: (isHeld) => this.#hold(isHeld),
    });
    this.#body.append(this.#chosen.node);
  }

  /** @param {Lines | Dots} figures */
  show(figures) {
    this.#figures = figures;
    this.#tell();
    this.#draw();
  }

  redraw() {
    this.#measured = null;
    const { width, height } = this.#size();
    if (this.#plot && this.#isLarge !== isOnWall()) this.#begin();
    else if (this.#plot && width > 0) this.#plot.setSize({ width, height });
    else this.#draw();
  }

  retime() {
    if (this.#plot && this.#axisClock !== this.#tools.clock()) this.#begin();
    this.#tell();
  }

  /** uPlot listens to the window. */
  end() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#figures = null; // so that nothing is drawn when the library comes only now
  }

  /** The same in words. */
  #tell() {
    if (!this.#figures) return;
    const clock = this.#tools.clock();
    const how = { figure: this.#figure, clock: clock === "relative" ? "local" : clock };
    if ("points" in this.#figures) this.#table.showDots(this.#figures.points, { ...how, names: [] });
    else this.#table.showLines(this.#figures, { ...how, names: lines(this.#figures).names.map((named) => this.#wordOf(named)) });
  }

  #draw() {
    if (!this.#figures || !this.#uPlot || this.#isPressed || this.#size().width <= 0) return;
    const { names, data, counts } = this.#isDots ? dots(/** @type {Dots} */ (this.#figures)) : lines(/** @type {Lines} */ (this.#figures));
    this.#tools.colours.rank(counts);
    if ("gaps" in this.#figures) {
      this.#gaps = this.#figures.gaps;
      this.#width = this.#figures.width;
    }
    this.#span = this.#spanOf(/** @type {number[]} */ (data[0] ?? []));
    if (!this.#plot || !isSame(names, this.#names)) {
      this.#names = names;
      this.#begin(names, data);
    } else {
      this.#plot.setData(data, !this.#isZoomed());
      this.#showLegend(names);
    }
  }

  /**
   * @param {Named[]} [names]
   * @param {any[]} [data]
   */
  #begin(names = this.#names, data = this.#plot?.data) {
    if (!this.#uPlot || !data) return;
    const { min, max } = this.#plot?.scales.x ?? {};
    const isZoomed = this.#isZoomed();
    this.#plot?.destroy();
    this.#plot = new this.#uPlot(this.#options(names), data, this.#body);
    if (isZoomed) this.#plot.setScale("x", { min, max });
    this.#plot.root.setAttribute("aria-hidden", "true");
    this.#listen(this.#plot.over);
    this.#chosen?.listen(this.#plot.over);
    this.#showLegend(names);
  }

  /** @param {Named[]} names */
  #showLegend(names) {
    const shown = this.#split ? names.slice(0, LEGEND) : [];
    while (this.#legend.children.length > shown.length) this.#legend.lastElementChild?.remove();
    for (const [place, named] of shown.entries()) {
      let item = /** @type {HTMLElement | undefined} */ (this.#legend.children[place]);
      if (!item) this.#legend.append((item = element("li", "", element("span", "dot"), element("span", ""))));
      item.dataset["series"] = isBare(named) ? "none" : String(this.#colourOf(named));
      say(/** @type {Element} */ (item.lastElementChild), this.#wordOf(named));
    }
  }

  /**
   * @param {number[]} times seconds
   * @returns {[number, number]} the window in seconds, where it has an end; else what there is
   */
  #spanOf(times) {
    const { window } = this.#tools;
    const now = this.#tools.now() / 1000;
    if ("last_seconds" in window) return [now - window.last_seconds, now];
    return "from" in window ? [window.from / 1000, window.to / 1000] : [times[0] ?? now - 60, Math.max(now, (times[0] ?? now) + 1)];
  }

  /** @param {Named} named */
  #wordOf(named) {
    if (isBare(named)) return this.#split ? `no ${this.#split}` : "all";
    return named.name || "“”";
  }

  /** @param {Named} named */
  #colourOf({ hue, isOthers }) {
    return isOthers ? -1 : this.#tools.colours.of(hue);
  }

  /** @param {Named[]} names */
  #options(names) {
    this.#isLarge = isOnWall();
    const { font, apart, apartLong, low, left } = axesOf(this.#isLarge ? Math.min(LARGEST, Math.max(1, this.#size().height / ROOM_PX)) : 1);
    const axis = { stroke: () => tokenValue("--muted"), grid: { stroke: () => tokenValue("--hair"), width: 1 }, ticks: { show: false }, font: `${font}px system-ui, sans-serif` };
    // Times with seconds are longer.
    const space = (/** @type {any} */ _plot, /** @type {number} */ _axis, /** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ width) =>
      ((to - from) / width) * apartLong < 60 ? apartLong : apart;
    return {
      ...this.#size(),
      legend: { show: false },
      padding: [8, 32, 0, 0],
      cursor: { y: false, drag: { x: true, y: false }, points: { show: !this.#isDots, size: 6 } },
      scales: { x: { time: true, range: (/** @type {any} */ _plot, /** @type {number} */ low, /** @type {number} */ high) => this.#times(low, high) }, y: { range: (/** @type {any} */ _plot, /** @type {number} */ low, /** @type {number} */ high) => rangeOf(low, high, this.#isDots) } },
      axes: [
        { ...axis, size: low, space, ...this.#timeAxis() },
        { ...axis, size: left, values: (/** @type {any} */ _plot, /** @type {number[]} */ values) => values.map((value) => figureText(String(value))) },
      ],
      series: [{}, ...names.map((name) => this.#series(name))],
      hooks: { drawClear: [(/** @type {any} */ plot) => this.#hatch(plot)], setCursor: [(/** @type {any} */ plot) => this.#point(plot)], setScale: [() => this.#showZoom()], draw: [() => this.#chosen?.redraw()] },
    };
  }

  /** @returns {object} how uPlot divides and names times: by the clock, or by how long ago they were */
  #timeAxis() {
    const clock = (this.#axisClock = this.#tools.clock());
    if (clock !== "relative") {
      return {
        values: (/** @type {any} */ _plot, /** @type {number[]} */ times, /** @type {number} */ _axis, /** @type {number} */ _space, /** @type {number} */ step) =>
          times.map((time) => timeText(time * 1000, clock, 0).slice(0, step < 60 ? 8 : 5)),
      };
    }
    let now = 0;
    return {
      splits: (/** @type {any} */ _plot, /** @type {number} */ _axis, /** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ step) => {
        now = this.#tools.now() / 1000;
        const times = [];
        for (let ago = Math.ceil((low - now) / step) * step; now + ago <= high; ago += step) times.push(now + ago);
        return times;
      },
      values: (/** @type {any} */ _plot, /** @type {number[]} */ times) => times.map((time) => fromNow((time - now) * 1000)),
    };
  }

  /** @param {Named} named */
  #series(named) {
    // Asked at each drawing: theme and colours may have changed.
    const stroke = () => (isBare(named) ? tokenValue("--accent") : colourValue(this.#colourOf(named)));
    const isPoints = this.#isDots || this.#form === "points";
    return {
      label: this.#wordOf(named),
      stroke,
      fill: this.#form === "bars" && !this.#isDots ? stroke : undefined,
      width: 1.5,
      dash: NO_DASH,
      spanGaps: false,
      ...(isPoints && { paths: () => null }),
      ...(this.#form === "bars" && !this.#isDots && { paths: this.#uPlot.paths.bars({ size: [0.8, 40] }) }),
      points: { show: isPoints, size: 5, width: 0, fill: () => withAlpha(stroke(), 0.65), stroke: "transparent" },
    };
  }

  /** Hatches buckets in which records are missing. @param {any} plot */
  #hatch(plot) {
    const { ctx, bbox } = plot;
    const starts = plot.data[0] ?? [];
    for (const [place, isGap] of this.#gaps.entries()) {
      if (!isGap || starts[place] === undefined) continue;
      const left = Math.max(bbox.left, plot.valToPos(starts[place], "x", true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(starts[place] + this.#width, "x", true));
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, bbox.top, right - left, bbox.height);
      ctx.clip();
      ctx.strokeStyle = tokenValue("--waiting");
      ctx.globalAlpha = 0.35;
      ctx.beginPath();
      for (let x = left - bbox.height; x < right; x += 8) {
        ctx.moveTo(x, bbox.top + bbox.height);
        ctx.lineTo(x + bbox.height, bbox.top);
      }
      ctx.stroke();
      ctx.restore();
    }
  }

  /** Says what stands under the pointer: the record that is meant, or all series of that time. @param {any} plot */
  #point(plot) {
    const { idx, left, top } = plot.cursor;
    this.#meant = this.#isDots && idx !== null && idx !== undefined ? (this.#keyed ?? this.#nearest(plot)) : null;
    this.#body.classList.toggle("pressable", this.#meant !== null);
    const said = this.#meant ? this.#recordWords(this.#meant) : this.#isDots || idx === null || idx === undefined ? [] : this.#timeWords(plot, idx);
    if (said.length === 0) this.#tip.hide();
    else this.#tip.show(said, { left: plot.over.offsetLeft + left, top: plot.over.offsetTop + top, ...this.#size() });
  }

  /**
   * @param {any} plot
   * @param {number} idx of the bucket
   */
  #timeWords(plot, idx) {
    const clock = this.#tools.clock();
    const at = plot.data[0][idx] * 1000;
    const said = plot.series.slice(1).flatMap((/** @type {any} */ series, /** @type {number} */ place) => {
      const value = plot.data[place + 1]?.[idx];
      return value === null || value === undefined ? [] : [`${series.label}: ${figureText(String(value))}`];
    });
    const gap = this.#gaps[idx] ? ["records are missing here"] : [];
    return [clock === "relative" ? exactTime(at, clock, this.#tools.now()) : timeText(at, clock, 0), ...gap, ...said];
  }

  /** @param {Dots["points"][number]} point */
  #recordWords({ time, y, name, key, partition, offset }) {
    const joined = (/** @type {(string | null)[]} */ ...parts) => parts.filter(Boolean).join(" · ");
    return [joined(figureText(String(y)), name), exactTime(time, this.#tools.clock(), this.#tools.now()), joined(key, `${partition}:${figureText(String(offset))}`)];
  }

  /** @returns {Stop[]} */
  #stops() {
    const { min, max } = this.#plot.scales.x;
    const all = this.#isDots
      ? /** @type {Dots} */ (this.#figures).points.toSorted((a, b) => a.time - b.time).map((point) => ({ id: `${point.partition}:${point.offset}`, from: point.time / 1000, to: point.time / 1000, point }))
      : /** @type {number[]} */ (this.#plot.data[0]).map((from) => ({ id: String(from), from, to: from + this.#width }));
    return all.filter(({ from }) => from >= min && from <= max);
  }

  /** @param {Stop} stop */
  #pointAt({ from, point }) {
    const plot = this.#plot;
    this.#keyed = point ?? null;
    plot.setCursor({ left: plot.valToPos(from, "x"), top: point ? plot.valToPos(point.y, "y") : plot.over.clientHeight / 2 });
    return this.#tip.text;
  }

  /** No key stands anywhere. */
  #leave() {
    this.#keyed = null;
    this.#plot?.setCursor({ left: -10, top: -10 });
  }

  /**
   * @param {any} plot
   * @returns {Dots["points"][number] | null} the record that is nearest to the pointer, where one is near
   */
  #nearest(plot) {
    const { left, top } = plot.cursor;
    let nearest = null;
    let least = NEAR;
    for (const point of /** @type {Dots} */ (this.#figures).points) {
      const across = plot.valToPos(point.time / 1000, "x") - left;
      if (Math.abs(across) > least) continue;
      const distance = Math.hypot(across, plot.valToPos(point.y, "y") - top);
      if (distance <= least) [nearest, least] = [point, distance];
    }
    return nearest;
  }

  /** A press opens the record that is meant; a drag chooses a time, as ever. @param {HTMLElement} over */
  #listen(over) {
    let from = 0;
    over.addEventListener("mousemove", () => this.#chosen?.leave(), { capture: true });
    over.addEventListener("mousedown", ({ clientX }) => {
      from = clientX;
      this.#hold(true);
      addEventListener("mouseup", () => this.#hold(false), { once: true });
    });
    over.addEventListener("click", ({ clientX }) => {
      if (Math.abs(clientX - from) <= STILL) this.#openMeant();
    });
  }

  /**
   * It stays as it is under the pointer: what is made anew forgets what is dragged.
   *
   * @param {boolean} isHeld
   */
  #hold(isHeld) {
    this.#isPressed = isHeld;
    if (!isHeld) setTimeout(() => this.#draw()); // after what the release does
  }

  #openMeant() {
    if (this.#meant) this.#tools.open(this.#meant.partition, this.#meant.offset);
  }

  #showZoom() {
    this.#zoomTools.hidden = !this.#isZoomed();
  }

  /** Follows the window again. */
  #unzoom() {
    this.#plot?.setData(this.#plot.data, true);
  }

  /** Whole seconds, as windows are. */
  #showAll() {
    const { min, max } = this.#plot.scales.x;
    this.#tools.through({ from: Math.floor(min) * 1000, to: Math.ceil(max) * 1000 });
  }

  /** Follows the window until somebody drags a span of it; a double click follows it again. */
  #isZoomed() {
    return this.#plot !== null && this.#plot.scales.x.max - this.#plot.scales.x.min < 0.99 * (this.#span[1] - this.#span[0]);
  }

  /**
   * @param {number} low
   * @param {number} high
   * @returns {[number, number]} what was dragged, or the whole window
   */
  #times(low, high) {
    const times = this.#plot?.data[0] ?? [];
    const isDragged = this.#plot && (low > (times[0] ?? low) || high < (times.at(-1) ?? high));
    return isDragged ? [low, high] : this.#span;
  }

  /** Measured when it changed: asking for a size makes the page lay everything out. */
  #size() {
    this.#measured ??= { width: Math.floor(this.#body.clientWidth), height: Math.max(60, Math.floor(this.#body.clientHeight)) };
    return this.#measured;
  }
}

/**
 * @param {number} scale
 * @returns {typeof USUAL}
 */
function axesOf(scale) {
  const scaled = (/** @type {number} */ px) => Math.round(px * scale);
  return { font: scaled(USUAL.font), apart: scaled(USUAL.apart), apartLong: scaled(USUAL.apartLong), low: scaled(USUAL.low), left: scaled(USUAL.left) };
}

function isOnWall() {
  return document.body.classList.contains("wall");
}

/**
 * @param {number | null} low
 * @param {number | null} high
 * @param {boolean} isDots
 * @returns {[number, number]}
 */
function rangeOf(low, high, isDots) {
  if (low === null || high === null) return [0, 1];
  const room = (high - Math.min(0, low)) * 0.06 || 1;
  return [isDots && low < 0 ? low - room : Math.min(0, low), high + room];
}

/** @param {Lines} figures */
function lines({ starts, lines: all }) {
  /** @type {[string, number][]} */
  const counts = all.filter(({ isOthers }) => !isOthers).map(({ tag, count }) => [tag, count]);
  return { names: all.map(({ name, tag, isOthers }) => ({ name, hue: isOthers ? "" : tag, isOthers })), counts, data: [starts, ...all.map(({ values }) => values)] };
}

/** @param {Dots} figures */
function dots({ points }) {
  const sorted = points.toSorted((a, b) => a.time - b.time);
  /** @type {Map<string, { name: string, hue: string, count: number }>} */
  const found = new Map();
  for (const { name, hue } of sorted) {
    const there = found.get(hue);
    if (there) there.count += 1;
    else found.set(hue, { name, hue, count: 1 });
  }
  const series = [...found.values()].sort((a, b) => b.count - a.count || (a.hue < b.hue ? -1 : 1));
  /** @type {[string, number][]} */
  const counts = series.map(({ hue, count }) => [hue, count]);
  const all = series.slice(0, SERIES).map(({ name, hue }) => ({ name, hue, isOthers: false }));
  if (series.length > SERIES) all.push({ name: "others", hue: "", isOthers: true });
  const places = new Map(all.map(({ hue, isOthers }, place) => [isOthers ? null : hue, place]));
  const columns = all.map(() => /** @type {(number | null)[]} */ (new Array(sorted.length).fill(null)));
  for (const [row, { hue, y }] of sorted.entries()) {
    const column = columns[places.get(hue) ?? all.length - 1];
    if (column) column[row] = y;
  }
  return { names: all, counts, data: [sorted.map(({ time }) => time / 1000), ...columns] };
}

/**
 * @param {Named} named
 * @returns {boolean} whether it is of all records, or of those without a value to be told apart by
 */
function isBare({ hue, isOthers }) {
  return hue === "" && !isOthers;
}

/**
 * @param {Named[]} some
 * @param {Named[]} others
 */
function isSame(some, others) {
  return some.length === others.length && some.every(({ hue, isOthers }, place) => hue === others[place]?.hue && isOthers === others[place]?.isOthers);
}

/**
 * @param {string} colour #rrggbb
 * @param {number} alpha
 */
function withAlpha(colour, alpha) {
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}${Math.round(alpha * 255).toString(16).padStart(2, "0")}` : colour;
}
