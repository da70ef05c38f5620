"""What counts as silence, by a clock that the test holds."""

from __future__ import annotations

from unittest import mock

from streams.hub.freshness import SILENT_S, Hearing
from streams.hub.topic_log import TopicLog


class Clock:
    now = 100.0

    def time(self) -> float:
        return self.now


def test_a_standstill_of_this_process_is_not_the_silence_of_others() -> None:
    clock = Clock()
    with mock.patch("asyncio.get_running_loop", return_value=clock):
        heard = Hearing({"t": TopicLog("t", "e", {0: 5, 1: 5})})
    heard.note("t", [0, 1])
    clock.now += SILENT_S + 1
    assert heard.silent() == {"t": [0, 1]}
    assert heard.is_deaf()
    heard.forgive(SILENT_S + 0.5)
    assert not heard.silent()
    assert not heard.is_deaf()
    heard.note("t", [0])
    heard.forgive(60)  # of one that has just been heard it makes nothing later than now
    clock.now += SILENT_S + 0.1
    assert heard.silent() == {"t": [0, 1]}
