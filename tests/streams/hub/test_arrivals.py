"""When item events came into the hub, and how many readers they had."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams.hub import arrivals as arrivals_module
from streams.hub.arrivals import Arrivals
from streams.hub.topic_log import LOG_SECONDS, TopicLog
from streams.wire.ranges import Range
from tests.support.readers import part


async def test_each_record_is_noted_once_with_its_time_and_readers_however_often_it_is_looked() -> None:
    log, noted = TopicLog("items", "e", {0: 10, 1: 0}), Arrivals()
    noted.look(log, 0)
    before = time.time() * 1000
    log.append([part(0, 10, 13), part(1, 0, 1)], loop_time())
    noted.look(log, 3)
    noted.look(log, 9)
    log.append([Range(0, 13, 20, (), "retention"), part(0, 20, 21)], loop_time())
    noted.look(log, 4)

    found = noted.of([(0, 9), (0, 10), (0, 12), (0, 15), (0, 20), (1, 0), (2, 0)])
    assert {place: arrival.readers for place, arrival in found.items()} == {
        (0, 10): 3,
        (0, 12): 3,
        (0, 20): 4,
        (1, 0): 3,
    }
    assert all(before - 50 <= arrival.at <= time.time() * 1000 + 50 for arrival in found.values())


async def test_what_the_log_dropped_between_two_looks_is_not_known_and_breaks_nothing() -> None:
    log, noted = TopicLog("items", "e", {0: 0}), Arrivals()
    noted.look(log, 1)
    log.append([part(0, 0, 1)], loop_time() - LOG_SECONDS - 1)
    log.drop_oldest()
    log.append([part(0, 1, 2)], loop_time())
    noted.look(log, 1)
    assert noted.of([(0, 0), (0, 1)]).keys() == {(0, 1)}


async def test_no_more_is_kept_than_the_bound_and_nothing_of_another_life(monkeypatch: pytest.MonkeyPatch) -> None:
    log, noted = TopicLog("items", "e", {0: 0}), Arrivals()
    for offset in range(arrivals_module.RANGES + 1):
        log.append([part(0, offset, offset + 1)], loop_time())
    noted.look(log, 1)
    assert noted.of([(0, 0), (0, 1)]).keys() == {(0, 1)}
    noted.look(TopicLog("items", "f", {0: 0}), 1)
    assert noted.of([(0, 1)]) == {}


def loop_time() -> float:
    return asyncio.get_running_loop().time()
