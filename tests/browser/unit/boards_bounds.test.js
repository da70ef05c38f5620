// The figures of a board where records are strange, windows stood still, or there is more than is kept one by one.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Source } from "../../../streams/static/streams/live/json.js";
import { Fields } from "../../../streams/static/streams/boards/figures/paths.js";
import { Histogram } from "../../../streams/static/streams/boards/figures/histogram.js";
import { Latest } from "../../../streams/static/streams/boards/figures/latest.js";
import { Series } from "../../../streams/static/streams/boards/figures/series.js";
import { Window } from "../../../streams/static/streams/boards/figures/window.js";
import { drawnWords, figureText } from "../../../streams/static/streams/boards/tiles/words.js";
import { equals } from "../../../streams/static/streams/boards/tiles/narrow.js";
import { figuresOf, prepare } from "../../../streams/static/streams/boards/figures/kinds.js";

await prepare(["number", "top", "distribution", "table", "stream", "chart", "map"]);

const NOW = 1_700_000_000_400;
const AROUND = { from: NOW - 60_000, to: NOW + 60_000 };
const tile = (kind, options) => ({ id: kind, kind, title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options });
const at = (offset, timestamp, { json = "{}", key = null, partition = 0 } = {}) =>
  new Fields("t", partition, { offset, timestamp, key, headers: {}, size: json.length, encoding: "json", value: new Source(json) });

/** Figures of a tile over a window in which these values arrived now. */
function figured(kind, options, values, window = AROUND) {
  const inWindow = new Window(window, NOW);
  const figures = figuresOf(tile(kind, options), window);
  inWindow.tell(figures);
  for (const [offset, json] of values.entries()) inWindow.arrived(at(offset, NOW, { json, key: `k${offset}` }), NOW);
  return { figures, counted: [figures.counted.used, figures.counted.withoutValue], read: figures.read(inWindow, NOW, {}) };
}
const numbered = (...numbers) => numbers.map((n) => `{"n":${n},"kind":"a"}`);

test("a number that no double can hold is used by no figure, and stops none", () => {
  const values = numbered("1", "1e400", "2", "-1e400");
  for (const [figure, value] of [["sum", "3"], ["mean", "1.5"], ["min", "1"], ["max", "2"], ["p95", "2"], ["distinct", "2"]]) {
    const { read, counted } = figured("number", { figure, field: "value.n" }, values);
    assert.deepEqual([read.value, counted], [value, [2, 2]], figure);
  }
  const { read, counted } = figured("top", { field: "value.n", limit: 5 }, values);
  assert.deepEqual([read.rows.map(({ key }) => key), read.others, counted], [["1", "2"], 0, [2, 2]]);
  const chart = figured("chart", { y: "value.n", aggregate: "sum", split: "value.n", form: "line" }, values);
  assert.deepEqual(chart.read.lines.map(({ name, count }) => [name, count]), [["1", 1], ["2", 1]]);
  const spread = figured("distribution", { field: "value.n", bins: 5 }, values);
  assert.equal(spread.read.bins.reduce((sum, { count }) => sum + count, 0), 2);
  assert.deepEqual(spread.counted, [2, 2]);
});

test("a cell shows the digits of a number that no double can hold", () => {
  const { read } = figured("table", { by: "key", columns: ["value.n"], sort: "key" }, numbered("1e400", "-1E+999", "3"));
  assert.deepEqual(read.rows.map(({ cells: [{ text, number }] }) => [text, number]), [["1e400", undefined], ["-1E+999", undefined], ["3", 3]]);
  const [{ cells: [{ text, type }] }] = read.rows;
  assert.equal(equals("value.n", text, type), null, "no filter can say it");
});

test("a cell of a list or an object shows it with the digits that the record has", () => {
  const values = ['{"n": {"id": 12345678901234567890, "of": [1.0, 1e2, "a  b"]}}', '{"n": [[1E400], -0]}', '{"n": {}}'];
  const { read } = figured("table", { by: "key", columns: ["value.n"], sort: "key" }, values);
  assert.deepEqual(read.rows.map(({ cells: [{ text, type }] }) => [text, type]), [
    ['{"id":12345678901234567890,"of":[1.0,1e2,"a  b"]}', "json"], ["[[1E400],-0]", "json"], ["{}", "json"],
  ]);
});

