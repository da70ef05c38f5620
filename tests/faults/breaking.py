"""The faults: each breaks something of a stage, waits, and mends it. `FAULTS` names them all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from channels_redis.core import RedisChannelLayer
from confluent_kafka import ConsumerGroupState

from tests.faults.stage import Stage
from tests.support.processes import Process
from tests.support.services import Service
from tests.support.waiting import TimeIsUp, until

DOWN_SECONDS = (0.5, 4.0)  # how long something that was killed stays away
CUT_SECONDS = (1.0, 8.0)  # how long a way is cut or frozen
BLOCKED_SECONDS = 15.0  # of an event loop that stands still: longer than the group's session
FULL_SECONDS = 1.5  # how long a web process leaves its full queue alone
BRIDGES, HUBS = "streamboard", "streamboard.hubs"  # the consumer group, and the layer's group of web processes
CAPACITY = 256  # messages for one web process (project/settings.py)
REBALANCE_SECONDS = 20.0  # for a rebalance to begin

Fault = Callable[[Stage], Awaitable[None]]


async def killed(stage: Stage, what: Process | Service, name: str) -> None:
    stage.say(f"kill -9 {name}")
    await asyncio.to_thread(what.kill)
    await asyncio.sleep(stage.some(DOWN_SECONDS))
    await asyncio.to_thread(what.start)


async def stopped_politely(stage: Stage, what: Process, name: str) -> None:
    stage.say(f"polite restart of {name}")
    what.terminate()
    await asyncio.to_thread(what.wait)
    await asyncio.to_thread(what.start)


async def rolled(stage: Stage) -> None:
    """A new version comes in: every process in turn."""
    for number, process in enumerate((*stage.webs, *stage.bridges)):
        await stopped_politely(stage, process, f"process {number + 1} of 4 ({process.name})")


async def blocked(stage: Stage, what: Process, name: str) -> None:
    stage.say(f"{name} stands still for {BLOCKED_SECONDS:g} s")
    what.pause()
    await asyncio.sleep(BLOCKED_SECONDS)
    what.resume()


async def cut(stage: Stage, way: str) -> None:
    """A network that refuses, or one that swallows what is sent."""
    how, seconds = stage.dice.choice(["cut", "frozen"]), stage.some(CUT_SECONDS)
    stage.say(f"{way} is {how} for {seconds:.1f} s")
    proxies = stage.ways[way]
    for proxy in proxies:
        (proxy.cut if how == "cut" else proxy.freeze)()
    await asyncio.sleep(seconds)
    for proxy in proxies:
        proxy.mend()


async def full_layer(stage: Stage) -> None:
    """A web process that does not take its messages, until the layer drops what the bridges send to it."""
    web = stage.dice.choice(stage.webs)
    stage.say(f"the layer is full for {web.name}")
    layer = RedisChannelLayer(hosts=[stage.redis.url()], prefix="streamboard", capacity=CAPACITY, group_expiry=30)
    web.pause()
    try:
        for _ in range(CAPACITY + 1):
            await layer.group_send(HUBS, {"type": "streams.live", "version": 0})
        await asyncio.sleep(FULL_SECONDS)
    finally:
        web.resume()
        await layer.close_pools()


async def rebalance(stage: Stage) -> None:
    """One bridge joins again; while the group shares its partitions out anew, the other one is killed."""
    first, second = stage.dice.sample(stage.bridges, 2)
    stage.say(f"{first.name} is killed and returns; {second.name} is killed in the rebalance")
    await asyncio.to_thread(first.kill)
    first.start(wait=False)
    admin = stage.kafka.admin()

    def rebalances() -> bool:
        described = admin.describe_consumer_groups([BRIDGES])[BRIDGES].result(10)
        return described.state in {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}

    try:
        await until(lambda: asyncio.to_thread(rebalances), "a rebalance", REBALANCE_SECONDS)
    except TimeIsUp:
        stage.say("it was over before anybody saw it")
    await asyncio.to_thread(second.kill)
    await asyncio.to_thread(first.wait_healthy)
    await asyncio.to_thread(second.start)


FAULTS: dict[str, Fault] = {
    "kill-bridge": lambda stage: killed(stage, stage.dice.choice(stage.bridges), "a bridge"),
    "kill-web": lambda stage: killed(stage, stage.dice.choice(stage.webs), "a web process"),
    "kill-redis": lambda stage: killed(stage, stage.redis, "Redis"),
    "kill-kafka": lambda stage: killed(stage, stage.kafka, "Kafka"),
    "kill-postgres": lambda stage: killed(stage, stage.postgres, "PostgreSQL"),
    "rolling-restart": rolled,
    "block-bridge": lambda stage: blocked(stage, stage.dice.choice(stage.bridges), "a bridge"),
    "block-web": lambda stage: blocked(stage, stage.dice.choice(stage.webs), "a web process"),
    "full-layer": full_layer,
    "rebalance": rebalance,
    **{
        f"cut-{way}": partial(cut, way=way)
        for way in ("web-kafka", "bridge-kafka", "web-redis", "bridge-redis", "bridge-postgres", "client-web")
    },
}
# For every run of the tests, at SHORT_PACE; together they take a minute and a half.
SHORT_PACE = 0.4
SHORT = [
    "kill-bridge", "kill-web", "kill-redis", "kill-kafka", "kill-postgres", "block-bridge", "full-layer",
    "cut-web-kafka", "cut-bridge-kafka", "cut-web-redis", "cut-bridge-redis", "cut-bridge-postgres", "cut-client-web",
]  # fmt: skip
