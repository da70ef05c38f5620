"""The link's state while bridges die and return: as calm as it is true. By a clock that the test holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from streams.hub import link_watch
from streams.hub.hub import Hub
from streams.hub.link_watch import LinkWatch
from streams.kafka.history import Bounds
from streams.runtime.away import Unavailable
from streams.wire.ranges import Batch, Range, Status
from tests.streams.hub.test_freshness import Clock
from tests.support.readers import Table, opened, part, settled

SECONDS = range(1, 41)
DIES, RETURNS = 10, 25  # s: a bridge's partitions are given to another one when its session in the group has ended
RECORDS = 5  # a second and partition, where they come


class Kafka(Table):
    """A table that does not answer for a while."""

    is_away = False

    async def bounds(self, topic: str, partitions: Any) -> Bounds:
        if self.is_away:
            raise Unavailable("away")
        return await super().bounds(topic, partitions)

    async def page(self, *asked: Any, **how: Any) -> list[Range]:
        if self.is_away:
            raise Unavailable("away")
        return await super().page(*asked, **how)


@dataclass
class Case:
    """silent: the partitions that nobody speaks of from DIES to RETURNS. busy: those that records come to."""

    silent: set[int]
    busy: set[int]
    expected: list[str]
    is_away: bool = False


CASES = {
    "nobody dies": Case(set(), {0, 1}, ["live"]),
    "one dies, records come": Case({1}, {0, 1}, ["live", "catching_up", "live"]),
    "one dies, no records come": Case({1}, set(), ["live", "catching_up", "live"]),
    "one dies, records come to the other": Case({1}, {0}, ["live", "catching_up", "live"]),
    "all die, records come": Case({0, 1}, {0, 1}, ["live", "catching_up", "live"]),
    "all die, no records come": Case({0, 1}, set(), ["live", "catching_up", "live"]),
    "one dies, and Kafka does not answer": Case({1}, {1}, ["live", "catching_up", "live"], is_away=True),
    "all die, and Kafka does not answer": Case({0, 1}, {0, 1}, ["live", "down", "live"], is_away=True),
}


@pytest.mark.parametrize("name", CASES)
@mock.patch.object(link_watch, "HEARING_S", 0.0)
async def test_the_link_changes_when_bridges_die_and_when_they_return_and_at_no_other_time(name: str) -> None:
    case = CASES[name]
    hub, table = await opened({0: 0, 1: 0}, kind=Kafka)
    assert isinstance(table, Kafka)
    clock = Clock()
    hub.hearing._loop = clock  # type: ignore[assignment]  # of a loop it wants the time only
    hub.hearing.note("t", [0, 1])
    watch = LinkWatch(hub, asyncio.Event())
    told: list[str] = [hub.link.state]
    for second in SECONDS:
        clock.now += 1
        is_over = DIES <= second < RETURNS
        silent = case.silent if is_over else set[int]()
        table.is_away = case.is_away and is_over
        for partition in case.busy:
            table.ends[partition] += RECORDS
        speak(hub, table.ends, {0, 1} - silent)
        watch.look(clock.now)
        note(hub, told)
        await watch.read_silent()
        note(hub, told)
        if not table.is_away:
            await settled(reached(hub, table.ends))
    assert told == case.expected
    await hub.close()


def speak(hub: Hub, ends: dict[int, int], partitions: set[int]) -> None:
    """As bridges do: what came, and every second where they are."""
    positions = hub.logs["t"].positions
    ranges = tuple(part(each, positions[each], ends[each]) for each in partitions if positions[each] < ends[each])
    hub.ingest([Batch("t", "e", ranges)] if ranges else [])
    if partitions:
        at = {each: ends[each] for each in partitions}
        hub.status(Status("t", "e", at, at))


def note(hub: Hub, told: list[str]) -> None:
    if told[-1] != hub.link.state:
        told.append(hub.link.state)


def reached(hub: Hub, ends: dict[int, int]) -> Callable[[], bool]:
    """What nobody speaks of, the hub has to have read by itself, once it knows of the silence."""
    unheard = {p for quiet in hub.hearing.silent().values() for p in quiet}
    return lambda: all(hub.logs["t"].positions[p] >= ends[p] for p in unheard)
