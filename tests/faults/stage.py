"""What a run of faults happens to: two web processes, two bridges, Kafka, PostgreSQL and Redis, and a proxy in each way
between two of them, which can be cut or frozen; or as much of it as the mode without Redis has; or one web process with
its embedded broker."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Producer

from tests.support.processes import START_SECONDS, Installation, Process
from tests.support.proxy import Proxy
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import free_port, wait_until

PARTITIONS = 4  # as many as the embedded broker gives a topic
ANSWER_SECONDS = 30
HALTS = 100  # the newest of them that are remembered


class Cables(Kafka):
    """A Kafka that web processes and bridges reach in ways of their own: it names each of them the proxy's address."""

    name = "kafka-for-faults"

    def __init__(self) -> None:
        super().__init__()
        self.web, self.bridge = (Proxy(f"127.0.0.1:{free_port()}") for _ in range(2))
        inside = [f"PLAINTEXT://{self.address}", f"CONTROLLER://127.0.0.1:{self.controller_port}"]
        ways = {"WEB": self.web, "BRIDGE": self.bridge}
        self.settings |= {
            "listeners": ",".join(
                [*inside, *(f"{name}://127.0.0.1:{proxy.target[1]}" for name, proxy in ways.items())]
            ),
            "advertised.listeners": ",".join(
                [inside[0], *(f"{name}://{proxy.address}" for name, proxy in ways.items())]
            ),
            "listener.security.protocol.map": ",".join(
                f"{name}:PLAINTEXT" for name in ("PLAINTEXT", "CONTROLLER", *ways)
            ),
        }
        for proxy in ways.values():
            proxy.start()

    def close(self) -> None:
        super().close()
        self.web.close()
        self.bridge.close()


@dataclass
class Stage:
    """Everything that runs. kafka_address: where tests reach Kafka, past all proxies. ways: name -> the proxies between
    those two. pace: what every pause is multiplied with. stands: how often a process is stopped in one fault.
    told: what has happened so far."""

    installation: Installation
    topic: str
    kafka_address: str
    webs: list[Process]
    ways: dict[str, list[Proxy]]
    dice: random.Random
    bridges: list[Process] = field(default_factory=list)
    kafka: Kafka | None = None
    postgres: Postgres | None = None
    redis: Redis | None = None
    pace: float = 1.0
    stands: int = 1
    told: list[str] = field(default_factory=list)
    _halts: deque[list[float]] = field(default_factory=lambda: deque(maxlen=HALTS))

    def say(self, text: str) -> None:
        self.told.append(text)
        print(f"  {text}", flush=True)

    def some(self, between: tuple[float, float]) -> float:
        """Seconds between these two, as the dice fall, at this run's pace."""
        return self.dice.uniform(*between) * self.pace

    @contextlib.contextmanager
    def halting(self) -> Iterator[None]:
        """Meanwhile a client may hear nothing, whatever the product does."""
        halt = [time.monotonic(), float("inf")]
        self._halts.append(halt)
        try:
            yield
        finally:
            halt[1] = time.monotonic()

    def stood_still(self, begin: float, end: float) -> None:
        """Notes that the clients' own process did nothing between these moments (monotonic): it heard nothing then."""
        self._halts.append([begin, end])

    def halted(self, since: float) -> float:
        """How many seconds since that moment (monotonic) were such."""
        now = time.monotonic()
        return sum(max(0.0, min(end, now) - max(begin, since)) for begin, end in self._halts)

    @property
    def items_topic(self) -> str:
        return self.installation.env.get("KAFKA_ITEMS_TOPIC", "items.v1")

    @property
    def urls(self) -> list[str]:
        """Of the web processes themselves."""
        return [web.url for web in self.webs]

    @property
    def far_urls(self) -> list[str]:
        """The same behind the proxies of the way client–web."""
        return [f"http://{proxy.address}" for proxy in self.ways["client-web"]]

    def close(self) -> None:
        """Ends the proxies; processes and services belong to others."""
        for name, proxies in self.ways.items():
            if not name.endswith("-kafka"):
                for proxy in proxies:
                    proxy.close()


