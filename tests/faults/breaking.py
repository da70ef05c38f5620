"""The faults: each breaks something of a stage, waits, and mends it. `FAULTS` names them all."""

from __future__ import annotations

import asyncio
import contextlib
import time
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
STAND_SECONDS = (20.0, 60.0)  # of a process that is stopped and goes on, as with a laptop's lid
STANDS = 2  # so often, one after the other
LIVE_AGAIN_SECONDS = 60.0  # after it: the consumer group has to share out its partitions anew, on a loaded machine
NOTHING_SECONDS = 10.0
FULL_SECONDS = 1.5  # how long a web process leaves its full queue alone
HUBS = "streamboard.hubs"  # the layer's group of web processes
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
    processes = [*stage.webs, *stage.bridges]
    for number, process in enumerate(processes, 1):
        await stopped_politely(stage, process, f"process {number} of {len(processes)} ({process.name})")


async def blocked(stage: Stage, what: Process, name: str) -> None:
    stage.say(f"{name} stands still for {BLOCKED_SECONDS:g} s")
    await halted(stage, what, BLOCKED_SECONDS)


async def halted(stage: Stage, what: Process, seconds: float) -> None:
    with stage.halting():
        what.pause()
        try:
            await asyncio.sleep(seconds)
        finally:
            what.resume()


async def stood(stage: Stage, what: Process, name: str) -> None:
    """Stopped and going on, again and again; in the end every web process reads as before."""
    for turn in range(stage.stands):
        if turn:
            await asyncio.sleep(stage.some(DOWN_SECONDS))
        seconds = stage.some(STAND_SECONDS)
        stage.say(f"{name} ({what.name}) is stopped for {seconds:.0f} s")
        await halted(stage, what, seconds)
    began = time.monotonic()
    await until(lambda: asyncio.to_thread(all_live, stage), f"live again after {name} stood", LIVE_AGAIN_SECONDS)
    stage.say(f"live again after {time.monotonic() - began:.1f} s")


def all_live(stage: Stage) -> bool:
    """Whether every web process calls its link to Kafka live, and does so a second later."""
    for _ in range(2):
        if not all("kafka: live" in web.readyz() for web in stage.webs):
            return False
        time.sleep(1)
    return True


async def cut(stage: Stage, way: str) -> None:
    """A network that refuses, or one that swallows what is sent."""
    how, seconds = stage.dice.choice(["cut", "frozen"]), stage.some(CUT_SECONDS)
    stage.say(f"{way} is {how} for {seconds:.1f} s")
    proxies = stage.ways[way]
    with stage.halting() if way == "client-web" else contextlib.nullcontext():
        for proxy in proxies:
            (proxy.cut if how == "cut" else proxy.freeze)()
        await asyncio.sleep(seconds)
        for proxy in proxies:
            proxy.mend()


async def full_layer(stage: Stage) -> None:
    """A web process that does not take its messages, until the layer drops what the bridges send to it."""
    web = stage.dice.choice(stage.webs)
    assert stage.redis is not None
    stage.say(f"the layer is full for {web.name}")
    layer = RedisChannelLayer(hosts=[stage.redis.url()], prefix="streamboard", capacity=CAPACITY, group_expiry=30)
    try:
        with stage.halting():
            web.pause()
            try:
                for _ in range(CAPACITY + 1):
                    await layer.group_send(HUBS, {"type": "streams.live", "version": 0})
                await asyncio.sleep(FULL_SECONDS)
            finally:
                web.resume()
    finally:
        await layer.close_pools()


async def rebalance(stage: Stage) -> None:
    """One bridge joins again; while the group shares its partitions out anew, the other one is killed."""
    first, second = stage.dice.sample(stage.bridges, 2)
    stage.say(f"{first.name} is killed and returns; {second.name} is killed in the rebalance")
    await asyncio.to_thread(first.kill)
    first.start(wait=False)
    assert stage.kafka is not None
    admin, bridges = stage.kafka.admin(), f"streamboard.{stage.installation.items_topic}"

    def rebalances() -> bool:
        described = admin.describe_consumer_groups([bridges])[bridges].result(10)
        return described.state in {ConsumerGroupState.PREPARING_REBALANCING, ConsumerGroupState.COMPLETING_REBALANCING}

    try:
        await until(lambda: asyncio.to_thread(rebalances), "a rebalance", REBALANCE_SECONDS)
    except TimeIsUp:
        stage.say("it was over before anybody saw it")
    await asyncio.to_thread(second.kill)
    await asyncio.to_thread(first.wait_healthy)
    await asyncio.to_thread(second.start)


def a_web(stage: Stage) -> Process:
    return stage.dice.choice(stage.webs)


def a_bridge(stage: Stage) -> Process:
    return stage.dice.choice(stage.bridges)


async def service_killed(stage: Stage, name: str) -> None:
    service: Service | None = getattr(stage, name.lower())
    assert service is not None
    await killed(stage, service, name)


async def nothing(stage: Stage) -> None:
    """What the faults are compared with."""
    await asyncio.sleep(NOTHING_SECONDS)


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "kill-bridge": lambda stage: killed(stage, a_bridge(stage), "a bridge"),
    "kill-web": lambda stage: killed(stage, a_web(stage), "a web process"),
    "kill-redis": partial(service_killed, name="Redis"),
    "kill-kafka": partial(service_killed, name="Kafka"),
    "kill-postgres": partial(service_killed, name="Postgres"),
    "rolling-restart": rolled,
    "block-bridge": lambda stage: blocked(stage, a_bridge(stage), "a bridge"),
    "block-web": lambda stage: blocked(stage, a_web(stage), "a web process"),
    "stand-bridge": lambda stage: stood(stage, a_bridge(stage), "a bridge"),
    "stand-web": lambda stage: stood(stage, a_web(stage), "a web process"),
    "full-layer": full_layer,
    "rebalance": rebalance,
    **{
        f"cut-{way}": partial(cut, way=way)
        for way in ("web-kafka", "bridge-kafka", "web-redis", "bridge-redis", "bridge-postgres", "client-web")
    },
}
# What can break in each of the three modes (docs/architecture.md, "Processes").
IN_MODE: dict[str, list[str]] = {
    "redis": list(FAULTS),
    "kafka": [
        "nothing", "kill-web", "kill-kafka", "kill-postgres", "rolling-restart", "block-web", "stand-web",
        "cut-web-kafka", "cut-client-web",
    ],
    # Its broker forgets when the process ends, so nothing is killed.
    "embedded": ["nothing", "block-web", "stand-web", "cut-client-web"],
}  # fmt: skip
# For every run of the tests, at SHORT_PACE; together they take a minute and a half.
SHORT_PACE = 0.2
SHORT_STANDS = 1
SHORT = [
    "kill-bridge", "kill-web", "kill-redis", "kill-kafka", "kill-postgres", "stand-bridge", "stand-web", "full-layer",
    "cut-web-kafka", "cut-bridge-kafka", "cut-web-redis", "cut-bridge-redis", "cut-bridge-postgres", "cut-client-web",
]  # fmt: skip
