"""The product's web process with Kafka and the fan-out replaced by records that are made in the process, and uvicorn
around it. Imported by server.py once Django is set up.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Any

import uvicorn

from streams.fanout import inline
from streams.hub import delivery, topic_watch
from streams.hub.hub import Hub
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import Bounds, History
from streams.outbox import relay
from streams.wire import records
from streams.wire.ranges import Batch, Range, Status, split
from tests.bench.source import Source, steered, value

PARTITIONS = 4
TOPIC, EPOCH = "bench", "bench"
STATUS_S = 1.0
FLOOD_BYTES = 1024 * 1024  # one step of a flood
FLOOD_STEP_S = 0.01


class Made:
    """In place of Kafka and the fan-out: one topic, its records made here, and handed on as streams/kafka/tail.py
    does."""

    def __init__(self) -> None:
        self.offsets = dict.fromkeys(range(PARTITIONS), 0)
        self.hub: Any = None
        self.flood_left = self.flood_size = 0
        self.source = Source(self.emit)

    async def run_inline(self, hub: Any, stop: asyncio.Event) -> None:
        """As fanout.run_inline."""
        self.hub = hub
        while TOPIC not in hub.logs:
            await asyncio.sleep(0.01)
        await asyncio.gather(self.source.run(), self._tell_status())

    async def topics(self, names: Iterable[str]) -> dict[str, Any]:
        """As Catalog.topics."""
        return {TOPIC: TopicInfo(TOPIC, tuple(range(PARTITIONS)), EPOCH)}

    async def ensure(self, name: str) -> None:
        """As Catalog.ensure: nobody publishes here."""

    async def bounds(self, topic: str, partitions: Iterable[int]) -> Bounds:
        """As History.bounds."""
        return Bounds(dict.fromkeys(partitions, 0), dict(self.offsets))

    async def close(self) -> None:
        return

    def emit(self, first: int, values: list[bytes]) -> None:
        parts: dict[int, list[records.Record]] = {}
        now = time.time_ns() // 1_000_000
        for number, made in enumerate(values, first):
            part = parts.setdefault(number % PARTITIONS, [])
            offset = self.offsets[number % PARTITIONS] + len(part)
            part.append(records.encode(offset, now, b"%d" % (number % 1000), (), made))
        ranges: list[Range] = []
        for partition, part in parts.items():
            start = self.offsets[partition]
            self.offsets[partition] = end = start + len(part)
            ranges.extend(split(partition, start, end, part))
        self.hub.ingest([Batch(TOPIC, EPOCH, tuple(ranges))])

    async def _tell_status(self) -> None:
        while True:
            self.hub.status(Status(TOPIC, EPOCH, dict(self.offsets), dict(self.offsets)))
            await asyncio.sleep(STATUS_S)

    async def flood(self) -> None:
        while self.flood_left > 0:
            count = max(1, FLOOD_BYTES // self.flood_size)
            self.emit(self.source.number, [value(n, self.flood_size) for n in range(count)])
            self.source.number += count
            self.flood_left -= count * self.flood_size
            await asyncio.sleep(FLOOD_STEP_S)


async def no_relay(stop: asyncio.Event, *, republish: int = 0) -> None:
    """As relay.run, where another process has it."""
    await stop.wait()


def fix_tick(hub: Hub, milliseconds: float) -> None:
    """From now on the tick does not grow with the sockets."""
    hub.delivery._round_s = 0.0
    delivery.TICK_S = milliseconds / 1000


def serve(ws: str) -> None:
    made = Made()
    topic_watch.Catalog = lambda: made  # type: ignore[misc,assignment]
    History.bounds = lambda _, topic, partitions: made.bounds(topic, partitions)  # type: ignore[method-assign]
    inline.run_inline = made.run_inline
    relay.run = no_relay

    flooding: set[asyncio.Task[None]] = set()

    def handle(words: list[str]) -> object:
        match words:
            case ["rate", rate]:
                made.source.set_rate(float(rate))
            case ["tick", milliseconds]:
                fix_tick(made.hub, float(milliseconds))
            case ["flood", total, size]:
                made.flood_left, made.flood_size = int(total), int(size)
                flooding.add(asyncio.create_task(made.flood()))
            case ["flooded"]:
                return {"left": made.flood_left, "connections": len(made.hub.connections)}
            case _:
                return {"error": words}
        return None

    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(
        "project.asgi:application", loop="uvloop", http="streams.server:WebProtocol", ws=ws,
        ws_per_message_deflate=False, ws_max_size=65536, lifespan="on", log_level="warning",
        timeout_graceful_shutdown=1,
    )  # fmt: skip

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            steered(handle, listener.getsockname()[1])

    Server(config).run(sockets=[listener])
