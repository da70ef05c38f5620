"""Questions to the pool's consumers, real ones of the embedded broker: each has its answer in time, and the pool stays
whole, whatever becomes of the question.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from unittest import mock

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import TopicPartition

from streams.kafka import clients, embedded, pool
from streams.kafka.pool import Lease, Pool, Settled
from streams.runtime.away import Unavailable
from tests.support.waiting import until

SIZE = 2
WITHIN_S = 0.3
LOADED_S = 20.0  # that a machine may stand still, more than once; far below what hangs
HANGS_S = 60.0
TP = TopicPartition("t", 0)


@pytest.fixture
async def asked() -> AsyncIterator[Pool]:
    embedded.start().create_topic("t")
    made = Pool(SIZE)
    yield made
    await made.close()
    embedded.stop()


async def never_ends(_: Lease) -> int:
    await asyncio.sleep(HANGS_S)
    return 0


async def passes_over_its_cancellation(_: Lease) -> int:
    """As `asyncio.wait_for` does where the answer comes together with the cancellation."""
    while going_on.is_set():
        try:
            await asyncio.sleep(WITHIN_S)
        except asyncio.CancelledError:
            continue
    return 0


async def cleans_up_for_ever(_: Lease) -> int:
    try:
        await asyncio.sleep(HANGS_S)
    finally:
        await asyncio.sleep(HANGS_S)
    return 0


async def loses_kafka(_: Lease) -> int:
    raise KafkaConnectionError


async def is_cancelled_by_itself(_: Lease) -> int:
    raise asyncio.CancelledError


async def breaks_its_consumer(lease: Lease) -> int:
    lease.source._fetcher._fetch_task.cancel()
    await asyncio.wait({lease.source._fetcher._fetch_task})
    return 0


going_on = threading.Event()  # what passes over its cancellation ends with the test


async def end(lease: Lease) -> int:
    return int((await lease.source.end_offsets([TP]))[TP])


async def is_whole(asked: Pool) -> None:
    """As many can ask at once as there are consumers, none of them waits for a turn."""
    meeting = asyncio.Barrier(SIZE)

    async def meet(lease: Lease) -> int:
        await meeting.wait()
        return await end(lease)

    with mock.patch.object(pool, "TURN_S", LOADED_S):
        assert await asyncio.gather(*(asked.ask(meet, LOADED_S) for _ in range(SIZE))) == [0] * SIZE


@pytest.mark.parametrize(
    "question",
    [never_ends, passes_over_its_cancellation, cleans_up_for_ever, loses_kafka, is_cancelled_by_itself],
    ids=lambda question: question.__name__,
)
async def test_whatever_a_question_does_it_is_answered_in_time_and_its_place_is_free(
    asked: Pool, question: Callable[[Lease], Awaitable[int]]
) -> None:
    going_on.set()
    await is_whole(asked)  # so that no consumer has to start first
    began = asyncio.get_running_loop().time()
    for _ in range(2 * SIZE):
        with pytest.raises(Unavailable):
            await asked.ask(question, WITHIN_S)  # type: ignore[arg-type]  # a coroutine function, all of them
    assert asyncio.get_running_loop().time() - began < 2 * SIZE * WITHIN_S + LOADED_S
    await is_whole(asked)
    going_on.clear()


async def test_who_is_late_to_close_keeps_nobody_waiting(asked: Pool) -> None:
    """A consumer that takes its time to close: the asker does not wait for it, and neither does the next one."""
    held = asyncio.Event()

    async def slow(reader: AIOKafkaConsumer) -> None:
        await held.wait()
        await clients.stop_quietly(reader)

    await is_whole(asked)
    began = asyncio.get_running_loop().time()
    with mock.patch.object(pool, "stop_quietly", slow):
        for _ in range(2 * SIZE):
            with pytest.raises(Unavailable):
                await asked.ask(never_ends, WITHIN_S)
        await is_whole(asked)
        assert asyncio.get_running_loop().time() - began < 2 * SIZE * WITHIN_S + LOADED_S
        held.set()


async def test_while_very_many_are_being_closed_no_new_one_is_opened(asked: Pool) -> None:
    held = asyncio.Event()

    async def slow(reader: AIOKafkaConsumer) -> None:
        await held.wait()
        await clients.stop_quietly(reader)

    with (
        mock.patch.object(pool, "stop_quietly", slow),
        mock.patch.object(pool, "CLOSING", 2),
        mock.patch.object(pool, "TURN_S", WITHIN_S),
    ):
        for _ in range(2 + SIZE):
            with pytest.raises(Unavailable):
                await asked.ask(never_ends, WITHIN_S)
        with pytest.raises(Unavailable, match="busy"):
            await asked.ask(end, LOADED_S)
        held.set()
        await until(lambda: asked._idle.qsize() == SIZE, "every place is free again")
    await is_whole(asked)


async def test_an_asker_that_goes_takes_no_place_with_it(asked: Pool) -> None:
    """Also where the consumer that it was given had failed in silence, and has to be replaced first."""
    for question in (end, breaks_its_consumer, never_ends):
        for pauses in range(6):
            going = asyncio.create_task(asked.ask(question, WITHIN_S))
            for _ in range(pauses):
                await asyncio.sleep(0)
            going.cancel()
            await asyncio.wait({going})
    await is_whole(asked)


async def test_an_answer_that_is_no_fault_of_the_consumer_keeps_it(asked: Pool) -> None:
    used = set()

    async def no(lease: Lease) -> int:
        used.add(lease.source)
        raise Settled

    await is_whole(asked)
    for _ in range(2 * SIZE):
        with pytest.raises(Settled):
            await asked.ask(no, LOADED_S)
    assert len(used) == SIZE


async def test_who_reports_progress_may_take_longer(asked: Pool) -> None:
    async def slowly(lease: Lease) -> int:
        for _ in range(10):
            lease.extend(LOADED_S)
            await asyncio.sleep(WITHIN_S / 5)
        return 1

    assert await asked.ask(slowly, WITHIN_S) == 1


async def test_nothing_is_left_open_of_those_that_were_given_up(asked: Pool) -> None:
    left = []

    async def hangs(lease: Lease) -> int:
        left.append(lease.source)
        return await never_ends(lease)

    with pytest.raises(Unavailable):
        await asked.ask(hangs, WITHIN_S)
    await until(lambda: not asked._closing, "it is closed")
    assert not any(connection.connected() for connection in left[0]._client._conns.values())
