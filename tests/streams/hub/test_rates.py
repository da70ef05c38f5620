"""How much a topic has at present, as the hub counts it."""

from __future__ import annotations

import pytest

from streams.hub import rates
from streams.hub.rates import RATE_S, Seconds
from tests.support.readers import part


class Clock:
    now = 1_000.5

    def time(self) -> float:
        return self.now


def test_a_rate_is_of_the_last_complete_seconds_whether_or_not_they_were_told(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(rates, "time", clock)
    seconds = Seconds(lambda *_: None)
    for second in range(RATE_S):
        clock.now = 1_000.5 + second
        seconds.count("t", [part(0, second * 5, second * 5 + 5)])
    assert seconds.rate("t") == pytest.approx(5 * (RATE_S - 1) / RATE_S)  # the present one is not over
    clock.now += 1
    assert seconds.rate("t") == 5
    seconds.tell()
    assert seconds.rate("t") == 5
    clock.now += RATE_S // 2
    assert seconds.rate("t") == pytest.approx(5 * (RATE_S - RATE_S // 2) / RATE_S)
    clock.now += RATE_S
    assert (seconds.rate("t"), seconds.rate("unknown")) == (0, 0)
    seconds.forget("t")
