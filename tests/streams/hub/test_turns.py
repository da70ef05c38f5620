"""One person's sockets read a few parts of Kafka at once, however many of them catch up; others read theirs."""

from __future__ import annotations

import asyncio
from typing import Any

from streams.hub.catchup import PAGES_EACH
from streams.kafka.history import Bounds
from streams.socket import starts
from streams.wire.ranges import Range
from tests.support.readers import Client, Table, opened, part, settled

ENDS = {0: 5000}


class Slow(Table):
    """A history whose reads wait until the test lets go. asked: how many were begun."""

    def __init__(self, ends: dict[int, int], first: int = 0) -> None:
        super().__init__(ends, first)
        self.asked = 0
        self.let_go = asyncio.Event()

    async def page(self, topic: str, partition: int, start: int, end: int, *_: Any, **__: Any) -> list[Range]:
        self.asked += 1
        await self.let_go.wait()
        return [part(partition, start, end)]

    async def offsets_at(self, topic: str, bounds: Bounds, timestamp: int) -> dict[int, int]:
        self.asked += 1
        await self.let_go.wait()
        return dict(bounds.ends)


async def turned() -> None:
    """Returns when whatever can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_who_catches_up_on_many_sockets_leaves_a_reader_to_others() -> None:
    hub, history = await opened(ENDS, kind=Slow)
    assert isinstance(history, Slow)
    many = [Client(hub) for _ in range(3 * PAGES_EACH)]
    for place, client in enumerate(many):
        client.join({0: place})
    await settled(lambda: history.asked == PAGES_EACH)
    await turned()
    assert history.asked == PAGES_EACH
    other = Client(hub)
    other.connection.username = "bob"
    other.join({0: 0})
    await settled(lambda: history.asked == PAGES_EACH + 1)
    history.let_go.set()
    await settled(lambda: all(client.positions == ENDS for client in (*many, other)))
    await hub.close()


async def test_who_looks_for_many_beginnings_leaves_a_reader_to_others() -> None:
    hub, history = await opened(ENDS, kind=Slow)
    assert isinstance(history, Slow)

    def begin(person: str, form: str, value: Any) -> asyncio.Task[starts.Beginning]:
        return asyncio.create_task(starts.begin(hub, hub.logs["t"], form, value, person))

    many = [begin("ada", *(("timestamp", 1), ("last", 3))[number % 2]) for number in range(3 * starts.LOOKS_EACH)]
    await settled(lambda: history.asked == starts.LOOKS_EACH)
    await turned()
    assert history.asked == starts.LOOKS_EACH
    assert (await begin("ada", "cursor", ("e", dict(ENDS)))).positions == ENDS  # who only goes on does not wait
    assert (await begin("ada", "latest", True)).positions == ENDS
    other = begin("bob", "timestamp", 1)
    await settled(lambda: history.asked == starts.LOOKS_EACH + 1)
    history.let_go.set()
    await asyncio.gather(*many, other)
    await hub.close()
