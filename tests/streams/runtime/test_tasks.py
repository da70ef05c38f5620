"""Supervised tasks: no end passes unseen, and who is missing is named."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from unittest import mock

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from django.test import AsyncClient, TransactionTestCase

from streams import metrics
from streams.health import neighbours
from streams.health.neighbours import KafkaCheck, State, check_tasks
from streams.health.probes import bridge_app
from streams.kafka import clients, embedded
from streams.runtime import tasks
from streams.runtime.away import Unavailable
from streams.runtime.tasks import failure, shared, states, supervise
from tests.support.waiting import until

Run = Callable[[], Awaitable[None]]


@asynccontextmanager
async def supervised(name: str, work: Run) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(supervise(name, work, stop))
    try:
        yield task
    finally:
        stop.set()
        task.cancel()
        await asyncio.wait({task})


async def stray() -> None:
    """What aiokafka does: gives the CancelledError of something that it cancelled to whoever waits."""
    something = asyncio.create_task(asyncio.sleep(60))
    something.cancel()
    await something


async def bug() -> None:
    raise ZeroDivisionError


async def away() -> None:
    raise Unavailable("Kafka is away.")


async def wordless() -> None:
    raise TimeoutError


async def nothing() -> None:
    """Comes back at once, though nobody asked it to."""


ENDS: dict[str, tuple[Run, str]] = {
    "a stray cancellation": (stray, "was ended by a cancellation that nobody asked for"),
    "a bug": (bug, "failed and starts again"),
    "a neighbour that is away": (away, "stopped and starts again: Kafka is away."),
    "a neighbour that does not answer": (wordless, "stopped and starts again: TimeoutError()"),
    "an end by itself": (nothing, "came to an end by itself"),
}


def restarts(name: str) -> float:
    return float(metrics.RESTARTS.labels(name)._value.get())


@pytest.mark.parametrize("kind", ENDS)
async def test_a_task_that_ended_unasked_is_told_counted_and_started_again(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    end, word = ENDS[kind]
    lives = 0

    async def work() -> None:
        nonlocal lives
        lives += 1
        await (end() if lives < 3 else asyncio.Event().wait())

    before = restarts("worker")
    with mock.patch.object(tasks, "FIRST_DELAY_S", 0.001):
        async with supervised("worker", work) as task:
            await until(lambda: lives == 3, "the third life")
            assert not task.done()
    assert restarts("worker") == before + 2
    assert caplog.text.count(f"The worker {word}") == 2


async def test_its_own_cancellation_ends_it_also_when_something_on_the_way_swallowed_it() -> None:
    async def swallows() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def waits() -> None:
        await asyncio.Event().wait()

    for work in (waits, swallows):
        task = asyncio.create_task(supervise("worker", work, asyncio.Event()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()


async def test_its_stop_ends_it_whatever_comes_out_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    stop = asyncio.Event()

    async def work() -> None:
        await stop.wait()
        await stray()

    task = asyncio.create_task(supervise("worker", work, stop))
    await asyncio.sleep(0)
    assert "worker" in states()
    stop.set()
    await task
    assert "worker" not in states()

    caplog.set_level(logging.WARNING, logger="streams")
    assert not caplog.text


async def test_a_task_is_missing_until_a_life_of_it_has_lasted() -> None:
    going_on = asyncio.Event()

    async def work() -> None:
        if not going_on.is_set():
            raise ZeroDivisionError
        await asyncio.Event().wait()

    # A life that ends at once lasts as long as the machine stands still in it.
    with mock.patch.object(tasks, "FIRST_DELAY_S", 0.001), mock.patch.object(tasks, "PROVEN_S", 60.0):
        async with supervised("worker", work), supervised("other", asyncio.Event().wait):  # type: ignore[arg-type]
            await until(lambda: states().get("worker"), "it is missing")
            since = states()["worker"]
            before = restarts("worker")
            await until(lambda: restarts("worker") > before + 2, "it was tried a few times more")
            assert states() == {"other": None, "worker": since}
            assert since is not None
            instant = since.isoformat(timespec="seconds").replace("+00:00", "Z")
            assert await check_tasks() == State(False, f"worker is not running since {instant}")
            going_on.set()
            with mock.patch.object(tasks, "PROVEN_S", 0.2):
                await until(lambda: states()["worker"] is None, "it runs")
                assert await check_tasks() == State(True, "ok")


def test_one_that_was_cancelled_before_its_stop_stays_among_the_missing() -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(supervise("worker", asyncio.Event().wait, asyncio.Event()))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert states()["worker"] is not None

    asyncio.run(cancelled())
    assert "worker" not in states()  # with its event loop it is forgotten


async def test_the_end_of_a_short_task_is_a_failure_unless_it_was_asked_for() -> None:
    ends: dict[str, asyncio.Task[Any]] = {
        "stray": asyncio.create_task(stray()),
        "bug": asyncio.create_task(bug()),
        "result": asyncio.create_task(nothing()),
        "asked": asyncio.create_task(asyncio.sleep(60)),
    }
    ends["asked"].cancel()
    await asyncio.wait(ends.values())
    assert {name: type(failure(task)) for name, task in ends.items()} == {
        "stray": asyncio.CancelledError, "bug": ZeroDivisionError, "result": type(None), "asked": type(None),
    }  # fmt: skip


async def test_who_waits_for_a_shared_answer_is_not_cancelled_by_its_end() -> None:
    answer = asyncio.create_task(asyncio.sleep(60))
    waiting = asyncio.create_task(shared(answer))
    impatient = asyncio.create_task(shared(answer))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    assert impatient.cancelled()
    assert not answer.done()
    answer.cancel()
    with pytest.raises(Unavailable):
        await waiting


# What aiokafka lets out ----------------------------------------------------------------------------------------------


async def test_the_end_of_a_kafka_client_raises_nothing_and_has_a_bound() -> None:
    async def hangs() -> None:
        await asyncio.Event().wait()

    for end in (stray, bug, away):
        assert not await clients.end_within(end(), 30)
    assert await clients.end_within(nothing(), 30)
    assert not await clients.end_within(hangs(), 0.01)
    ours = asyncio.create_task(clients.end_within(hangs(), 30))
    await asyncio.sleep(0)
    ours.cancel()
    await asyncio.wait({ours})
    assert ours.cancelled()


async def open_consumer() -> AIOKafkaConsumer:
    """A consumer in whose fetcher a task sleeps, as after a failed fetch."""
    made = clients.consumer(group_id=None)
    await made.start()
    made.assign([TopicPartition("t", 0)])
    made.seek(TopicPartition("t", 0), 0)
    await made.getmany(timeout_ms=100)
    made._fetcher._pending_tasks.add(asyncio.create_task(asyncio.sleep(600)))
    return made


async def test_what_a_sleeping_fetch_lets_out_does_not_look_like_a_stop_and_leaves_nothing_open() -> None:
    await asyncio.to_thread(lambda: embedded.start().create_topic("t"))
    try:
        with pytest.raises(asyncio.CancelledError):  # if this fails, aiokafka has mended it
            await (left := await open_consumer()).stop()
        await left._client.close()
        before = asyncio.all_tasks()
        quiet = await open_consumer()
        await clients.stop_quietly(quiet)
        assert not any(connection.connected() for connection in quiet._client._conns.values())
        await until(lambda: asyncio.all_tasks() <= before, "none of its tasks is left")
    finally:
        await asyncio.to_thread(embedded.stop)


# Where it is named ---------------------------------------------------------------------------------------------------


@mock.patch.object(neighbours, "CHECK_S", 60.0)
class MissingTaskTests(TransactionTestCase):
    async def test_readyz_and_the_metrics_name_it_and_only_the_bridge_is_unready(self) -> None:
        async with supervised("worker", bug):
            await until(lambda: states().get("worker"), "it is missing")
            web = await AsyncClient().get("/readyz")
            assert web.status_code == 200
            assert "\ntasks: worker is not running since 20" in web.content.decode()
            told = (await AsyncClient().get("/metrics")).content.decode()
            assert 'streamboard_tasks_missing{task="worker"} 1.0' in told
            assert await self.bridge() == 503
        told = (await AsyncClient().get("/metrics")).content.decode()
        assert "streamboard_tasks_missing{" not in told
        assert await self.bridge() == 200

    async def bridge(self) -> int:
        kafka = LiveKafka()
        transport = httpx.ASGITransport(app=bridge_app(kafka))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
                return (await client.get("/readyz")).status_code
        finally:
            await kafka.close()


class LiveKafka(KafkaCheck):
    async def __call__(self) -> State:
        return State(True, "live")
