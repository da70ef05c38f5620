"""What is read back from Kafka, here the embedded one, by many who ask at once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from unittest import mock

import pytest
import pytest_django
from confluent_kafka import Producer

from streams.kafka import embedded
from streams.kafka import history as history_module
from streams.kafka.aiokafka_internals import ReadableRecords
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.history import SCAN_NEAR, SOURCES, History, NoSuchOffset
from streams.kafka.pool import Lease
from streams.runtime.away import Unavailable, described
from tests.streams.kafka.conftest import PATIENCE_S
from tests.support.waiting import free_port

PARTITIONS = range(4)
EACH = 5  # records in each partition but the last, which is empty


@pytest.fixture
async def history() -> AsyncIterator[History]:
    found = embedded.start()
    fill(found)
    asked = History()
    yield asked
    await asked.close()
    embedded.stop()


def fill(kafka: EmbeddedBroker) -> None:
    kafka.create_topic("t")
    producer = Producer({"bootstrap.servers": kafka.address, "log_level": 0})
    for partition in PARTITIONS[:-1]:
        for number in range(EACH):
            producer.produce("t", b"%d" % number, partition=partition)
    assert producer.flush(PATIENCE_S) == 0


async def test_whoever_asks_at_once_gets_the_offsets_of_the_partitions_they_asked_for(history: History) -> None:
    answers = await asyncio.gather(
        *(history.bounds("t", partitions) for partitions in ([0], [1, 3], PARTITIONS, [0], PARTITIONS, [3, 1]))
    )
    ends = {0: EACH, 1: EACH, 2: EACH, 3: 0}
    for partitions, bounds in zip(([0], [1, 3], PARTITIONS, [0], PARTITIONS, [3, 1]), answers, strict=True):
        assert bounds.ends == {partition: ends[partition] for partition in partitions}
        assert bounds.firsts == dict.fromkeys(partitions, 0)


async def test_offsets_are_told_while_all_readers_are_busy(history: History) -> None:
    """Else a person who reads as much as they can would keep others from the beginning of their streams."""
    let_go = asyncio.Event()

    async def busy(_: Lease) -> None:
        await let_go.wait()

    reading = [asyncio.create_task(history._pool.ask(busy, PATIENCE_S)) for _ in range(3 * SOURCES)]
    bounds = await history.bounds("t", PARTITIONS)
    assert bounds.firsts == dict.fromkeys(PARTITIONS, 0)
    assert not any(task.done() for task in reading)
    let_go.set()
    await asyncio.gather(*reading)


async def test_single_records_of_several_partitions_at_once(history: History) -> None:
    wanted = [(partition, offset) for partition in PARTITIONS[:-1] for offset in range(EACH)]
    records = await asyncio.gather(*(history.record("t", *place) for place in wanted))
    assert [record.offset for record in records] == [offset for _, offset in wanted]
    with pytest.raises(NoSuchOffset):
        await history.record("t", 3, 0)


async def test_a_time_is_looked_up_in_an_empty_partition_too_and_the_pool_stays_whole(history: History) -> None:
    bounds = await history.bounds("t", PARTITIONS)
    for _ in range(2 * SOURCES):
        assert await history.offsets_at("t", bounds, 0) == dict.fromkeys(PARTITIONS, 0)
    records = await asyncio.gather(*(history.record("t", 0, offset) for offset in range(EACH)))
    assert [record.offset for record in records] == list(range(EACH))


async def test_a_time_is_found_without_reading_all_that_lies_before_it(history: History) -> None:
    """Of records one by one, as a partition has them that filled slowly, some of them a little out of their order."""
    kafka = embedded.current() or embedded.start()
    producer = Producer({"bootstrap.servers": kafka.address, "log_level": 0, "batch.num.messages": 1})
    times = [1_000 * number + 1_000 for number in range(500)]
    times[245], times[250] = times[250], times[245]  # the one in the middle is older than some before it
    for time in times:
        producer.produce("slow", b"0123456789", partition=1, timestamp=time)
    assert producer.flush(PATIENCE_S) == 0
    bounds = await history.bounds("slow", (0, 1))
    # Of the 5 kB some halves, and what lies close by.
    with mock.patch.object(history_module, "SCAN_BYTES", 2 * SCAN_NEAR * len(b"0123456789")):
        for asked in (0, 1_000, 1_001, 200_999, *times[240:255], 499_999, 500_000, 500_001):
            first = next((offset for offset, time in enumerate(times) if time >= asked), len(times))
            assert await history.offsets_at("slow", bounds, asked) == {0: 0, 1: first}, asked


async def test_a_time_that_takes_too_much_reading_is_not_looked_up(history: History) -> None:
    """The embedded broker cannot look times up: what lies around is read, as far as that is bounded."""
    bounds = await history.bounds("t", PARTITIONS)
    future = 2**50
    assert await history.offsets_at("t", bounds, future) == bounds.ends
    with mock.patch.object(history_module, "SCAN_BYTES", EACH), pytest.raises(Unavailable, match="reading"):
        await history.offsets_at("t", bounds, future)
    assert await history.offsets_at("t", bounds, future) == bounds.ends


async def test_nothing_stays_of_what_was_fetched_and_not_read(history: History) -> None:
    """By reference counts alone: with few objects and many bytes, Python looks for cycles too seldom."""

    def left() -> int:
        # isinstance would ask objects of other tests, which are made when they are asked, or fail.
        return sum(type(each) is ReadableRecords for each in gc.get_objects())

    producer = Producer({"bootstrap.servers": (embedded.current() or embedded.start()).address, "log_level": 0})
    for number in range(2000):  # more than one look at a fetch takes of it
        producer.produce("t", b"%d" % number, partition=3)
    assert producer.flush(PATIENCE_S) == 0
    gc.collect()
    gc.disable()
    try:
        for end in range(1, 3 * SOURCES):
            assert await history.page("t", 3, 0, end)
        assert left() <= SOURCES
    finally:
        gc.enable()


async def test_nobody_but_the_log_is_told_where_kafka_would_be(settings: pytest_django.Settings) -> None:
    """A library's error names addresses, and the text of ours is the answer that people get."""
    settings.KAFKA_BOOTSTRAP_SERVERS = [f"127.0.0.1:{free_port()}"]
    history = History()
    try:
        with pytest.raises(Unavailable) as raised:
            await history.bounds("a-topic", (0,))
        assert "127.0.0.1" not in str(raised.value)
        assert "127.0.0.1" in described(raised.value)
    finally:
        await history.close()
