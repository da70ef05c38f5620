import assert from "node:assert/strict";
import { test } from "node:test";

import { Meter } from "../../../streams/static/streams/board/meter.js";

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
