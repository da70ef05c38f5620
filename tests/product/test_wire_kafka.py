"""The whole wire with a real Kafka and without Redis: every uvicorn worker reads Kafka itself."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.conftest import Install
from tests.support import wire
from tests.support.client import Follower
from tests.support.processes import START_SECONDS, Installation, Process
from tests.support.services import Kafka, Postgres
from tests.support.sockets import open_connections, sockets_of
from tests.support.waiting import until
from tests.support.wire import RECOVERY_SECONDS, Writer, create_item, everything_arrived

pytestmark = pytest.mark.slow


@pytest.fixture
def installation(install: Install, kafka: Kafka, postgres: Postgres) -> Installation:
    """With a topic of its own."""
    topic = kafka.create_topic()
    return install(postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=topic)


async def spread(web: Process, installation: Installation) -> list[Follower]:
    """Opens followers until every worker has at least two of them; one that starts late may do so for a while."""
    followers: list[Follower] = []
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        follower = await Follower(web.url, installation.token, installation.items_topic).__aenter__()
        followers.append(follower)
        await follower.subscribed()
        if all(len(open_connections(web.port) & sockets_of(pid)) >= 2 for pid in web.workers()):
            return followers
        await asyncio.sleep(len(followers) / 200)  # ever more slowly, so that they do not become too many
    raise AssertionError(f"{len(followers)} sockets, and one of the workers {web.workers()} has none")


async def test_every_socket_of_two_workers_sees_every_item_event(installation: Installation) -> None:
    web = installation.web(workers=2)
    await until(lambda: len(web.workers()) == 2, "two workers")
    followers = await spread(web, installation)
    try:
        async with Writer(installation.token, web.url) as writer:
            await writer.more(80)
        await everything_arrived(installation, *followers)
        assert not any(follower.gaps for follower in followers)
    finally:
        for follower in followers:
            await follower.__aexit__(None, None, None)


async def test_kill_9_of_a_web_process_while_events_flow(installation: Installation) -> None:
    await wire.kill_9_of_a_web_process(installation, installation.web(), installation.web())


async def test_kafka_away_and_back_loses_nothing(installation: Installation, kafka: Kafka) -> None:
    await wire.kafka_away_and_back(installation, installation.web(), kafka)


async def test_kafka_absent_at_the_start_is_waited_for(installation: Installation, kafka: Kafka) -> None:
    kafka.stop()
    await wire.absent_at_the_start(installation, installation.web(), kafka)


async def test_a_hung_kafka_is_survived(installation: Installation, kafka: Kafka) -> None:
    web = installation.web()
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed()
        kafka.pause()
        try:
            async with Writer(installation.token, web.url) as writer:
                await writer.more(10)
            await follower.until(lambda: follower.links[-1:] == ["down"], "a heartbeat with the link down", 60)
        finally:
            kafka.resume()
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        assert not follower.gaps


async def test_the_database_away_and_back_loses_nothing(installation: Installation, postgres: Postgres) -> None:
    web = installation.web()
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed()
        # At once, so that the pool has several connections: none of them may fail a request afterwards.
        await asyncio.gather(*(create_item(web.url, installation.token) for _ in range(8)))
        await everything_arrived(installation, follower)
        await asyncio.to_thread(postgres.kill)
        await until(lambda: web.answers("/readyz", 503), "readyz says that the database is away", RECOVERY_SECONDS)
        assert web.answers("/healthz")
        await asyncio.to_thread(postgres.start)
        await until(lambda: web.answers("/readyz", 200), "readyz says that the database is back", RECOVERY_SECONDS)
        async with Writer(installation.token, web.url) as writer:
            await writer.more(10)
        assert not writer.refused
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        assert not follower.gaps
        assert web.running
