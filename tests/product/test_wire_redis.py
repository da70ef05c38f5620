"""The whole wire with Kafka, PostgreSQL and Redis: web processes that do not read Kafka, and bridges of their own."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import Install
from tests.support import wire
from tests.support.client import Follower
from tests.support.processes import Installation
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import until
from tests.support.wire import RECOVERY_SECONDS, Writer, create_item, everything_arrived

pytestmark = pytest.mark.slow


@pytest.fixture
def installation(install: Install, kafka: Kafka, postgres: Postgres, redis: Redis) -> Installation:
    """With a topic of its own."""
    topic = kafka.create_topic()
    return install(postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=topic, REDIS_URL=redis.url())


async def test_two_web_processes_two_bridges_and_one_of_them_killed(installation: Installation) -> None:
    webs = [installation.web(start=False) for _ in range(2)]
    bridges = [installation.bridge(start=False) for _ in range(2)]
    for process in (*webs, *bridges):
        process.start(wait=False)
    for process in (*webs, *bridges):
        process.wait_healthy()
    topic = installation.items_topic
    async with (
        Follower(webs[0].url, installation.tokens["alice"], topic) as first,
        Follower(webs[0].url, installation.tokens["bob"], topic) as second,
        Follower(webs[1].url, installation.tokens["alice"], topic) as third,
    ):
        followers = (first, second, third)
        for follower in followers:
            await follower.subscribed()
        opened = [follower.sockets for follower in followers]
        async with Writer(installation.token, *(web.url for web in webs)) as writer:
            await writer.more(30)
            await everything_arrived(installation, *followers, timeout=RECOVERY_SECONDS)
            bridges[0].kill()
            await writer.more(40)
        await everything_arrived(installation, *followers, timeout=RECOVERY_SECONDS)
        bridges[0].start()
        bridges[1].kill()
        async with Writer(installation.token, *(web.url for web in webs)) as writer:
            await writer.more(20)
        await everything_arrived(installation, *followers, timeout=RECOVERY_SECONDS)
        assert not any(follower.gaps for follower in followers)
        assert [follower.sockets for follower in followers] == opened


async def test_kill_9_of_a_web_process_while_events_flow(installation: Installation) -> None:
    webs = installation.web(), installation.web()
    installation.bridge()
    await wire.kill_9_of_a_web_process(installation, *webs)


async def test_redis_away_and_back_loses_nothing(installation: Installation, redis: Redis) -> None:
    web = installation.web()
    bridge = installation.bridge()
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed()
        await create_item(web.url, installation.token)
        await everything_arrived(installation, follower)
        redis.kill()
        async with Writer(installation.token, web.url) as writer:
            await writer.more(20)  # the API goes on
        redis.start()
        async with Writer(installation.token, web.url) as writer:
            await writer.more(10)
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
        await follower.until(lambda: follower.links[-1:] == ["live"], "the link is live", RECOVERY_SECONDS)
        assert not follower.gaps
    assert bridge.running


async def test_redis_absent_at_the_start_is_waited_for(installation: Installation, redis: Redis) -> None:
    redis.stop()
    web, bridge = installation.web(), installation.bridge()
    await wire.absent_at_the_start(installation, web, redis)
    assert bridge.running


async def test_kafka_away_and_back_loses_nothing(installation: Installation, kafka: Kafka) -> None:
    web, bridge = installation.web(), installation.bridge()
    await wire.kafka_away_and_back(installation, web, kafka)
    await until(lambda: bridge.answers("/readyz"), "the bridge is ready again", RECOVERY_SECONDS)


async def test_a_bridge_stops_politely_with_0_and_leaves_the_work_to_the_other(installation: Installation) -> None:
    web = installation.web()
    first, second = installation.bridge(), installation.bridge()
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed()
        async with Writer(installation.token, web.url) as writer:
            await writer.more(10)
            first.terminate()
            assert await asyncio.to_thread(first.wait) == 0
            await writer.more(10)
        await everything_arrived(installation, follower, timeout=RECOVERY_SECONDS)
    assert second.running


def test_bridge_once_drains_the_outbox_and_exits_with_0(installation: Installation) -> None:
    web = installation.web()
    asyncio.run(create_item(web.url, installation.token))
    web.kill()
    assert installation.run("bridge", "relay", "--once").returncode == 0
    assert installation.query("SELECT count(*) FROM streams_outboxmessage WHERE published_at IS NULL") == [(0,)]


def test_bridge_without_kafka_refuses_and_says_why(install: Install) -> None:
    done = install().run("bridge")
    assert done.returncode != 0
    assert "KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert "Traceback" not in done.stderr
