import assert from "node:assert/strict";
import { test } from "node:test";

import { Meter } from "../../../streams/static/streams/live/meter.js";

const T = 1_800_000_000_000;

test("the rate is the mean of the last five whole seconds", () => {
  const meter = new Meter();
  meter.begin(T - 60_000);
  for (let n = 0; n < 50; n += 1) meter.arrived(T - 5_000 + n * 100, T);
  assert.equal(meter.rate(T), 10);
  assert.equal(meter.series(T).length, 300);
});

test("what lay in Kafka before says nothing about lag", () => {
  const meter = new Meter();
  meter.begin(T);
  meter.arrived(T - 3_600_000, T + 10);
  assert.equal(meter.lag(T + 10), null);
  meter.arrived(T + 20, T + 58);
  assert.equal(meter.lag(T + 58), 38);
  assert.equal(meter.lag(T + 60_000), null);
});

test("the lag is the worst of the last seconds, not the newest record's", () => {
  const meter = new Meter();
  meter.begin(T);
  meter.arrived(T + 1_000, T + 4_000);
  meter.arrived(T + 3_990, T + 4_000);
  assert.equal(meter.lag(T + 4_000), 3_000);
  meter.arrived(T + 10_990, T + 11_000);
  assert.equal(meter.lag(T + 11_000), 10);
});

test("what was not measured is blank, and the past that is loaded is no rate of now", () => {
  const meter = new Meter();
  meter.begin(T);
  for (let n = 0; n < 200; n += 1) meter.arrived(T - 500, T + 10);
  const series = meter.series(T + 3_000);
  assert.deepEqual(series.slice(-3), [0, 0, 0]);
  assert.equal(series.at(-4), null);
});

test("what comes after a break stands at its own time", () => {
  const meter = new Meter();
  meter.begin(T - 60_000);
  meter.counted(T / 1_000 - 40, 5);
  meter.away(T - 30_000, T - 10_000);
  meter.arrived(T - 20_000, T - 9_000);
  meter.arrived(T - 9_500, T - 9_000);
  const series = meter.series(T);
  assert.deepEqual([series.at(-20), series.at(-10)], [1, 0]);
});

test("another clock on the server does not change lag", () => {
  const meter = new Meter();
  meter.setClock(T + 90_000, T);
  meter.begin(T);
  meter.arrived(T + 90_100, T + 150);
  assert.equal(meter.lag(T + 150), 50);
});

test("the server's own counts take the place of ours", () => {
  const meter = new Meter();
  meter.begin(T - 60_000);
  meter.arrived(T - 2_000, T);
  meter.counted((T - 2_000) / 1_000, 70);
  meter.arrived(T - 2_000, T);
  assert.deepEqual(meter.series(T).filter(Boolean), [70]);
});

test("what the server counted before stands before what is counted here", () => {
  const meter = new Meter();
  meter.begin(T + 400);
  const second = T / 1_000;
  meter.arrived(T - 1_500, T + 450);
  meter.countedBefore(second - 3, [4, 5, 6]);
  meter.counted(second, 7);
  meter.counted(second + 1, 8);
  assert.deepEqual(meter.series(T + 2_100).slice(-6), [null, 4, 5, 6, 7, 8]);
  meter.begin(T + 10_000);
  meter.countedBefore(second, [1]);
  assert.ok(meter.series(T + 10_900).every((records) => records === null), "with a hole between nothing is claimed");
});

test("a clock that was set is noticed, and a slow answer is none", () => {
  const meter = new Meter();
  meter.setClock(T + 30_000, T); // this browser is slow by 30 s
  meter.setClock(T + 20_000, T + 1_000); // came late
  assert.equal(meter.serverTime(T), T + 30_000);
  meter.setClock(T + 31_990, T + 2_000);
  for (const second of [3, 4, 5]) {
    assert.equal(meter.serverTime(T), T + 30_000);
    meter.setClock(T + second * 1_000, T + second * 1_000); // set right
  }
  assert.equal(meter.serverTime(T), T);
});
