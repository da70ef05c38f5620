"""The items topic is there from the start: nobody has to publish an item, or create a topic, to watch it."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest
from aiokafka import TopicPartition
from django.test import override_settings

from streams.kafka.catalog import Catalog
from streams.kafka.clients import consumer, stop_quietly
from streams.runtime.away import Unavailable
from tests.conftest import Install
from tests.support.client import Connection
from tests.support.processes import Process
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import free_port, until

OPEN_SECONDS = 60  # for a process to open its topics, on a loaded machine
_numbers = itertools.count()


def unheard_of() -> str:
    return f"unheard-of-{os.getpid()}-{next(_numbers)}"


def listed(kafka: Kafka, topic: str) -> bool:
    return topic in kafka.admin().list_topics(timeout=10).topics


async def is_watched_without_an_item(web: Process, token: str, topic: str) -> None:
    """From the first moment: Kafka may not have been reached yet, but that the topic is missing is never the answer."""
    async with Connection(web.url, token=token) as connection:
        await connection.receive_type("welcome")

        async def answer() -> bool:
            await connection.send(type="subscribe", id=1, topic=topic, start={"latest": True})
            answer = await connection.receive_type("subscribed", "error")
            assert answer.get("code") in {None, "unavailable"}, answer
            return bool(answer["type"] == "subscribed")

        await until(answer, f"{topic} is watched", OPEN_SECONDS)


async def test_in_the_embedded_mode(install: Install) -> None:
    installation = install()
    await is_watched_without_an_item(installation.web(), installation.token, "items.v1")


@pytest.mark.slow
async def test_with_a_kafka_that_has_other_topics(install: Install, kafka: Kafka) -> None:
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=unheard_of())
    installation.manage("addtopic", kafka.create_topic(partitions=1))
    await is_watched_without_an_item(installation.web(), installation.token, installation.items_topic)
    assert listed(kafka, installation.items_topic)


@pytest.mark.slow
async def test_with_redis_and_no_bridge_yet(install: Install, kafka: Kafka, postgres: Postgres, redis: Redis) -> None:
    installation = install(
        postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, REDIS_URL=redis.url(), KAFKA_ITEMS_TOPIC=unheard_of()
    )
    await is_watched_without_an_item(installation.web(), installation.token, installation.items_topic)
    assert listed(kafka, installation.items_topic)


@pytest.mark.slow
async def test_a_bridge_makes_it_before_anything_is_published(
    install: Install, kafka: Kafka, postgres: Postgres
) -> None:
    installation = install(postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=unheard_of())
    installation.bridge("relay")
    await until(lambda: listed(kafka, installation.items_topic), "the topic is there", OPEN_SECONDS)


@pytest.mark.slow
async def test_many_make_it_at_once(kafka: Kafka) -> None:
    topic = unheard_of()
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=[kafka.address]):
        catalogs = [Catalog() for _ in range(4)]
        try:
            await asyncio.gather(*(catalog.ensure(topic) for catalog in catalogs))
            assert topic in await catalogs[0].topics([topic])
        finally:
            for catalog in catalogs:
                await catalog.close()


async def test_asking_for_a_topic_does_not_make_it(kafka: Kafka) -> None:
    topic, there = unheard_of(), kafka.create_topic()
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=[kafka.address]):
        catalog = Catalog()
        reader = consumer(group_id=None)
        try:
            await reader.start()
            for _ in range(3):  # Kafka would make it meanwhile
                asked = [TopicPartition(topic, 0), TopicPartition(there, 0)]
                reader.assign(asked)
                for partition in asked:
                    reader.seek(partition, 0)
                await reader.getmany(timeout_ms=500)
                assert (await catalog.topics([topic, there])).keys() == {there}
                assert await catalog.topics([]) == {}
        finally:
            await stop_quietly(reader)
            await catalog.close()
    assert not listed(kafka, topic)


async def test_without_a_broker_it_is_told_that_kafka_does_not_answer() -> None:
    with override_settings(KAFKA_BOOTSTRAP_SERVERS=[f"127.0.0.1:{free_port()}"]):
        catalog = Catalog()
        try:
            with pytest.raises(Unavailable):
                await catalog.ensure("items.v1")
        finally:
            await catalog.close()
