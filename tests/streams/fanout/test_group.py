"""The consumer group of the bridges, at a real Kafka."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

import confluent_kafka
import pytest
import pytest_django

from streams.fanout.group import GroupTail
from streams.kafka import tail
from tests.support.services import Kafka
from tests.support.waiting import until

pytestmark = [pytest.mark.slow(70), pytest.mark.waits]
SILENT_SECONDS = 20  # for so long Kafka waits for a member that does not join again


async def test_a_bridge_waits_for_its_share_as_long_as_kafka_waits_for_a_member_that_is_silent(
    kafka: Kafka, settings: pytest_django.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once took the wait for a broken consumer and began anew, as one more member that the others wait for: bridges
    did that to each other for up to a minute after Kafka's return."""
    settings.KAFKA_BOOTSTRAP_SERVERS = [kafka.address]
    topic = kafka.create_topic(partitions=2)
    settings.KAFKA_CONSUMER_GROUP = uuid.uuid4().hex
    monkeypatch.setattr(tail, "POLL_TIMEOUT_S", 6.0)  # and the wait is longer
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    bridge, stop = GroupTail({topic: "an-epoch"}, send), asyncio.Event()
    with contextlib.closing(a_member_that_falls_silent(kafka, topic, settings.KAFKA_CONSUMER_GROUP)):
        began = asyncio.get_running_loop().time()
        await bridge.start()
        running = asyncio.create_task(bridge.tail.run(stop.is_set))
        try:
            await until(lambda: bridge.assigned.is_set() or running.done(), "a share", 60)
            assert not running.done(), running
            assert asyncio.get_running_loop().time() - began > tail.POLL_TIMEOUT_S, "the group did not wait at all"
            await until(lambda: sent or running.done(), "it reads", 60)
        finally:
            stop.set()
            await running
            await bridge.stop()


def a_member_that_falls_silent(kafka: Kafka, topic: str, name: str) -> confluent_kafka.Consumer:
    """In the group, and polls no more: it does not hear that it has to join again."""
    member = confluent_kafka.Consumer(
        {
            "bootstrap.servers": kafka.address, "group.id": name, "session.timeout.ms": 15_000,
            "max.poll.interval.ms": SILENT_SECONDS * 1000, "partition.assignment.strategy": "roundrobin",
        }
    )  # fmt: skip
    member.subscribe([topic])
    for _ in range(60):
        member.poll(1)
        if member.assignment():
            return member
    raise AssertionError("no share within 60 s")
