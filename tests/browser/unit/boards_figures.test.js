// The figures of a board against a plain computation over the same offsets: random records, times out of order, gaps,
// tombstones, windows that move.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Source } from "../../../streams/static/streams/live/json.js";
import { Distinct } from "../../../streams/static/streams/boards/figures/distinct.js";
import { Histogram } from "../../../streams/static/streams/boards/figures/histogram.js";
import { figuresOf, prepare } from "../../../streams/static/streams/boards/figures/kinds.js";
import { Latest } from "../../../streams/static/streams/boards/figures/latest.js";
import { numberOf } from "../../../streams/static/streams/boards/figures/numbers.js";
import { Offsets } from "../../../streams/static/streams/boards/figures/offsets.js";
import { Fields } from "../../../streams/static/streams/boards/figures/paths.js";
import { Points } from "../../../streams/static/streams/boards/figures/points.js";
import { Quantiles } from "../../../streams/static/streams/boards/figures/quantiles.js";
import { Summary } from "../../../streams/static/streams/boards/figures/summary.js";
import { Tally } from "../../../streams/static/streams/boards/figures/tally.js";
import { Window } from "../../../streams/static/streams/boards/figures/window.js";

await prepare(["number", "top", "distribution", "table", "stream", "chart", "map"]);

/** mulberry32: the same numbers every time. */
const random = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const NOW = 1_700_000_000_400;
const tile = (kind, options) => ({ id: kind, kind, title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options });
const NUMBERS = ["count", "rate", "sum", "mean", "min", "max", "p50", "p95", "distinct"];
const TILES = [
  ...NUMBERS.map((figure) => tile("number", { figure, field: "value.n" })),
  tile("top", { field: "value.kind", limit: 5 }),
  tile("distribution", { field: "value.n", bins: 12 }),
  tile("table", { by: "key", columns: ["value.n", "offset"], sort: "key" }),
  tile("stream", { columns: ["offset"], order: "newest" }),
  tile("chart", { y: "value.n", aggregate: "sum", split: "value.kind", form: "line", bucket_seconds: 5 }),
  tile("map", { latitude: "value.lat", longitude: "value.lon" }),
];

/** A topic of three partitions whose records come in at NOW and later. */
function topicOf(next) {
  const positions = [0, 0, 0];
  return (now) => {
    const partition = Math.floor(next() * 3);
    positions[partition] += next() < 0.1 ? 3 : 1; // Kafka's offsets have holes
    const offset = positions[partition] - 1;
    const late = next() < 0.1 ? Math.floor(next() * 40_000) : Math.floor(next() * 1_500);
    const timestamp = next() < 0.02 ? null : now - late + (next() < 0.05 ? 2_500 : 0);
    const key = `k${partition}-${Math.floor(next() * 6)}`;
    const n = next() < 0.1 ? undefined : next() < 0.1 ? "12" : next() < 0.05 ? "12345678901234567891" : Math.round((next() - 0.3) * 5000) / 100;
    const kind = next() < 0.05 ? null : ["a", "b", "c", "d", 1, "1", true, "ü"][Math.floor(next() * 8)];
    const members = [`"kind":${JSON.stringify(kind)}`, `"lat":${(next() * 100).toFixed(3)}`, `"lon":${(next() * 200).toFixed(3)}`];
    if (n !== undefined) members.push(`"n":${n === "12" ? '"12"' : n}`);
    const isTombstone = next() < 0.08;
    const json = `{${members.join(",")}}`;
    return new Fields("t", partition, {
      offset, timestamp, key, headers: {}, size: json.length, encoding: isTombstone ? "none" : "json", value: isTombstone ? null : new Source(json),
    });
  };
}

/** What the basis names, out of everything that was produced. */
const named = (all, ranges) =>
  all.filter(({ partition, record }) => ranges.some((r) => r.partition === partition && record.offset >= r.from && record.offset < r.to));

