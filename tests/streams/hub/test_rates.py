"""How much a topic has at present, as the hub counts it."""

from __future__ import annotations

import pytest

from streams.hub import rates
from streams.hub.rates import KEPT_S, RATE_S, Seconds
from tests.support.readers import part


class Clock:
    now = 1_000.5

    def time(self) -> float:
        return self.now


def test_a_rate_is_of_the_last_complete_seconds_whether_or_not_they_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    seconds = Seconds(lambda *_: None)
    seconds.begin("t")
    for second in range(RATE_S):
        clock.now = 1_000.5 + second
        seconds.count("t", [part(0, second * 5, second * 5 + 5)])
    assert seconds.rate("t") == pytest.approx(5 * (RATE_S - 1) / RATE_S)  # the present one is not over
    clock.now += 1
    seconds.begin("quiet")
    assert (seconds.rate("t"), seconds.busy()) == (5, {"t": 5})
    seconds.tell()
    assert (seconds.rate("t"), seconds.busy()) == (5, {"t": 5})
    clock.now += RATE_S // 2
    assert seconds.rate("t") == pytest.approx(5 * (RATE_S - RATE_S // 2) / RATE_S)
    clock.now += RATE_S
    assert (seconds.rate("t"), seconds.rate("unknown"), seconds.busy()) == (0, 0, {})
    seconds.forget("t")


def test_each_second_lately_is_known_and_none_from_before_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    seconds = Seconds(lambda *_: None)
    seconds.begin("t")
    expected = []
    for second in range(2 * KEPT_S):
        clock.now = 1_000.5 + second
        if second % 7 not in (0, 3):  # some seconds have none
            seconds.count("t", [part(0, 0, second % 5)])
        expected.append(0 if second % 7 in (0, 3) else second % 5)
        if second % 2:
            seconds.tell()
        first, records = seconds.lately("t")
        assert records == expected[:-1][-KEPT_S:]
        assert first + len(records) == 1_000 + second
    clock.now += 3 * KEPT_S
    assert seconds.lately("t") == (int(clock.now) - KEPT_S, [0] * KEPT_S)
    clock.now = 500.5  # set back
    seconds.count("t", [part(0, 0, 4)])
    clock.now += 2
    assert seconds.lately("t") == (502, [])  # not told yet, and what was known is of another time
    seconds.tell()
    assert seconds.lately("t") == (500, [4, 0])
    assert seconds.lately("unknown") == (502, [])
