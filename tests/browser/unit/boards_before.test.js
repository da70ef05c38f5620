// What a number was in the window before: the same figure over the records of that time, or nothing where it is not known.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Fields } from "../../../streams/static/streams/boards/figures/paths.js";
import { Quantiles } from "../../../streams/static/streams/boards/figures/quantiles.js";
import { Source } from "../../../streams/static/streams/live/json.js";
import { Window } from "../../../streams/static/streams/boards/figures/window.js";
import { changeText } from "../../../streams/static/streams/boards/tiles/words.js";
import { figuresOf, prepare } from "../../../streams/static/streams/boards/figures/kinds.js";

await prepare(["number", "top", "distribution", "table", "stream", "chart", "map"]);

const NOW = 1_700_000_000_400;
const LENGTH = 20;
const SPAN = { last_seconds: LENGTH };
const FIGURES = ["count", "rate", "sum", "mean", "min", "max", "p50", "p95", "distinct"];
const tile = (figure) => ({ id: figure, kind: "number", title: "", topic: "t", filter: "", x: 0, y: 0, w: 1, h: 1, options: { figure, field: "value.n" } });
const record = (offset, timestamp, n) =>
  new Fields("t", 0, { offset, timestamp, key: null, headers: {}, size: 9, encoding: "json", value: new Source(`{"n":${JSON.stringify(n)}}`) });

/** A window that is known from its beginning on, with all figures of `n`, and what arrived in it. */
function opened(knownFrom = NOW - 10 * LENGTH * 1000) {
  const window = new Window(SPAN, NOW, knownFrom);
  const figures = new Map(FIGURES.map((figure) => [figure, figuresOf(tile(figure), SPAN)]));
  for (const each of figures.values()) window.tell(each);
  const all = [];
  return {
    window, all,
    arrive(now, time, n) {
      window.arrived(record(all.length, time, n), now);
      all.push({ time, n });
    },
    read: (figure, now) => figures.get(figure).read(window, now, {}),
  };
}

/** The same, computed of all records of a time at once. */
function plain(figure, records) {
  const numbers = records.flatMap(({ n }) => (typeof n === "number" ? [n] : [])).sort((a, b) => a - b);
  const sum = numbers.reduce((total, n) => total + n, 0);
  const rank = (percent) => numbers[Math.max(1, Math.ceil((percent * numbers.length) / 100)) - 1];
  return {
    count: records.length, rate: records.length / LENGTH, sum, mean: sum / numbers.length, min: numbers[0], max: numbers.at(-1), p50: rank(50), p95: rank(95),
    distinct: new Set(records.map(({ n }) => JSON.stringify(n))).size,
  }[figure];
}

test("every figure of the window before equals a plain computation over the records of its time", () => {
  let seed = 7;
  const next = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const { window, all, arrive, read } = opened();
  let compared = 0;
  for (let now = NOW; now < NOW + 150_000; now += next() < 0.02 ? 23_000 : 400) {
    window.tick(now);
    for (let left = Math.floor(next() * 5); left > 0; left -= 1) {
      arrive(now, now - Math.floor(next() * (next() < 0.2 ? 45_000 : 900)), next() < 0.1 ? "many" : Math.floor(next() * 200) / 4);
    }
    const { from, to } = window.before;
    assert.deepEqual([to, to - from], [window.bounds.from, LENGTH * 1000]);
    const records = all.filter(({ time }) => time >= from && time < to);
    if (!records.some(({ n }) => typeof n === "number")) continue;
    compared += 1;
    for (const figure of FIGURES) {
      const { before } = read(figure, now);
      assert.ok(Math.abs(Number(before) - plain(figure, records)) <= 1e-9, `${figure}: ${before}, and not ${plain(figure, records)}`);
    }
  }
  assert.ok(compared > 60);
});

test("what grows with time is compared with as much of the window before, so that what stays is no change", () => {
  const { window, arrive, read } = opened();
  for (let now = NOW; now < NOW + 60_000; now += 100) {
    window.tick(now);
    arrive(now, now, 2);
  }
  for (const figure of FIGURES) assert.ok(Math.abs(read(figure, NOW + 59_900).change) < 0.006, figure);
  for (let now = NOW + 60_000; now < NOW + 80_000; now += 50) {
    window.tick(now);
    arrive(now, now, 3);
  }
  const changes = Object.fromEntries(FIGURES.map((figure) => [figure, changeText(read(figure, NOW + 79_950).change)]));
  assert.deepEqual(changes, { count: "▲ 95 %", rate: "▲ 94 %", sum: "▲ 184 %", mean: "▲ 46 %", min: "▲ 50 %", max: "±0 %", p50: "▲ 50 %", p95: "±0 %", distinct: "▼ 50 %" });
  assert.deepEqual([2, 141, -1, 0.004].map(changeText), ["▲ 3 ×", "▲ 142 ×", "▼ 100 %", "±0 %"]);
});

test("a window before that is not known whole says nothing", () => {
  const begun = NOW - 2 * LENGTH * 1000;
  for (const [knownFrom, isKnown] of [[begun, true], [begun + 1_000, false], [undefined, false]]) {
    const { window, read } = opened(knownFrom ?? NOW);
    assert.equal(window.before !== null, isKnown);
    assert.equal(read("count", NOW).before, isKnown ? "0" : null);
    assert.equal(read("count", NOW).change, null, "there is nothing to compare with");
  }
  const { window } = opened();
  window.isFilling = true;
  assert.equal(window.before, null);
  window.isFilling = false;
  window.missed({ partition: 0, from: 0, to: 5, reason: "slow" });
  window.tick(NOW + (2 * LENGTH - 1) * 1000);
  assert.equal(window.before, null);
  window.tick(NOW + 2 * LENGTH * 1000);
  assert.notEqual(window.before, null, "what was missing has left both");
  const [recalled, doubted] = [opened(NOW).window, opened(NOW).window];
  doubted.missed({ partition: 0, from: 0, to: 5, reason: "slow" });
  for (const each of [recalled, doubted]) each.know(begun, NOW);
  assert.deepEqual([recalled.before !== null, doubted.before], [true, null], "what was recalled mends no gap");
  assert.equal(new Window({ from: 1, to: 5_000 }, NOW, 0).before, null);
  assert.equal(new Window({ since: "opened" }, NOW, 0).before, null);
});

test("percentiles that are handed over are exact up to their bound, and about beyond it", () => {
  const [one, other] = [new Quantiles(100), new Quantiles(100)];
  for (let value = 0; value < 300; value += 1) {
    one.add(Math.floor(value / 50), value);
    if (value % 50 !== 49) continue;
    other.put(Math.floor(value / 50), one.expire(Math.floor(value / 50)));
    assert.deepEqual([other.at(50).isAbout, one.at(50)], [value > 100, { value: null, isAbout: false }]);
    assert.ok(Math.abs(other.at(50).value - value / 2) <= 2);
  }
  for (let second = 0; second < 6; second += 1) other.expire(second);
  assert.deepEqual(other.at(50), { value: null, isAbout: false });
});