test("bins hold numbers from one end of what doubles can hold to the other", () => {
  const values = [-1e308, 1e308, Number.MAX_VALUE, -Number.MAX_VALUE, 0, 5e307];
  const histogram = new Histogram();
  for (const value of values) histogram.add(0, value);
  for (const wanted of [2, 20, 100]) {
    const bins = histogram.bins(-Number.MAX_VALUE, Number.MAX_VALUE, wanted);
    assert.ok(bins.length <= wanted);
    for (const [place, { from, to, count }] of bins.entries()) {
      assert.ok(Number.isFinite(from) && Number.isFinite(to) && from < to);
      const isLast = place === bins.length - 1;
      assert.equal(count, values.filter((value) => value >= from && (value < to || (isLast && value === to))).length);
    }
    assert.equal(bins.reduce((sum, { count }) => sum + count, 0), values.length);
  }
});

test("whole numbers are added as they are written, also where a double stands for them", () => {
  const sum = (...numbers) => figured("number", { figure: "sum", field: "value.n" }, numbered(...numbers)).read.value;
  assert.equal(sum("1234567890123456800"), "1234567890123456800");
  assert.equal(sum("1234567890123456800", "-1"), "1234567890123456799");
  assert.equal(sum("1152921504606846976", "1e22", "-9007199254740993"), String(1152921504606846976n + 10n ** 22n - 9007199254740993n));
  assert.equal(sum("-1234567890123456800", "1234567890123456800", "0.5"), "0.5");
});

test("sums go over the end of what doubles hold and come back, a mean is there all the same", () => {
  const read = (figure, ...values) => figured("number", { figure, field: "value.n" }, numbered(...values)).read.value;
  assert.equal(read("sum", "1e308", "1e308", "0.5", "-1e308", "-1e308"), "0.5");
  assert.equal(read("sum", "1.5", "1.2e308", "-1.2e308"), "1.5");
  assert.equal(read("sum", "1e308", "1e308", "0.5"), "Infinity");
  assert.equal(read("sum", "-1e308", "-1e308", "0.5"), "-Infinity");
  assert.equal(read("mean", "1e308", "1e308", "1e308"), "1e+308");
  assert.equal(read("mean", "1.7976931348623157e308", "1.7976931348623157e308", "1.7976931348623157e308"), "1.7976931348623157e+308");
  assert.ok(Math.abs(Number(read("mean", "1.7e308", "1.5e308", "0.5")) / 1.0666666666666667e308 - 1) < 1e-15);
  assert.deepEqual(["Infinity", "-Infinity"].map(figureText), ["> 1.79e+308", "< −1.79e+308"]);
  const chart = figured("chart", { y: "value.n", aggregate: "sum", form: "line" }, numbered("1e308", "1e308", "0.5"));
  assert.ok(chart.read.lines[0].values.every((value) => value === null), "nothing can draw it");
});

test("in a window that stands still too many different values are counted about, and said so", () => {
  for (const window of [AROUND, { since: "opened" }, { last_seconds: 60 }]) {
    const inWindow = new Window(window, NOW);
    const figures = figuresOf(tile("number", { figure: "distinct", field: "key" }), window);
    inWindow.tell(figures);
    const different = 101_000;
    for (let n = 0; n < different; n += 1) inWindow.arrived(at(n, NOW, { key: `key ${n}` }), NOW);
    const { value, isAbout } = figures.read(inWindow, NOW, {});
    assert.ok(isAbout && Math.abs(Number(value) / different - 1) < 0.06, `${JSON.stringify(window)}: ${value}`);
  }
});

test("a record that waited until the window had passed it is too late, and never in it", () => {
  const window = new Window({ last_seconds: 10 }, NOW);
  window.begin({ 0: 0 }, { 0: 1 });
  window.arrived(at(0, NOW + 5_000), NOW); // was in Kafka before: only fills the window
  window.arrived(at(1, NOW + 6_000), NOW);
  window.arrived(at(2, NOW + 55_000), NOW);
  window.tick(NOW + 60_000);
  assert.deepEqual([window.records, window.late, window.ranges], [1, 1, [{ partition: 0, from: 2, to: 3 }]]);
  window.tick(NOW + 80_000);
  assert.deepEqual([window.records, window.ranges], [0, []]);
});

