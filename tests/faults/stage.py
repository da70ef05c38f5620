"""What a run of faults happens to: two web processes, two bridges, Kafka, PostgreSQL and Redis, and a proxy in each way
between two of them, which can be cut or frozen."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from tests.support.processes import Installation, Process
from tests.support.proxy import Proxy
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import free_port

PARTITIONS = 4
READY_SECONDS = 120.0  # for four processes to start on a loaded machine


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
    """Everything that runs. ways: name -> the proxies between those two. pace: what every pause is multiplied with.
    told: what has happened so far."""

    installation: Installation
    kafka: Kafka
    postgres: Postgres
    redis: Redis
    topic: str
    webs: list[Process]
    bridges: list[Process]
    ways: dict[str, list[Proxy]]
    dice: random.Random
    pace: float = 1.0
    told: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.told.append(text)
        print(f"  {text}", flush=True)

    def some(self, between: tuple[float, float]) -> float:
        """Seconds between these two, as the dice fall, at this run's pace."""
        return self.dice.uniform(*between) * self.pace

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


async def set_up(
    installation: Installation, kafka: Cables, postgres: Postgres, redis: Redis, seed: int, *, pace: float = 1.0
) -> Stage:
    """Starts two web processes and two bridges. `installation` has the database and the items topic's name only."""
    topic = await asyncio.to_thread(lambda: kafka.create_topic(partitions=PARTITIONS))
    await asyncio.to_thread(installation.manage, "addtopic", topic)
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
    ways["client-web"] = [Proxy(f"127.0.0.1:{web.port}") for web in webs]
    for name, proxies in ways.items():
        for proxy in proxies if not name.endswith("-kafka") else ():
            proxy.start()
    for process in (*webs, *bridges):
        process.start(wait=False)
    for process in (*webs, *bridges):
        await asyncio.to_thread(process.wait_healthy)
    return Stage(installation, kafka, postgres, redis, topic, webs, bridges, ways, random.Random(seed), pace)


def redis_url(way: list[Proxy]) -> str:
    return f"redis://{way[0].address}/0"
