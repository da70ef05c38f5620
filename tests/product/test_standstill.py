"""Processes that stand still for a while (a laptop's lid, a paused machine): the live side goes on with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Install
from tests.support.client import Follower
from tests.support.processes import Installation, Process
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import until
from tests.support.wire import RECOVERY_SECONDS, create_item, everything_arrived

pytestmark = [pytest.mark.slow(50), pytest.mark.waits]

STANDSTILL_SECONDS = 22  # over every bound on a single request to Kafka


def fanned_out(process: Process) -> float:
    """Records that the fan-out itself has brought: what a web process reads by itself is not among them."""
    families = text_string_to_metric_families(process.get("/metrics").text)
    return sum(
        sample.value
        for each in families
        for sample in each.samples
        if sample.name == "streamboard_fanout_records_total"
    )


def runs(process: Process) -> bool:
    return "\ntasks: ok\n" in process.readyz()


def embedded(install: Install, _request: pytest.FixtureRequest) -> tuple[Installation, Process, Process]:
    installation = install()
    web = installation.web()
    return installation, web, web


def with_kafka(install: Install, request: pytest.FixtureRequest) -> tuple[Installation, Process, Process]:
    kafka: Kafka = request.getfixturevalue("kafka")
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    web = installation.web()
    return installation, web, web


def with_a_bridge(install: Install, request: pytest.FixtureRequest) -> tuple[Installation, Process, Process]:
    kafka: Kafka = request.getfixturevalue("kafka")
    postgres: Postgres = request.getfixturevalue("postgres")
    redis: Redis = request.getfixturevalue("redis")
    installation = install(
        postgres,
        KAFKA_BOOTSTRAP_SERVERS=kafka.address,
        REDIS_URL=redis.url(),
        KAFKA_ITEMS_TOPIC=kafka.create_topic(),
    )
    return installation, installation.web(), installation.bridge()


@pytest.mark.parametrize(
    ("mode", "rounds"),
    [
        (embedded, 2),
        pytest.param(with_kafka, 1, marks=pytest.mark.kafka),
        pytest.param(
            with_a_bridge, 1, marks=[pytest.mark.kafka, pytest.mark.postgres, pytest.mark.redis, pytest.mark.slow(90)]
        ),
    ],
)
async def test_what_stood_still_delivers_again(
    mode: Callable[[Install, pytest.FixtureRequest], tuple[Installation, Process, Process]],
    rounds: int,
    install: Install,
    request: pytest.FixtureRequest,
) -> None:
    """The web process and, where there is one, the bridge stand still together."""
    installation, web, fanning = mode(install, request)

    async def is_fanned_out() -> None:
        before = await asyncio.to_thread(fanned_out, fanning)

        async def comes() -> bool:
            await create_item(web.url, installation.token)
            return await asyncio.to_thread(fanned_out, fanning) > before

        await until(comes, "the fan-out brings records", RECOVERY_SECONDS)

    async with Follower(web.url, installation.token, installation.env.get("KAFKA_ITEMS_TOPIC", "items.v1")) as follower:
        await follower.subscribed(RECOVERY_SECONDS)
        await is_fanned_out()
        for _ in range(rounds):
            for process in {web, fanning}:
                process.pause()
            await asyncio.sleep(STANDSTILL_SECONDS)  # the fault itself
            for process in {web, fanning}:
                process.resume()
            await is_fanned_out()
        await everything_arrived(installation, follower)
        await follower.until(lambda: follower.links[-1] == "live", "the link is live", RECOVERY_SECONDS)
        assert not follower.gaps
    await until(lambda: all(runs(process) for process in {web, fanning}), "every task runs", RECOVERY_SECONDS)