test("a second that is under way counts for no rate, however often the window is moved", () => {
  const window = new Window({ since: "opened" }, NOW);
  window.arrived(at(0, NOW), NOW);
  window.tick(NOW + 600);
  window.arrived(at(1, NOW + 700), NOW + 700);
  window.tick(NOW + 800);
  assert.equal(window.complete().records, 1);
  window.tick(NOW + 1_600);
  assert.equal(window.complete().records, 2);
});

test("behind a window that stands still records are outside, and ahead only of the server's clock", () => {
  const window = new Window({ from: NOW - 10_000, to: NOW }, NOW);
  window.arrived(at(0, NOW - 5_000), NOW);
  window.arrived(at(1, NOW + 1_000), NOW + 1_000);
  window.arrived(at(2, NOW + 60_000), NOW + 1_000);
  assert.deepEqual([window.records, window.late, window.ahead], [1, 0, 0]);
  window.arrived(at(3, NOW + 61_000), NOW + 1_000); // a clock that is wrong
  assert.deepEqual([window.records, window.late, window.ahead], [1, 0, 1]);
});

test("a gap behind a window that stands still is not in it; one that may reach into it is", () => {
  const window = new Window({ from: NOW - 10_000, to: NOW }, NOW);
  window.arrived(at(0, NOW - 5_000), NOW);
  window.arrived(at(1, NOW + 600_000), NOW); // a clock that is wrong says nothing of what follows
  window.missed({ partition: 0, from: 2, to: 4, reason: "slow" });
  assert.deepEqual(window.missing, { offsets: 2, ranges: 1 });
  window.arrived(at(4, NOW + 1_000), NOW + 1_000);
  window.missed({ partition: 0, from: 5, to: 9, reason: "slow" });
  assert.deepEqual(window.missing, { offsets: 2, ranges: 1 });
  window.missed({ partition: 1, from: 0, to: 3, reason: "slow" }); // nobody knows when that was
  assert.deepEqual(window.missing, { offsets: 5, ranges: 2 });
  window.arrived(at(9, NOW + 2_000), NOW + 2_000);
  assert.deepEqual(window.ranges, [{ partition: 0, from: 0, to: 1 }]);
});

test("a gap before a record of a wrong clock ended by now", () => {
  const window = new Window({ last_seconds: 60 }, NOW);
  window.begin({ 0: 0 });
  window.missed({ partition: 0, from: 0, to: 5, reason: "slow" });
  window.arrived(at(5, NOW + 86_400_000), NOW);
  assert.ok(window.isTouched(NOW - 1_000, NOW) && !window.isTouched(NOW + 1_000, NOW + 2_000));
  window.tick(NOW + 61_000);
  assert.deepEqual(window.missing, { offsets: 0, ranges: 0 });
});

test("rows of a table are told apart by value, and stand in its order: numbers by size, then texts", () => {
  const values = ["10", '"1"', "9", "1", '"10"', '"9"'].map((id) => `{"id":${id}}`);
  const rows = (sort) => figured("table", { by: "value.id", columns: [], sort }, values).read.rows;
  const written = [["1", "number"], ["9", "number"], ["10", "number"], ["1", "text"], ["10", "text"], ["9", "text"]];
  assert.deepEqual(rows("key").map(({ id, type }) => [id, type]), written);
  assert.deepEqual(rows("-value.id").map(({ id, type }) => [id, type]), written.toReversed());
  assert.equal(new Set(rows("key").map(({ tag }) => tag)).size, 6);
  assert.deepEqual(structuredClone(rows("key")), rows("key"), "as they are sent to the page");
});

test("a column of numbers stays in their order, whatever else stands in it", () => {
  const values = numbered("10", "1e400", "9", "null", '"a"', "100", '"1"', "2");
  const sorted = (sort) => figured("table", { by: "key", columns: ["value.n"], sort }, values).read.rows.map(({ cells: [{ text }] }) => text);
  assert.deepEqual(sorted("value.n"), ["", "2", "9", "10", "100", "1", "1e400", "a"]);
  assert.deepEqual(sorted("-value.n"), ["a", "1e400", "1", "100", "10", "9", "2", ""]);
});

