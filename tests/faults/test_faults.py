"""The short set of faults, in an order of its own each time. `python -m tests.faults` runs the long one."""

from __future__ import annotations

import random

import pytest

from tests.conftest import Install
from tests.faults import harness
from tests.faults.breaking import SHORT, SHORT_PACE
from tests.faults.stage import Cables, set_up
from tests.support import services
from tests.support.services import Postgres, Redis

pytestmark = [pytest.mark.slow, pytest.mark.kafka]


async def test_nothing_is_lost_doubled_or_reordered_whatever_breaks(
    install: Install, postgres: Postgres, redis: Redis
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.faults --faults short --pace {SHORT_PACE} --records 5000 --clients 10 --seed {seed}")
    kafka = services.kafka_of(Cables)
    installation = install(postgres, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    stage = await set_up(installation, kafka, postgres, redis, seed, pace=SHORT_PACE)
    faults = SHORT.copy()
    stage.dice.shuffle(faults)
    try:
        print(await harness.run(stage, records=5000, clients=10, faults=faults))
    finally:
        stage.close()
        services.close(kafka)
