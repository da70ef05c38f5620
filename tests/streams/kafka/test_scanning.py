"""What searches and `tail` read, with the embedded broker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from confluent_kafka import Producer

from streams.kafka import embedded, scanning
from streams.kafka.scanning import Sources
from streams.runtime.away import Unavailable
from tests.streams.kafka.conftest import PATIENCE_S

TOPIC = "t"


@pytest.fixture
async def sources() -> AsyncIterator[Sources]:
    broker = embedded.start()
    broker.create_topic(TOPIC)
    producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
    producer.produce(TOPIC, b"1", partition=0)
    assert producer.flush(PATIENCE_S) == 0
    made = Sources()
    yield made
    await made.close()
    embedded.stop()


async def stopped_meanwhile(sources: Sources) -> None:
    async with sources.lent() as source, contextlib.aclosing(source.follow(TOPIC, {0: 0})) as coming:
        async for partition, chunk in coming:
            if partition == 0:
                assert (chunk.start, chunk.end, len(chunk.polled)) == (0, 1, 1)
                # As when it ends by an error that aiokafka keeps to itself: polls go on, and bring nothing.
                fetching = source._source._fetcher._fetch_task
                fetching.cancel()
                await asyncio.wait({fetching})


async def test_a_consumer_that_has_stopped_reading_ends_what_follows_a_topic(sources: Sources) -> None:
    with pytest.raises(Unavailable, match="stopped reading"):
        await asyncio.wait_for(stopped_meanwhile(sources), PATIENCE_S)


async def test_a_poll_that_does_not_end_ends_what_follows_a_topic(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    async def followed() -> None:
        async with sources.lent() as source, contextlib.aclosing(source.follow(TOPIC, {0: 0})) as coming:
            async for partition, _ in coming:
                if partition == 0:
                    monkeypatch.setattr(source._source, "getmany", endless)
                    monkeypatch.setattr(scanning, "READ_S", 0.1)

    with pytest.raises(Unavailable, match="did not answer"):
        await asyncio.wait_for(followed(), PATIENCE_S)