test("long texts with one beginning are told apart in a top list, and none is narrowed to", () => {
  const long = "x".repeat(400);
  const { read } = figured("top", { field: "value.n", limit: 5 }, numbered(`"${long}a"`, `"${long}b"`, `"${long}b"`));
  assert.deepEqual(read.rows.map(({ key, count }) => [key.length, count]), [[300, 2], [300, 1]]);
  assert.equal(new Set(read.rows.map(({ tag }) => tag)).size, 2);
  const [{ key, type }] = read.rows;
  assert.equal(equals("value.n", key, type), null);
  assert.equal(equals("value.n", "x".repeat(299), "text"), `value.n == "${"x".repeat(299)}"`);
});

test("series of a chart are told apart by value, also where they are written in one way", () => {
  const long = "x".repeat(400);
  const window = { last_seconds: 60 };
  const inWindow = new Window(window, NOW);
  const figures = figuresOf(tile("chart", { y: "count", aggregate: "count", split: "value.n", form: "line" }), window);
  inWindow.tell(figures);
  const kinds = ["1", '"1"', '"1"', `"${long}a"`, `"${long}b"`, "null", "1e400"];
  for (const [offset, json] of numbered(...kinds).entries()) inWindow.arrived(at(offset, NOW, { json }), NOW);
  const lines = () => figures.read(inWindow, NOW, {}).lines.map(({ name, count }) => [name.slice(0, 3), count]);
  assert.deepEqual(lines(), [["", 2], ["1", 2], ["1", 1], ["xxx", 1], ["xxx", 1]]);
  inWindow.tick(NOW + 61_000);
  assert.deepEqual(lines(), []);
});

test("points of a chart and of a map go by their value's colour, also where two are written in one way", () => {
  const values = ['{"n": 1, "kind": 1}', '{"n": 2, "kind": "1"}', '{"n": 3}', `{"n": 4, "kind": "${"x".repeat(5_000)}"}`];
  const chart = figured("chart", { y: "value.n", aggregate: "none", split: "value.kind", form: "points" }, values);
  const map = figured("map", { latitude: "value.n", longitude: "value.n", colour: "value.kind" }, values);
  for (const { read } of [chart, map]) {
    assert.deepEqual(read.points.map(({ name, hue }) => [name.length, hue.slice(0, 3), hue.length]), [[1, "n1", 2], [1, "t1", 2], [0, "", 0], [300, "txx", 300]]);
  }
});

test("tombstones push no key with a row out of a table", () => {
  const latest = new Latest(2);
  const add = (key, second, offset, row = { offset }) => latest.add(key, { second, time: second * 1_000, partition: 0, offset, row });
  const rows = () => latest.rows().map(({ offset }) => offset);
  add("a", 1, 0);
  add("b", 1, 1);
  for (const [place, key] of ["x", "y", "z"].entries()) add(key, 2, 2 + place, null);
  assert.deepEqual([rows(), latest.count, latest.leftOut], [[0, 1], 2, 0]);
  add("a", 2, 5, null);
  add("c", 3, 6);
  assert.deepEqual([rows(), latest.count, latest.leftOut], [[1, 6], 2, 0]);
  add("d", 3, 7); // b changed longest ago
  assert.deepEqual([rows(), latest.count, latest.leftOut], [[6, 7], 2, 1]);
  add("b", 4, 8); // it is there again, and c has to go
  latest.expire(1);
  assert.deepEqual([rows(), latest.count, latest.leftOut], [[7, 8], 2, 2]);
  latest.expire(3);
  latest.expire(4);
  assert.deepEqual([rows(), latest.count], [[], 0]);
});

test("a row comes back when the tombstone that hid it has left the window, and the bound holds", () => {
  const latest = new Latest(2);
  const add = (key, second, offset, row = { offset }) => latest.add(key, { second, time: second * 1_000, partition: 0, offset, row });
  add("a", 9, 0);
  add("a", 1, 1, null); // its clock is behind
  add("b", 9, 2);
  add("c", 9, 3);
  latest.expire(1);
  assert.deepEqual([latest.rows().map(({ offset }) => offset), latest.count, latest.leftOut], [[3, 0], 2, 1]);
});

