"""The process that searches, with a real one and the embedded broker: when it begins, and when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import pytest
from confluent_kafka import Producer

from streams.kafka import embedded
from streams.search import process as process_module
from streams.search.jobs import Ended, Job
from streams.search.process import Lost, Told, WorkerProcess
from streams.search.spans import Span
from tests.support.waiting import until

pytestmark = pytest.mark.processes

TOPIC = "t"
RECORDS = 10
START_S = 300.0  # on a busy machine a niced process may take longer to start than a search is silent


@pytest.fixture
async def worker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WorkerProcess]:
    monkeypatch.setattr(process_module, "SILENCE_S", START_S)
    broker = embedded.start()
    broker.create_topic(TOPIC)
    producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    for number in range(RECORDS):
        producer.produce(TOPIC, b"%d" % number, partition=0)
    assert producer.flush(30) == 0
    made = WorkerProcess()
    yield made
    await made.close()
    embedded.stop()


async def done(worker: WorkerProcess) -> tuple[int, Ended]:
    """How many records match in a job, and its end."""
    count = 0
    async with contextlib.aclosing(worker.work(Job(TOPIC, [Span(0, 0, RECORDS)]))) as told:
        async for each in told:
            if not isinstance(each, Told):
                return count, each
            count += each.counts.matched
    raise AssertionError("no end was told")


def is_there(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


@pytest.mark.slow
async def test_it_is_started_when_it_is_needed_and_ended_when_nobody_needs_it_or_it_says_nothing(
    worker: WorkerProcess,
) -> None:
    assert not is_there(worker.pid)
    assert await done(worker) == (RECORDS, Ended("complete"))
    first = worker.pid
    assert await done(worker) == (RECORDS, Ended("complete"))
    assert worker.pid == first
    with mock.patch.object(process_module, "IDLE_S", 0.01):
        await done(worker)
    await until(lambda: not is_there(first), "it ended without work")

    assert await done(worker) == (RECORDS, Ended("complete"))
    second = worker.pid
    assert second not in {None, first}
    assert second is not None
    os.kill(second, signal.SIGSTOP)
    with mock.patch.object(process_module, "SILENCE_S", 0.5), pytest.raises(Lost):
        await done(worker)
    assert await done(worker) == (RECORDS, Ended("complete"))  # by another one
    await until(lambda: not is_there(second), "the one that said nothing is gone")

    third = worker.pid
    await worker.close()
    assert not is_there(third)
    with pytest.raises(Lost):
        await done(worker)