const numbersIn = (records) => records.flatMap(({ record }) => {
  const match = /"n":([^"}][^,}]*)/.exec(record.value?.text ?? "");
  return match ? [match[1]] : [];
});

const naive = {
  number(records, { figure }) {
    const texts = numbersIn(records);
    const doubles = texts.map(Number).sort((a, b) => a - b);
    const sum = doubles.reduce((total, each) => total + each, 0);
    const rank = (percent) => doubles[Math.max(1, Math.ceil((percent * doubles.length) / 100)) - 1];
    switch (figure) {
      case "count": return records.length;
      case "sum": return sum;
      case "mean": return sum / doubles.length;
      case "min": return doubles[0];
      case "max": return doubles.at(-1);
      case "p50": return rank(50);
      case "p95": return rank(95);
      case "distinct": return new Set(texts.map((text) => (text.length > 15 ? text : Number(text)))).size + Number(records.some(({ record }) => record.value?.text.includes('"n":"12"')));
    }
  },
  top(records) {
    const counts = new Map();
    for (const { record } of records) {
      const kind = record.value === null ? null : JSON.parse(record.value.text).kind;
      if (kind !== null) counts.set(JSON.stringify(kind), (counts.get(JSON.stringify(kind)) ?? 0) + 1);
    }
    const order = ["1", '"1"', '"a"', '"b"', '"c"', '"d"', '"ü"', "true"];
    return [...counts].sort(([a, one], [b, other]) => other - one || order.indexOf(a) - order.indexOf(b)).slice(0, 5).map(([tag, count]) => [String(JSON.parse(tag)), count]);
  },
  table(records) {
    const latest = new Map();
    for (const each of records) {
      const there = latest.get(each.record.key);
      if (!there || there.record.offset < each.record.offset) latest.set(each.record.key, each);
    }
    return [...latest].filter(([, { record }]) => record.value !== null).map(([key, { record }]) => [key, record.offset]).sort(([a], [b]) => (a < b ? -1 : 1));
  },
};

const close = (a, b) => Math.abs(a - b) <= 1e-11 * Math.max(1, Math.abs(a), Math.abs(b));

for (const window of [{ last_seconds: 30 }, { since: "opened" }, { from: NOW - 20_000, to: NOW + 15_000 }]) {
  for (const seed of [1, 2, 3]) {
    test(`every figure of ${JSON.stringify(window)} equals a plain computation over the offsets it names (${seed})`, () => {
      const next = random(seed);
      const make = topicOf(next);
      const inWindow = new Window(window, NOW);
      inWindow.begin({ 0: 0, 1: 0, 2: 0 });
      const figures = TILES.map((each) => [each, figuresOf(each, window)]);
      for (const [, each] of figures) inWindow.tell(each);
      const all = [];
      for (let step = 0, now = NOW; step < 3_000; step += 1, now += 37) {
        const fields = make(now);
        if (next() < 0.01) { // a gap takes this one
          inWindow.missed({ partition: fields.partition, from: fields.record.offset, to: fields.record.offset + 1, reason: "slow" });
          continue;
        }
        all.push(fields);
        inWindow.arrived(fields, now);
        if (step % 27 === 0) inWindow.tick(now);
        if (step % 500 !== 499) continue;
        const records = named(all, inWindow.ranges);
        assert.equal(records.length, inWindow.records);
        const { from, to } = inWindow.bounds;
        for (const { record } of records) {
          if (record.timestamp !== null) assert.ok(record.timestamp >= from && record.timestamp < to);
        }
        compare(figures, records, inWindow, now);
      }
      assert.ok(all.length > 2_900);
    });
  }
}

function compare(figures, records, inWindow, now) {
  const used = numbersIn(records).length;
  for (const [{ kind, options }, each] of figures) {
    const read = each.read(inWindow, now, { rows: 10_000 });
    const what = `${kind} ${options.figure ?? ""}`;
    if (kind === "number" && options.figure !== "rate") {
      const { value, isAbout } = read;
      const expected = naive.number(records, options);
      assert.ok(close(Number(value), expected), `${what}: ${value} is not ${expected}`);
      assert.equal(isAbout, false);
      if (options.figure === "count") assert.equal(each.counted.used, records.length);
      else if (options.figure !== "distinct") assert.deepEqual([each.counted.used, each.counted.withoutValue], [used, records.length - used], what);
    }
    if (kind === "top") assert.deepEqual(read.rows.map(({ key, count }) => [key, count]), naive.top(records));
    if (kind === "table") assert.deepEqual(read.rows.map(({ key, offset }) => [key, offset]), naive.table(records));
    if (kind === "distribution") checkBins(read.bins, numbersIn(records).map(Number));
    if (kind === "chart") {
      const sum = read.lines.reduce((total, { count }) => total + count, 0);
      assert.equal(sum + read.outside, used, "the lines of a chart have every record once");
    }
    if (kind === "stream") {
      const newest = records.slice(-read.rows.length).map(({ record }) => record.offset);
      if (!("last_seconds" in (options.window ?? {}))) assert.equal(read.rows.length, Math.min(500, records.length));
      assert.ok(newest.length > 0);
    }
    if (kind === "map") {
      const places = records.filter(({ record }) => record.value !== null).filter(({ record }) => {
        const { lat, lon } = JSON.parse(record.value.text);
        return lat <= 90 && lon <= 180;
      });
      assert.equal(read.points.length + read.leftOut, places.length);
    }
  }
}

function checkBins(bins, values) {
  assert.ok(bins.length <= 12 && bins.length > 0);
  const widths = bins.map(({ from, to }) => to - from);
  assert.ok(widths.every((width) => close(width, widths[0])));
  for (const [place, { from, to, count }] of bins.entries()) {
    const isLast = place === bins.length - 1;
    const expected = values.filter((value) => value >= from && (value < to || (isLast && value <= to))).length;
    assert.equal(count, expected, `[${from}, ${to}`);
    if (place > 0) assert.equal(from, bins[place - 1].to);
  }
  assert.equal(bins.reduce((sum, { count }) => sum + count, 0), values.length);
}

test("a window of the last seconds drops what it has passed, and counts what comes too late", () => {
  const window = new Window({ last_seconds: 10 }, NOW);
  const at = (offset, timestamp) => new Fields("t", 0, { offset, timestamp, key: null, headers: {}, size: 0, encoding: "json", value: new Source("1") });
  window.arrived(at(0, NOW - 9_000), NOW);
  window.arrived(at(1, NOW - 10_500), NOW); // before it
  window.arrived(at(2, NOW), NOW);
  window.arrived(at(3, NOW + 5_000), NOW); // not yet
  window.arrived(at(4, NOW + 600_000), NOW); // a clock that is wrong
  assert.deepEqual([window.records, window.late, window.ahead], [2, 1, 1]);
  assert.deepEqual(window.ranges, [{ partition: 0, from: 0, to: 1 }, { partition: 0, from: 2, to: 3 }]);
  window.tick(NOW + 1_000);
  assert.equal(window.records, 1);
  window.tick(NOW + 5_000);
  assert.equal(window.records, 2);
  assert.deepEqual(window.ranges, [{ partition: 0, from: 2, to: 4 }]);
  window.tick(NOW + 60_000);
  assert.deepEqual([window.records, window.ranges], [0, []]);
});

test("what was in Kafka before a stream began fills the window, and is not late where it lies before it", () => {
  const window = new Window({ last_seconds: 10 }, NOW);
  window.begin({ 0: 5 }, { 0: 7 });
  for (const [offset, ago] of [[5, 20_000], [6, 1_000], [7, 20_000]]) {
    window.arrived(new Fields("t", 0, { offset, timestamp: NOW - ago, key: null, headers: {}, size: 0, encoding: "json", value: new Source("1") }), NOW);
  }
  assert.deepEqual([window.records, window.late], [1, 1]);
});

test("a window that slept longer than it is long comes back empty", () => {
  const window = new Window({ last_seconds: 3_600 }, NOW);
  window.arrived(new Fields("t", 0, { offset: 0, timestamp: NOW, key: null, headers: {}, size: 0, encoding: "json", value: new Source("1") }), NOW);
  window.tick(NOW + 10 * 3_600_000);
  assert.equal(window.records, 0);
});

test("the rate counts complete seconds only", () => {
  const window = new Window({ last_seconds: 10 }, NOW);
  const rate = figuresOf(tile("number", { figure: "rate", field: null }), { last_seconds: 10 });
  window.tell(rate);
  let offset = 0;
  for (let ms = NOW - 8_000; ms <= NOW; ms += 100) {
    window.arrived(new Fields("t", 0, { offset: (offset += 1), timestamp: ms, key: null, headers: {}, size: 0, encoding: "json", value: new Source("1") }), NOW);
  }
  // From …392.4 to …400.0 there are 76, of 9 seconds that are over; five more stand in the second that runs.
  assert.equal(Number(rate.read(window, NOW, {}).value), 76 / 9);
});

test("a gap touches the time between the records around it, and leaves with the window", () => {
  const window = new Window({ last_seconds: 60 }, NOW);
  const at = (offset, timestamp) => new Fields("t", 0, { offset, timestamp, key: null, headers: {}, size: 0, encoding: "json", value: new Source("1") });
  window.begin({ 0: 5 });
  window.arrived(at(5, NOW - 30_000), NOW);
  window.missed({ partition: 0, from: 6, to: 16, reason: "slow" });
  assert.ok(window.isTouched(NOW, NOW + 1_000), "it is not known when it ends");
  window.arrived(at(16, NOW - 20_000), NOW);
  assert.deepEqual(window.missing, { offsets: 10, ranges: 1 });
  assert.ok(window.isTouched(NOW - 25_000, NOW - 24_000));
  assert.ok(!window.isTouched(NOW - 40_000, NOW - 31_000) && !window.isTouched(NOW - 19_000, NOW));
  assert.deepEqual(window.ranges, [{ partition: 0, from: 5, to: 6 }, { partition: 0, from: 16, to: 17 }]);
  const [gap] = window.gaps;
  window.loaded(at(8, NOW - 25_000), 6, NOW);
  window.narrow(gap, 16);
  assert.deepEqual([window.records, window.missing.offsets], [3, 0]);
  assert.deepEqual(window.ranges, [{ partition: 0, from: 5, to: 9 }, { partition: 0, from: 16, to: 17 }]);
  window.missed({ partition: 0, from: 17, to: 18, reason: "slow" });
  window.arrived(at(18, NOW), NOW);
  window.tick(NOW + 61_000);
  assert.deepEqual(window.missing, { offsets: 0, ranges: 0 });
});

test("whole numbers are added exactly, others with what rounding lost", () => {
  const whole = new Summary();
  for (const text of ["9223372036854775807", "-1", "9007199254740993", "1"]) whole.add(numberOf(text));
  assert.equal(whole.sum, 9223372036854775807n + 9007199254740993n);
  const parts = new Summary();
  for (const value of [1e16, 1, -1e16, 0.1, 0.2]) parts.add(value);
  assert.ok(close(Number(parts.sum), 1.3));
  const many = new Summary();
  for (let n = 0; n < 100_000; n += 1) many.add(0.1);
  assert.ok(Math.abs(Number(many.sum) - 10_000) < 1e-8);
  const merged = new Summary();
  merged.merge(whole);
  merged.merge(parts);
  assert.equal(merged.count, 9);
  assert.equal(typeof merged.sum, "number");
});

test("percentiles beyond their bound are close, and say so, until few enough are left", () => {
  const next = random(9);
  const quantiles = new Quantiles(5_000);
  const values = [];
  for (let n = 0; n < 40_000; n += 1) {
    const value = next() ** 3 * 1_000;
    values.push([Math.floor(n / 400), value]);
    quantiles.add(Math.floor(n / 400), value);
  }
  const exact = (from, percent) => {
    const sorted = values.filter(([second]) => second >= from).map(([, value]) => value).sort((a, b) => a - b);
    return sorted[Math.ceil((percent * sorted.length) / 100) - 1];
  };
  for (let second = 0; second < 5; second += 1) quantiles.expire(second);
  for (const percent of [50, 95]) {
    const { value, isAbout } = quantiles.at(percent);
    assert.ok(isAbout);
    assert.ok(Math.abs(value / exact(5, percent) - 1) < 0.03, `${percent}: ${value} ${exact(5, percent)}`);
  }
  for (let second = 5; second < 100; second += 1) quantiles.expire(second);
  quantiles.add(200, 7);
  assert.deepEqual(quantiles.at(50), { value: 7, isAbout: false });
});

test("distinct values beyond their bound are close, and exact again when the window has few", () => {
  const distinct = new Distinct(2_000);
  for (let n = 0; n < 50_000; n += 1) distinct.add(Math.floor(n / 500), `v${n % 20_000}`);
  const { value, isAbout } = distinct.read(0);
  assert.ok(isAbout && Math.abs(value / 20_000 - 1) < 0.05, String(value));
  for (let second = 0; second < 200; second += 1) distinct.expire(second);
  for (let n = 0; n < 30; n += 1) distinct.add(200, n);
  assert.deepEqual(distinct.read(200), { value: 30, isAbout: false });
});

test("a value that is counted has none of its records among the others", () => {
  const tally = new Tally(2);
  for (const value of ["a", "b", "c", "a", "c"]) tally.add(1, value);
  assert.deepEqual([...tally.values()].map(({ value, count }) => [value, count]), [["a", 2], ["b", 1]]);
  assert.equal(tally.others, 2);
  tally.add(2, "c");
  tally.expire(1); // there is room again, and one of c is among the others
  tally.add(2, "c");
  tally.add(2, "d");
  assert.deepEqual([...tally.values()].map(({ value, count }) => [value, count]), [["d", 1]]);
  assert.equal(tally.others, 2);
  tally.expire(2);
  tally.add(3, "c");
  assert.deepEqual([[...tally.values()].length, tally.others], [1, 0]);
});

test("bins have round edges, the last one closed, whatever the numbers are", () => {
  const binned = (values, wanted) => {
    const histogram = new Histogram();
    for (const value of values) histogram.add(0, value);
    return histogram.bins(Math.min(...values), Math.max(...values), wanted);
  };
  assert.deepEqual(binned([0, 0.1, 0.3, 0.7, 1], 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ from: n / 10, to: (n + 1) / 10, count: { 0: 1, 1: 1, 3: 1, 7: 1, 9: 1 }[n] ?? 0 })));
  assert.deepEqual(binned([5], 10).map(({ count }) => count), [1]);
  assert.deepEqual(binned([0, 0], 10).map(({ count }) => count), [2]);
  const next = random(4);
  for (const scale of [1e-6, 1, 1e3, 1e12, 1e200]) {
    const values = Array.from({ length: 300 }, () => (next() - 0.5) * scale);
    const bins = binned(values, 12);
    if (scale >= 1) checkBins(bins, values);
    else assert.equal(bins.reduce((sum, { count }) => sum + count, 0), 300);
  }
  // 16.9 × 10^9 is less than 16,900,000,000 as a double; it belongs to the bin that begins with it all the same.
  checkBins(binned([16, 16.9, 17.5, 32.3, 66.6, 128.2, 131.7].flatMap((value) => [value, value / 10]), 12), [16, 16.9, 17.5, 32.3, 66.6, 128.2, 131.7].flatMap((value) => [value, value / 10]));
  assert.deepEqual(binned([16, 16.9, 17.2], 12).find(({ from }) => from === 16.9)?.count, 1);
  const many = new Histogram(100);
  const values = Array.from({ length: 5_000 }, () => next() * 100);
  for (const value of values) many.add(0, value);
  checkBins(many.bins(Math.min(...values), Math.max(...values), 10), values);
});

