"""What Kafka says of how much topics take up, and what is done where it does not."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from streams.kafka import embedded
from streams.kafka import storage as storage_module
from streams.kafka.storage import Kept, Storage
from tests.support.services import Kafka


@pytest.fixture
async def storage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
    monkeypatch.setattr(storage_module, "ASK_S", 60.0)  # past its own, what is not known is left out
    asked = Storage()
    yield asked
    await asked.close()


async def test_kafka_tells_offsets_sizes_retention_and_the_newest_record_of_many_topics_at_once(
    kafka: Kafka, settings: Any, storage: Storage
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = [kafka.address]
    began = time.time() * 1000 - 60_000  # the clock of another process, and a little patience
    full = kafka.create_topic(partitions=2, retention_ms=3_600_000)
    empty = kafka.create_topic(partitions=1)
    kafka.produce(full, [b"x" * 1_000] * 25, partition=0)
    kafka.produce(full, [b"x" * 1_000] * 25, partition=1)
    kafka.delete_records(full, {0: 3})

    kept = await storage.of({full: [0, 1], empty: [0], f"gone-{uuid.uuid4().hex}": [0]})
    assert kept[full].firsts == {0: 3, 1: 0}
    assert (kept[full].size or 0) > 50_000
    assert (kept[full].retention_ms, kept[full].retention_bytes, kept[full].cleanup) == (3_600_000, -1, "delete")
    assert began < (kept[full].newest or 0) < time.time() * 1000 + 60_000
    assert (kept[empty].firsts, kept[empty].size, kept[empty].newest) == ({0: 0}, 0, None)

    kafka.delete_records(full, {0: 5})
    assert (await storage.of({full: [0, 1]}))[full].firsts[0] == 3  # remembered for a while


async def test_who_does_not_wait_finds_it_remembered(kafka: Kafka, settings: Any, storage: Storage) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = [kafka.address]
    topic = kafka.create_topic(partitions=1)
    kafka.produce(topic, [b"x"], partition=0)
    asking = storage.begin({topic: [0]})
    assert asking is not None
    assert storage.begin({topic: [0]}) is None, "a second question beside the one under way"
    assert storage.remembered(topic) is None
    await asking
    kept = storage.remembered(topic)
    assert kept is not None
    assert (kept.firsts, kept.newest is not None) == ({0: 0}, True)
    assert storage.begin({topic: [0]}) is None, "asked again although it is known"


async def test_a_kafka_that_does_not_answer_leaves_it_unknown_within_the_bound(
    settings: Any, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    monkeypatch.setattr(storage_module, "ASK_S", 0.5)
    assert await storage.of({"t": [0]}) == {"t": Kept()}


async def test_the_embedded_broker_tells_first_offsets_and_where_there_is_none_nobody_is_asked(
    settings: Any, storage: Storage
) -> None:
    assert not settings.KAFKA_BOOTSTRAP_SERVERS
    assert embedded.current() is None
    assert await storage.of({"t": [0]}) == {}
    broker = embedded.start()
    try:
        broker.create_topic("t")
        assert await storage.of({"t": [0, 1]}) == {"t": Kept(firsts={0: 0, 1: 0})}
    finally:
        embedded.stop()
