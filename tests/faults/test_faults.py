"""The short set of faults, in an order of its own each time. `python -m tests.faults` runs the long one."""

from __future__ import annotations

import random

import pytest

from tests.conftest import Install
from tests.faults.breaking import SHORT, SHORT_PACE, SHORT_STANDS
from tests.faults.harness import Run
from tests.faults.stage import Cables, Stage, embedded, with_redis
from tests.support import services
from tests.support.services import Postgres, Redis

pytestmark = [pytest.mark.slow, pytest.mark.kafka]
CLIENTS, RATE, JOINS = 15, 200.0, 12.0


def short(stage: Stage, faults: list[str], mode: str) -> Run:
    seed = random.SystemRandom().randrange(10**6)
    print(
        f"python -m tests.faults --mode {mode} --faults {','.join(faults)} --pace {SHORT_PACE} "
        f"--stands {SHORT_STANDS} --rate {RATE:g} --clients {CLIENTS} --joins {JOINS:g} --seed {seed}"
    )
    stage.dice.seed(seed)
    stage.pace, stage.stands = SHORT_PACE, SHORT_STANDS
    faults = faults.copy()
    stage.dice.shuffle(faults)
    return Run(stage, clients=CLIENTS, rate=RATE, joins=JOINS, faults=faults)


@pytest.mark.slow(90)
async def test_nothing_is_lost_doubled_or_reordered_whatever_breaks(
    install: Install, postgres: Postgres, redis: Redis
) -> None:
    kafka = services.kafka_of(Cables)
    installation = install(postgres, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    stage = await with_redis(installation, kafka, postgres, redis)
    try:
        print(await short(stage, SHORT, "redis").run())
    finally:
        stage.close()
        services.close(kafka)


async def test_with_the_embedded_broker_nothing_is_lost_and_reading_goes_on_after_a_standstill(
    install: Install,
) -> None:
    stage = await embedded(install())
    try:
        print(await short(stage, ["stand-web", "cut-client-web"], "embedded").run())
    finally:
        stage.close()