test("the latest of a key is the one with the highest offset that is still in the window", () => {
  const latest = new Latest(2);
  const add = (key, second, offset, row = { offset }) => latest.add(key, { second, time: second * 1000, partition: 0, offset, row });
  const offsets = () => latest.rows().map(({ offset }) => offset);
  add("a", 5, 1);
  add("a", 3, 2); // later by offset, earlier by its clock
  assert.deepEqual(offsets(), [2]);
  latest.expire(3);
  assert.deepEqual(offsets(), [1]);
  add("a", 6, 3, null);
  assert.deepEqual([offsets(), latest.count], [[], 0]);
  latest.expire(5);
  latest.expire(6);
  add("a", 7, 4);
  add("b", 7, 5);
  add("a", 7, 6);
  add("c", 7, 7); // b changed longest ago
  assert.deepEqual([offsets(), latest.leftOut, latest.count], [[6, 7], 1, 2]);
});

test("runs of offsets join across seconds", () => {
  const offsets = new Offsets();
  offsets.add(1, 0, 0, 2);
  offsets.add(2, 0, 2, 3);
  offsets.add(1, 0, 3, 5);
  offsets.add(1, 1, 9, 10);
  assert.deepEqual(offsets.ranges(), [{ partition: 0, from: 0, to: 5 }, { partition: 1, from: 9, to: 10 }]);
  offsets.expire(2);
  assert.deepEqual(offsets.ranges(), [{ partition: 0, from: 0, to: 2 }, { partition: 0, from: 3, to: 5 }, { partition: 1, from: 9, to: 10 }]);
});

test("of too many points the newest stay, and the others are counted while they are in the window", () => {
  const points = new Points(3);
  for (const [second, name] of [[1, "a"], [1, "b"], [2, "c"], [1, "late"], [3, "d"]]) points.add(second, name);
  assert.deepEqual([points.all(), points.leftOut], [["c", "late", "d"], 2]);
  points.expire(1);
  assert.deepEqual([points.all(), points.leftOut], [["c", "d"], 0]);
  points.expire(2);
  assert.deepEqual(points.all(), ["d"]);
});
