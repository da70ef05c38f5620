"""What collecting promises to each who asks, whoever else asks at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from unittest import mock

import pytest

from items.services import collecting
from items.services.collecting import BATCH, Collector, NoTurn

PATIENCE_S = 60  # of a test for what has to come at once


class Batches:
    """Performs batches when the test lets it: what is in each, and an answer for each job."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def perform(self, jobs: list[int]) -> Sequence[str]:
        self.seen.append(jobs)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return [f"answer {job}" for job in jobs]


def asked(collector: Collector[int, str], *jobs: int, size: int = 1) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(collector.done(job, size)) for job in jobs]


async def begun(batches: Batches, count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(batches.seen) < count:
            await asyncio.sleep(0)


async def test_who_comes_alone_waits_for_nobody_and_who_comes_meanwhile_is_the_next_batch() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    batches.go.clear()
    first = asked(collector, 1)
    await begun(batches, 1)
    others = asked(collector, 2, 3, 4)
    await asyncio.sleep(0)
    batches.go.set()
    assert await asyncio.gather(*first, *others) == ["answer 1", "answer 2", "answer 3", "answer 4"]
    assert batches.seen == [[1], [2, 3, 4]]


async def test_a_thousand_at_once_are_answered_each_in_batches_that_are_bounded_and_in_order() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    answers = await asyncio.gather(*asked(collector, *range(1000)))
    assert answers == [f"answer {number}" for number in range(1000)]
    assert max(map(len, batches.seen)) == BATCH
    assert [number for batch in batches.seen for number in batch] == list(range(1000))


async def test_who_leaves_before_the_batch_is_not_in_it_and_who_leaves_during_it_harms_nobody() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    batches.go.clear()
    asked(collector, 1)
    await begun(batches, 1)
    leaves, second, third = asked(collector, 2, 3, 4)
    await asyncio.sleep(0)
    batches.go.set()  # the next batch is taken before whoever leaves hears of it
    leaves.cancel()
    await begun(batches, 2)
    batches.go.clear()
    fifth, sixth = asked(collector, 5, 6)
    await begun(batches, 3)
    fifth.cancel()
    await asyncio.sleep(0)
    batches.go.set()
    assert list(await asyncio.gather(second, third, sixth)) == ["answer 3", "answer 4", "answer 6"]
    assert batches.seen == [[1], [3, 4], [5, 6]]
    assert await collector.done(7, 1) == "answer 7"


async def test_when_who_began_the_work_leaves_the_others_are_answered() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    first, second = asked(collector, 1, 2)
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "answer 2"


async def test_what_goes_wrong_with_a_batch_is_told_to_all_of_it_and_the_next_one_is_done() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    batches.error = OSError("away")
    errors = await asyncio.gather(*asked(collector, 1, 2), return_exceptions=True)
    assert errors == [batches.error, batches.error]
    batches.error = None
    assert await collector.done(3, 1) == "answer 3"


async def test_what_does_not_begin_in_time_is_refused_and_never_done() -> None:
    batches = Batches()
    collector = Collector(batches.perform, 0.01)
    batches.go.clear()
    first = asked(collector, 1)
    await begun(batches, 1)
    with pytest.raises(NoTurn):
        await asyncio.wait_for(collector.done(2, 1), PATIENCE_S)
    batches.go.set()
    assert await first[0] == "answer 1", "what has begun is done"
    assert await collector.done(3, 1) == "answer 3"
    assert batches.seen == [[1], [3]]


async def test_a_batch_and_all_that_waits_are_bounded_in_bytes() -> None:
    batches = Batches()
    collector = Collector(batches.perform, PATIENCE_S)
    with mock.patch.multiple(collecting, BATCH_BYTES=10, WAITING_BYTES=20):
        tasks = asked(collector, 1, 2, 3, size=6)
        await asyncio.sleep(0)
        with pytest.raises(NoTurn):
            await collector.done(4, 6)
        await asyncio.gather(*tasks)
        assert await collector.done(5, 19) == "answer 5", "one that is larger is done by itself"
    assert batches.seen == [[1], [2], [3], [5]]