async def with_redis(installation: Installation, kafka: Cables, postgres: Postgres, redis: Redis) -> Stage:
    """Two web processes and two bridges. `installation` has the database and the items topic's name only."""
    topic = await watched_topic(installation, kafka)
    ways = {
        "web-kafka": [kafka.web],
        "bridge-kafka": [kafka.bridge],
        "web-redis": [Proxy(redis.address)],
        "bridge-redis": [Proxy(redis.address)],
        "bridge-postgres": [Proxy(postgres.address)],
    }
    web_env: dict[str, Any] = {"KAFKA_BOOTSTRAP_SERVERS": kafka.web.address, "REDIS_URL": redis_url(ways["web-redis"])}
    bridge_env: dict[str, Any] = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bridge.address,
        "REDIS_URL": redis_url(ways["bridge-redis"]),
        "DATABASE_URL": installation.database_url.replace(postgres.address, ways["bridge-postgres"][0].address),
    }
    webs = [installation.web(start=False, **web_env) for _ in range(2)]
    bridges = [installation.bridge(start=False, **bridge_env) for _ in range(2)]
    stage = Stage(
        installation, topic, kafka.address, webs, ways, random.Random(), bridges=bridges, kafka=kafka,
        postgres=postgres, redis=redis,
    )  # fmt: skip
    await start(stage)
    return stage


async def without_redis(installation: Installation, kafka: Cables, postgres: Postgres) -> Stage:
    """Two web processes that read Kafka themselves."""
    topic = await watched_topic(installation, kafka)
    webs = [installation.web(start=False, KAFKA_BOOTSTRAP_SERVERS=kafka.web.address) for _ in range(2)]
    stage = Stage(
        installation, topic, kafka.address, webs, {"web-kafka": [kafka.web]}, random.Random(), kafka=kafka,
        postgres=postgres,
    )  # fmt: skip
    await start(stage)
    return stage


async def embedded(installation: Installation) -> Stage:
    """One web process and the broker in it, whose address it prints once it has started."""
    topic = "numbers"
    await asyncio.to_thread(installation.manage, "addtopic", topic)
    web = installation.web(start=False, RUN_ADDRESS="http://127.0.0.1/")
    stage = Stage(installation, topic, "", [web], {}, random.Random())
    await start(stage)
    told = re.compile(r"^Kafka: +(\S+) ", re.MULTILINE)
    found = await asyncio.to_thread(
        wait_until,
        lambda: told.search(web.log()),
        "the broker's address",
        START_SECONDS,
    )
    assert found is not None
    stage.kafka_address = found.group(1)
    producer = Producer({"bootstrap.servers": stage.kafka_address, "log_level": 0})
    await asyncio.to_thread(producer.list_topics, topic, timeout=ANSWER_SECONDS)  # which makes it
    return stage


async def watched_topic(installation: Installation, kafka: Kafka) -> str:
    topic = await asyncio.to_thread(lambda: kafka.create_topic(partitions=PARTITIONS))
    await asyncio.to_thread(installation.manage, "addtopic", topic)
    return topic


async def start(stage: Stage) -> None:
    """Starts the processes and the proxies, those before the web processes among them."""
    stage.ways["client-web"] = [Proxy(f"127.0.0.1:{web.port}") for web in stage.webs]
    for name, proxies in stage.ways.items():
        for proxy in proxies if not name.endswith("-kafka") else ():
            proxy.start()
    processes = [*stage.webs, *stage.bridges]
    for process in processes:
        process.start(wait=False)
    for process in processes:
        await asyncio.to_thread(process.wait_healthy)


def redis_url(way: list[Proxy]) -> str:
    return f"redis://{way[0].address}/0"
