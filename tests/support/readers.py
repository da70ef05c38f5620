"""A hub without Kafka, for tests: its history is a plain table, and its readers apply the protocol's rules."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from streams.decoding.formats import OWN, Formats
from streams.hub import sink
from streams.hub.connection import Connection
from streams.hub.hub import Hub
from streams.hub.subscription import Subscription
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import Bounds, History
from streams.rights.credentials import Credentials
from streams.wire.frames import Frame
from streams.wire.ranges import Range, split
from streams.wire.records import Record


def record(offset: int, size: int = 20) -> Record:
    return Record(offset, 1000, size, b'{"offset":%d,"pad":"%b"}' % (offset, b"x" * size))


def part(partition: int, start: int, end: int, size: int = 20) -> Range:
    return Range(partition, start, end, tuple(record(offset, size) for offset in range(start, end)))


class Table(History):
    """Kafka's part of the tests: every offset of every partition is there, from `first` on."""

    def __init__(self, ends: dict[int, int], first: int = 0) -> None:
        super().__init__(sources=0)
        self.ends, self.first = ends, first
        self.reads: list[tuple[int, int, int]] = []

    async def page(
        self, topic: str, partition: int, start: int, end: int, formats: Formats = OWN, *, whole: bool = False
    ) -> list[Range]:
        self.reads.append((partition, start, end))
        await asyncio.sleep(0)
        if start < self.first:
            return [Range(partition, start, min(self.first, end), (), "retention")]
        stop = min(end, start + 7)
        return list(split(partition, start, stop, part(partition, start, stop).records))

    async def bounds(self, topic: str, partitions: Any) -> Bounds:
        return Bounds(dict.fromkeys(self.ends, self.first), dict(self.ends))


broken: list[str] = []  # what frames broke docs/protocol.md, of all clients; a test that ends with some fails


class Client:
    """A reader that applies frames by the protocol's table and acknowledges when told to. raw: takes framed bytes."""

    frame_s = 0.0

    def __init__(self, hub: Hub, topic: str = "t", *, raw: bool = False) -> None:
        self.hub, self.topic = hub, topic
        self.write_raw: Callable[[bytes], object] | None = self._write_raw if raw else None
        self.frames: list[dict[str, Any]] = []
        self.closed_with: int | None = None
        self.fails_with: Exception | None = None  # what a write raises
        self._is_full = False
        self.connection: Connection[Subscription] = Connection(
            "c", "ada", Credentials(1), self, asyncio.get_running_loop().time()
        )
        self.on_full: Callable[[bool], None] = partial(hub.delivery.fill, self.connection)
        hub.add(self.connection)
        self.positions: dict[int, int] = {}
        self.seen: dict[int, list[int]] = {}
        self.gaps: list[tuple[int, int, int, str]] = []
        self.duplicates = self.delivered = 0  # ranges; records

    @property
    def is_full(self) -> bool:
        return self._is_full

    @is_full.setter
    def is_full(self, is_full: bool) -> None:
        self._is_full = is_full
        self.on_full(is_full)

    def backlog(self) -> int:
        return sink.BACKLOG_BYTES if self.is_full else 0

    def close(self, code: int) -> None:
        self.closed_with = code

    def _write_raw(self, framed: bytes) -> None:
        head = {126: 4, 127: 10}.get(framed[1], 2)
        self.write(Frame(framed[head:]))

    def write(self, frame: Frame) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        message = json.loads(frame.data)
        self.frames.append(message)
        if message["type"] == "records":
            for each in message["ranges"]:
                self._apply(each["partition"], each["from"], each["to"], [r["offset"] for r in each["records"]])
        elif message["type"] == "gap":
            for each in message["ranges"]:
                self._expect(each["from"] == self.positions.get(each["partition"], 0), "a gap from elsewhere", each)
                self.positions[each["partition"]] = each["to"]
                self.gaps.append((each["partition"], each["from"], each["to"], message["reason"]))
        elif message["type"] == "reset":
            self.positions = {int(p): at for p, at in message["cursor"]["positions"].items()}
            self.seen = {}

    def _apply(self, partition: int, start: int, end: int, offsets: list[int]) -> None:
        self.delivered += len(offsets)
        position = self.positions.get(partition, 0)
        if end <= position:
            self.duplicates += 1
            return
        self._expect(start <= position, f"partition {partition}: a jump from {position}", start)
        self.seen.setdefault(partition, []).extend(offset for offset in offsets if offset >= position)
        self.positions[partition] = end

    def _expect(self, holds: bool, what: str, seen: object) -> None:
        """Raises, and writes down: whoever writes to a client may take an exception for the end of its connection."""
        if not holds:
            broken.append(f"{what}: {seen}")
            raise AssertionError(broken[-1])

    def is_there(self) -> bool:
        return self.connection in self.hub.connections and self.closed_with is None

    def join(self, positions: dict[int, int]) -> Subscription:
        self.positions = dict(positions)
        self.subscription = Subscription(self.connection, self.topic, self.hub.logs[self.topic])
        self.connection.hold(self.subscription)
        self.hub.delivery.join(self.subscription, positions)
        return self.subscription

    def ack(self) -> None:
        self.hub.delivery.ack(self.subscription, dict(self.positions))


async def settled(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


async def opened(ends: dict[int, int], first: int = 0, kind: type[Table] = Table) -> tuple[Hub, Table]:
    """A hub with the topic `t`, and its history."""
    table = kind(dict(ends), first)
    hub = Hub(table)
    await hub.open(TopicInfo("t", tuple(ends), "e"), "e")
    return hub, table
