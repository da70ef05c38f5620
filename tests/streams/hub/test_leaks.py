"""After everybody has gone the tables of hub, delivery, repairs and history are as they were before."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from typing import Any

from streams.decoding.formats import OWN
from streams.hub.hub import Hub
from streams.kafka.catalog import TopicInfo
from streams.kafka.page_cache import KEPT_BYTES, Pages
from streams.wire.ranges import Batch, Positions, Range, Status
from streams.wire.records import Record
from tests.support.readers import Client, Table, opened, part, settled

CROWD = 20


class Slow(Table):
    """A history that answers when told to."""

    def __init__(self, ends: Positions, first: int = 0) -> None:
        super().__init__(ends, first)
        self.open = asyncio.Event()

    async def page(self, *asked: Any, **how: Any) -> list[Range]:
        await self.open.wait()
        return await super().page(*asked, **how)


def entries(value: Any) -> int:
    """How many things a table holds, its own tables included."""
    if isinstance(value, (dict, Counter, OrderedDict)):
        return sum(max(1, entries(each)) if not is_empty_table(each) else 0 for each in value.values())
    return len(value) if isinstance(value, (set, deque, list)) else 0


def is_empty_table(value: Any) -> bool:
    return isinstance(value, (dict, set, deque, list)) and not value


def tables(hub: Hub) -> dict[str, int]:
    """The size of every table of the hub and its parts. What the log holds is bounded in bytes, not by readers."""
    owners = {"hub": hub, "delivery": hub.delivery, "hearing": hub.hearing, "seconds": hub.seconds}
    owners |= {"repairs": hub._repairs, "history": hub.history}
    return {
        f"{owner}.{name}": entries(value)
        for owner, thing in owners.items()
        for name, value in vars(thing).items()
        if isinstance(value, (dict, set, deque, list)) and name not in {"logs", "_logs", "reads", "ends"}
    }


def crowd(hub: Hub) -> list[Client]:
    """Readers in every state: at the end, ahead of it, behind the log, stuck, and with everything unacknowledged."""
    clients = [Client(hub) for _ in range(CROWD)]
    for number, client in enumerate(clients):
        client.is_full = number % 4 == 1
        client.join([{0: 100, 1: 100}, {0: 100, 1: 100}, {0: 140, 1: 100}, {0: 20, 1: 95}][number % 4])
    return clients


async def test_readers_in_every_state_leave_nothing_behind() -> None:
    hub, history = await opened({0: 100, 1: 100}, kind=Slow)
    assert isinstance(history, Slow)
    hub.ingest([Batch("t", "e", (part(0, 100, 110), part(1, 100, 103)))])
    hub.delivery.run_tick()
    hub.seconds.forget("t")  # what was counted is of the time, not of readers
    before, tasks = tables(hub), len(asyncio.all_tasks())
    for _ in range(3):
        clients = crowd(hub)
        for offset in range(110, 130):
            start = hub.logs["t"].positions[0]
            hub.ingest([Batch("t", "e", (part(0, start, start + 1, size=8000),))])
            if offset % 5 == 0:
                hub.delivery.run_tick()
                await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) > tasks  # those that catch up
        for client in clients:
            hub.remove(client.connection)
            hub.remove(client.connection)
    history.open.set()
    hub.delivery.run_tick()
    hub.seconds.forget("t")  # what was counted is of the time, not of readers
    await settled(lambda: len(asyncio.all_tasks()) == tasks)
    assert tables(hub) == before
    await hub.close()


async def test_a_topic_that_has_gone_leaves_nothing_behind() -> None:
    hub, table = await opened({0: 10})
    before = tables(hub)
    table.ends = {0: 10, 1: 10}
    await hub.open(TopicInfo("other", (0, 1), "e"), "e")
    hub.ingest([Batch("other", "e", (part(0, 10, 12),))])
    hub.status(Status("other", "e", {0: 12, 1: 10}, {0: 11, 1: 10}))
    client = Client(hub, "other")
    client.join({0: 0, 1: 0})
    await settled(lambda: client.positions == {0: 12, 1: 10})
    hub.forget("other", "topic_gone")
    assert client.frames[-1]["reason"] == "topic_gone"
    hub.remove(client.connection)
    hub.delivery.run_tick()
    assert tables(hub) == before
    await hub.close()


async def test_what_was_read_back_is_read_once_and_kept_within_bounds() -> None:
    pages, reads = Pages(), 0

    async def read() -> list[Range]:
        nonlocal reads
        reads += 1
        await asyncio.sleep(0)
        return [Range(0, 0, 1, (Record(0, 0, 0, b"x" * (KEPT_BYTES // 4)),))]

    together = await asyncio.gather(*(pages.get(("t", 0, 0, 1, "", OWN, False), read) for _ in range(50)))
    assert all(answer is together[0] for answer in together)
    assert await pages.get(("t", 0, 0, 1, "", OWN, False), read) is together[0]
    assert reads == 1
    pages.forget("t")
    await pages.get(("t", 0, 0, 1, "", OWN, False), read)
    assert reads == 2
    for start in range(10):
        await pages.get(("t", 0, start, start + 1, "", OWN, False), read)
    assert pages._size <= KEPT_BYTES
    assert pages._size == sum(size for _, size, _ in pages._kept.values())
    assert not pages._under_way
    await pages.close()


async def test_a_read_that_failed_is_not_kept() -> None:
    pages = Pages()
    answers: list[OSError | list[Range]] = [OSError("away"), [part(0, 0, 1)]]

    async def read() -> list[Range]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    for attempt in range(2):
        try:
            assert await pages.get(("t", 0, 0, 1, "", OWN, False), read) == [part(0, 0, 1)]
        except OSError:
            assert attempt == 0
    assert answers == []
