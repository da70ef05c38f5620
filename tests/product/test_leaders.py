"""Two brokers: the leaders of a topic's partitions move while web process and bridge run with Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # it is public

from tests.conftest import Install
from tests.kafka import server as kafka_server
from tests.support import services
from tests.support.client import Follower
from tests.support.services import CALL_SECONDS, Kafka, Postgres, Redis
from tests.support.waiting import until, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.kafka]
AGAIN_SECONDS = 60  # for Kafka to choose new leaders, and for the product to find them, on a loaded machine
PARTITIONS = 4


class First(Kafka):
    """Broker 1, which is the controller too."""

    name = "first-kafka"

    def __init__(self) -> None:
        super().__init__()
        self.cluster = kafka_server.new_cluster()
        self.settings |= {
            "offsets.topic.replication.factor": "2",
            # A broker that returns leads its partitions again within a second or two.
            "leader.imbalance.check.interval.seconds": "1",
            "leader.imbalance.per.broker.percentage": "0",
        }

    def command(self) -> list[str]:
        return self.prepared(self.cluster)

    def create_spread(self) -> str:
        """A topic that both brokers hold; each of them leads some of its partitions."""
        topic, admin = f"spread-{self.port}", self.admin()
        wait_until(lambda: len(admin.list_topics(timeout=CALL_SECONDS).brokers) == 2, "there are two", CALL_SECONDS)
        services.create_topics(admin, NewTopic(topic, PARTITIONS, 2))
        wait_until(lambda: self.leaders(topic) == {1, 2}, "both lead", CALL_SECONDS)
        return topic

    def leaders(self, topic: str) -> set[int]:
        found = services.known(self.admin(), topic)
        return {part.leader for part in found.values()} if len(found) == PARTITIONS else set()


class Second(First):
    """Broker 2 of the same cluster."""

    name = "second-kafka"

    def __init__(self, first: First) -> None:
        super().__init__()
        self.cluster = first.cluster
        self.settings |= {
            "process.roles": "broker",
            "node.id": "2",
            "controller.quorum.voters": f"1@127.0.0.1:{first.controller_port}",
            "listeners": f"PLAINTEXT://{self.address}",
        }


@pytest.fixture
def first() -> Iterator[First]:
    kafka = services.kafka_of(First)
    yield kafka
    services.close(kafka)


@pytest.fixture
def second(first: First) -> Iterator[Second]:
    kafka = Second(first)
    kafka.start()
    yield kafka
    kafka.close()


async def test_leaders_that_move_and_move_back_cost_nothing(
    install: Install, first: First, second: Second, postgres: Postgres, redis: Redis
) -> None:
    topic = first.create_spread()
    servers = f"{first.address},{second.address}"
    installation = install(postgres, KAFKA_BOOTSTRAP_SERVERS=servers, KAFKA_ITEMS_TOPIC=topic, REDIS_URL=redis.url())
    web = installation.web()
    installation.bridge("fanout")
    async with Follower(web.url, installation.token, topic) as follower:
        await follower.subscribed(AGAIN_SECONDS)
        produced = 0

        async def arrives() -> None:
            nonlocal produced
            for partition in range(PARTITIONS):
                produced += len(first.produce(topic, [b"1"] * 5, partition=partition))
            await follower.until(lambda: len(follower.records) == produced, "all records", AGAIN_SECONDS)

        await arrives()
        await asyncio.to_thread(second.kill)
        await until(lambda: first.leaders(topic) == {1}, "the first leads all of them", AGAIN_SECONDS)
        await arrives()
        await asyncio.to_thread(second.start)
        await until(lambda: first.leaders(topic) == {1, 2}, "both lead", AGAIN_SECONDS)
        await arrives()
        assert not follower.gaps
        assert follower.sockets == 1


async def test_a_partition_that_nobody_leads_holds_up_its_own_topic_and_no_other(
    install: Install, first: First, second: Second, postgres: Postgres
) -> None:
    items, admin = first.create_spread(), first.admin()
    alone, other = f"a-{first.port}", f"b-{first.port}"  # the web process opens them in this order
    wanted = [NewTopic(alone, 1, replica_assignment=[[2]]), NewTopic(other, 1, replica_assignment=[[1]])]
    services.create_topics(admin, *wanted)
    await asyncio.to_thread(second.kill)
    await until(lambda: not services.known(admin, alone), "nobody leads it", AGAIN_SECONDS)
    servers = f"{first.address},{second.address}"
    installation = install(postgres, KAFKA_BOOTSTRAP_SERVERS=servers, KAFKA_ITEMS_TOPIC=items)
    for topic in (alone, other):
        installation.watch(topic)
    web = installation.web()
    async with Follower(web.url, installation.token, other) as follower:
        await follower.subscribed(AGAIN_SECONDS)
        first.produce(other, [b"1"] * 5)
        await follower.until(lambda: len(follower.records) == 5, "the other's records", AGAIN_SECONDS)
        await until(lambda: "No broker leads all partitions" in web.log(), "it is told", AGAIN_SECONDS)
        await asyncio.to_thread(second.start)
        async with Follower(web.url, installation.token, alone) as late:
            await late.subscribed(AGAIN_SECONDS)
            first.produce(alone, [b"1"] * 5)
            await late.until(lambda: len(late.records) == 5, "its own records", AGAIN_SECONDS)
        assert not follower.gaps