/** The counts of a chart of one record a second, and what plain arithmetic says of them. */
function charted(bucket_seconds, window, seconds) {
  const inWindow = new Window(window, NOW);
  const figures = figuresOf(tile("chart", { y: "count", aggregate: "count", split: null, form: "line", bucket_seconds }), window);
  inWindow.tell(figures);
  const times = Array.from({ length: seconds }, (_, second) => NOW + second * 1_000);
  for (const [offset, time] of times.entries()) inWindow.arrived(at(offset, time), time);
  const { starts, width, isWidened, lines: [{ values }] } = figures.read(inWindow, times.at(-1), {});
  const expected = starts.map((start) => times.filter((time) => Math.floor(time / 1_000 / width) * width === start).length);
  assert.ok(starts.every((start) => start % width === 0), "aligned to the clock");
  assert.deepEqual(values, expected);
  assert.equal(values.reduce((sum, count) => sum + count, 0), seconds);
  return { width, isWidened, buckets: starts.length };
}

test("a chart keeps the width that it was asked for while its buckets are not too many, then doubles it", () => {
  const between = (seconds) => ({ from: NOW, to: NOW + seconds * 1_000 });
  assert.deepEqual(charted(7, between(4_200), 4_200), { width: 7, isWidened: false, buckets: 601 });
  assert.deepEqual(charted(1, { since: "opened" }, 1_400), { width: 1, isWidened: false, buckets: 1_401 });
  const { width, isWidened } = charted(1, { since: "opened" }, 3_100);
  assert.deepEqual([width, isWidened], [4, true]);
  assert.equal(charted(7, between(4_200 * 4), 500).width, 14);
});

test("a chart of a long window has no more buckets than can be drawn, whatever was asked for", () => {
  const week = { last_seconds: 604_800 };
  const read = (bucket_seconds, window) => figured("chart", { y: "count", aggregate: "count", split: null, form: "line", bucket_seconds }, ["{}"], window).read;
  for (const [asked, width] of [[1, 512], [7, 448], [3_600, 3_600]]) {
    const { starts, width: got, isWidened } = read(asked, week);
    assert.deepEqual([got, isWidened], [width, width !== asked]);
    assert.ok(starts.length <= 1_500, String(starts.length));
  }
  assert.equal(read(null, week).isWidened, false);
});

test("a chart that was opened long ago and has few records has no more buckets for it", () => {
  const window = new Window({ since: "opened" }, NOW);
  const figures = figuresOf(tile("chart", { y: "count", aggregate: "count", split: null, form: "line", bucket_seconds: null }), { since: "opened" });
  window.tell(figures);
  window.arrived(at(0, NOW), NOW);
  const { starts, isWidened } = figures.read(window, NOW + 30 * 86_400_000, {});
  assert.ok(starts.length <= 1_500, String(starts.length));
  assert.equal(isWidened, false, "nobody asked for a width");
});

test("percentiles of joined buckets are exact", () => {
  const series = new Series("p50", { width: 1, isCoarse: true });
  const values = Array.from({ length: 800 }, (_, n) => ((n * 7_919) % 1_000) ** 2);
  for (const [n, value] of values.entries()) series.add(Math.floor(n / 2), "", value);
  const { starts, lines, isAbout } = series.read(0, 400);
  assert.ok(series.width > 1 && !isAbout);
  for (const [place, start] of starts.entries()) {
    const sorted = values.slice(2 * start, 2 * (start + series.width)).sort((a, b) => a - b);
    assert.equal(lines[0].values[place], sorted[Math.ceil(sorted.length / 2) - 1]);
  }
});

test("a chart says that its percentiles are about, as long as one that it shows is", () => {
  const series = new Series("p95", { width: 1 });
  for (let n = 0; n < 100_050; n += 1) series.add(0, "", n);
  for (let n = 0; n < 200; n += 1) series.add(1, "", n);
  for (let n = 0; n < 5; n += 1) series.add(2, "", n);
  assert.equal(series.read(0, 3).isAbout, true);
  series.expire(0); // few values are left, and the second one was summed up
  assert.equal(series.read(0, 3).isAbout, true);
  series.expire(1);
  assert.equal(series.read(0, 3).isAbout, false);
});

test("a tile's footer says how what is drawn differs from what was asked for", () => {
  assert.deepEqual(drawnWords("chart", { isWidened: true, isAbout: true, width: 120 }), ["in buckets of 2 min, the asked ones would be too many", "percentiles ≈"]);
  assert.deepEqual(drawnWords("chart", { isWidened: false, isAbout: false, width: 7 }), []);
  assert.deepEqual(drawnWords("map", { leftOut: 3, points: [1, 2] }), ["the newest 2 drawn"]);
  assert.deepEqual([drawnWords("chart", null), drawnWords("number", { isAbout: true })], [[], []]);
});
