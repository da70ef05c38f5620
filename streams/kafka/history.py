"""Reading back from Kafka: parts of a partition that the hub's log does not hold.

Through a small pool of consumers (streams/kafka/pool.py); many who ask for the same part wait for one read. Every call
answers or raises Unavailable within its bound. Retention is told as a range that is `lost`, never skipped in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from streams import metrics
from streams.decoding import carried
from streams.decoding.formats import OWN, Formats
from streams.kafka import embedded, undecodable
from streams.kafka.aiokafka_internals import hear_of, is_without_leader
from streams.kafka.page_cache import Pages
from streams.kafka.pool import Lease, Pool, Settled
from streams.kafka.undecodable import Polled, Undecodable
from streams.runtime.away import Unavailable
from streams.runtime.tasks import shared
from streams.wire.ranges import Range, Wholes
from streams.wire.records import Raw, Record

SOURCES = 3  # consumers of the pool: Kafka's connections do not grow with browsers …
ASKERS = 1  # … and for offsets alone: every `subscribe` wants them, and none of them waits behind those who read
OTHERS = 2  # … and for what views by other formats read once more: nobody who comes back waits behind them
PAGE_BYTES = 1023 * 1024  # of encoded records in one read: as an answer of the API they have a head, and fit in 1 MiB
PAGE_RECORDS = 2000
READ_TIMEOUT_S = 8.0  # without any progress
ASK_TIMEOUT_S = 5.0  # for offsets
# Read to find a time, all partitions of a topic together, where the broker cannot look it up: it keeps 5 MB of each.
SCAN_BYTES = 32 * 1024 * 1024
SCAN_RECORDS = 2000  # of them at once
SCAN_NEAR = 32  # offsets: so close it is halved down to, and so far the times of records may be out of their order


class NoSuchOffset(Settled):
    """The partition has no record at that offset (not yet, a hole, or it cannot be decoded)."""


class Expired(Settled):
    """Retention took the record at that offset."""


class NoLeader(Settled, Unavailable):
    """No broker leads a partition: nobody can say its offsets, however long one waits for it."""


Encode = Callable[[list[Raw]], Awaitable[list[Record]]]
Asked = tuple[str, tuple[int, ...]]  # a topic and partitions of it


class Bounds:
    """first and end offset of each partition, as Kafka said it at one moment."""

    __slots__ = ("ends", "firsts")

    def __init__(self, firsts: dict[int, int], ends: dict[int, int]) -> None:
        self.firsts, self.ends = firsts, ends


class History:
    """One per process. `close()` stops its consumers. watched: the topics whose offsets are asked for."""

    def __init__(self, sources: int = SOURCES) -> None:
        self.watched: frozenset[str] = frozenset()
        self._pool, self._askers, self._others = Pool(sources), Pool(ASKERS), Pool(OTHERS)
        self._pages = Pages()
        self._asking: dict[Asked, asyncio.Task[Bounds]] = {}
        self._next: dict[Asked, asyncio.Task[Bounds]] = {}

    async def page(
        self, topic: str, partition: int, start: int, end: int, formats: Formats = OWN, *, whole: bool = False
    ) -> list[Range]:
        """Ranges that join from `start` towards `end`, at most PAGE_BYTES and PAGE_RECORDS; at least one moves on.

        `end` is at most Kafka's end. What retention took comes as a first range with `lost="retention"`, what cannot be
        decoded as one with `lost="unavailable"`. formats: by which records are read. whole: with the values that
        records travel without (`Range.whole`); those count among its bytes.
        """
        carries = carried.of(topic)
        part = topic, partition, start, end, carries.version, formats, whole

        def read() -> Coroutine[Any, Any, list[Range]]:
            wholes = Wholes() if whole else None
            encode = partial(carries.read_as(formats).encode_all, wholes=wholes)
            tp = TopicPartition(topic, partition)
            return self._read_page(tp, start, end, pool=self._pool, encode=encode, wholes=wholes)

        return await self._pages.get(part, read)

    async def once_more(
        self, topic: str, partition: int, start: int, end: int, *, encode: Encode, wholes: Wholes
    ) -> list[Range]:
        """As `page` with whole values, of what a hub has just taken in: by consumers of its own, and not kept.

        encode: makes of records what `wholes` is of; it may take its time, and is not cancelled with who asks.
        """
        tp = TopicPartition(topic, partition)
        return await self._read_page(tp, start, end, pool=self._others, encode=encode, wholes=wholes)

    def forget(self, topic: str) -> None:
        """The topic begins a new life: what was read of it is of the last one."""
        self._pages.forget(topic)

    async def bounds(self, topic: str, partitions: Iterable[int]) -> Bounds:
        """First and end offsets, asked after this call. At most two questions about the same partitions are under way,
        whoever asks."""
        asked = topic, tuple(sorted(partitions))
        asking = self._asking.get(asked)
        if asking is None:
            task = self._ask(asked, after=None)
            self._asking[asked] = task
        else:
            following = self._next.get(asked)
            if following is None:
                following = self._next[asked] = self._ask(asked, after=asking)
            task = following
        return await shared(task)

    def _ask(self, asked: Asked, after: asyncio.Task[Bounds] | None) -> asyncio.Task[Bounds]:
        async def ask() -> Bounds:
            try:
                if after is not None:
                    await asyncio.wait([after])
                    self._asking[asked] = self._next.pop(asked)
                return await self._ask_bounds(*asked)
            finally:
                self._asking.pop(asked, None)

        task = asyncio.create_task(ask())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def offsets_at(self, topic: str, bounds: Bounds, timestamp: int) -> dict[int, int]:
        """For each partition the first offset whose record is at or after `timestamp` (ms), else its end."""
        partitions = [TopicPartition(topic, partition) for partition in bounds.ends]

        async def look_up(lease: Lease) -> dict[int, int]:
            await hear_of(lease.source, topic)
            found = await lease.source.offsets_for_times(dict.fromkeys(partitions, timestamp))
            return {
                tp.partition: answer.offset if (answer := found.get(tp)) else bounds.ends[tp.partition]
                for tp in partitions
            }

        async def scan(lease: Lease) -> dict[int, int]:  # the embedded broker cannot look up times
            left = SCAN_BYTES
            found: dict[int, int] = {}
            for tp in partitions:
                found[tp.partition], left = await _scan_for(lease.source, tp, bounds, timestamp, left)
            return found

        return await self._pool.ask(look_up if embedded.current() is None else scan, ASK_TIMEOUT_S)

    async def raw(self, topic: str, partition: int, offset: int) -> Raw:
        """One record as Kafka has it. Raises NoSuchOffset, Expired or Unavailable."""
        bounds = await self.bounds(topic, [partition])
        if offset < bounds.firsts[partition]:
            raise Expired
        if offset >= bounds.ends[partition]:
            raise NoSuchOffset
        tp = TopicPartition(topic, partition)

        async def read(lease: Lease) -> Raw:
            source = lease.source
            source.assign([tp])
            source.seek(tp, offset)
            try:
                while await source.position(tp) <= offset:
                    for found in (await source.getmany(tp, timeout_ms=500, max_records=1)).get(tp, ()):
                        if found.offset != offset:
                            raise NoSuchOffset
                        if isinstance(found, Undecodable):
                            raise found
                        raw: Raw = found
                        return raw
            except OffsetOutOfRangeError as error:
                raise Expired from error
            except Undecodable as error:
                raise NoSuchOffset from error
            finally:
                source.unsubscribe()
            raise NoSuchOffset

        return await self._pool.ask(read, READ_TIMEOUT_S)

    async def record(self, topic: str, partition: int, offset: int) -> Record:
        """One record, uncut and with its bytes. Raises as `raw` does."""
        return await carried.of(topic).encode_whole(await self.raw(topic, partition, offset))

    async def close(self) -> None:
        """Cancels what is asked and stops the consumers."""
        await self._pages.close()
        for task in [*self._asking.values(), *self._next.values()]:
            task.cancel()
        await asyncio.gather(self._pool.close(), self._askers.close(), self._others.close())

    async def _ask_bounds(self, topic: str, partitions: tuple[int, ...]) -> Bounds:
        tps = [TopicPartition(topic, partition) for partition in partitions]

        async def ask(lease: Lease) -> Bounds:
            await hear_of(lease.source, topic, self.watched)
            if any(is_without_leader(lease.source, tp) for tp in tps):
                raise NoLeader(f"No broker leads all partitions of {topic}.")
            firsts, ends = await asyncio.gather(lease.source.beginning_offsets(tps), lease.source.end_offsets(tps))
            return Bounds(
                {tp.partition: offset for tp, offset in firsts.items()},
                {tp.partition: offset for tp, offset in ends.items()},
            )

        return await self._askers.ask(ask, ASK_TIMEOUT_S)

    async def _read_page(
        self, tp: TopicPartition, start: int, end: int, *, pool: Pool, encode: Encode, wholes: Wholes | None
    ) -> list[Range]:
        metrics.HISTORY_READS.inc()

        async def read(lease: Lease) -> list[Range]:
            lease.source.assign([tp])
            lease.source.seek(tp, start)
            try:
                return await _collect(lease, tp, start, end, encode=encode, wholes=wholes)
            except OffsetOutOfRangeError:
                first = (await lease.source.beginning_offsets([tp]))[tp]
                if first <= start:  # out of range at the upper end: these offsets are not in this life of the topic
                    raise Unavailable(f"{tp.topic} {tp.partition} ends before offset {start}.") from None
                return [Range(tp.partition, start, min(first, end), (), "retention")]
            finally:
                lease.source.unsubscribe()

        return await pool.ask(read, READ_TIMEOUT_S)


async def _scan_for(
    source: AIOKafkaConsumer, tp: TopicPartition, bounds: Bounds, timestamp: int, left: int
) -> tuple[int, int]:
    """The first offset of a partition at or after `timestamp`, else its end; and how many bytes may still be read of
    those `left`. Raises Unavailable when they do not suffice."""
    first, end = bounds.firsts[tp.partition], bounds.ends[tp.partition]
    if first == end:
        return end, left  # to assign and take back without a read in between breaks aiokafka's fetcher
    source.assign([tp])
    try:
        source.seek(tp, max(first, await _halved(source, tp, first, end, timestamp) - SCAN_NEAR))
        while await source.position(tp) < end:
            for record in (await source.getmany(tp, timeout_ms=500, max_records=SCAN_RECORDS)).get(tp, ()):
                if isinstance(record, Undecodable):
                    continue
                if record.timestamp >= timestamp:
                    return int(record.offset), left
                left -= len(record.value or b"") + len(record.key or b"")
            if left < 0:
                raise Unavailable("To find that time would take reading more than the embedded broker keeps at hand.")
    finally:
        source.unsubscribe()
    return end, left


async def _halved(source: AIOKafkaConsumer, tp: TopicPartition, low: int, high: int, timestamp: int) -> int:
    """An offset at most SCAN_NEAR before the first one at or after `timestamp`, in a partition whose times ascend.

    The broker gives one batch at a time, and who publishes record by record makes a batch of each: to read all of a
    topic that some hours filled takes longer than a stream may take to begin.
    """
    while high - low > SCAN_NEAR:
        middle = (low + high) // 2
        found = await _first_from(source, tp, middle, high)
        if found is None or found.timestamp >= timestamp:
            high = middle
        else:
            low = int(found.offset) + 1
    return low


async def _first_from(source: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> Raw | None:
    """The first record of a range that can be decoded."""
    source.seek(tp, start)
    while await source.position(tp) < end:
        for record in (await source.getmany(tp, timeout_ms=500, max_records=1)).get(tp, ()):
            if not isinstance(record, Undecodable):
                return record if record.offset < end else None
    return None


async def _collect(
    lease: Lease, tp: TopicPartition, start: int, end: int, *, encode: Encode, wholes: Wholes | None
) -> list[Range]:
    """Reads on from the source's position (`start`) until the page is full or `end` is reached. wholes: takes the
    values that records travel without, None where nobody wants them."""
    taken: list[Record | Undecodable] = []
    size, position, full = 0, start, False
    while position < end and not full:
        lease.extend(READ_TIMEOUT_S)
        found: list[Polled] = []
        before = position
        while position == before and not found:
            found = (await lease.source.getmany(tp, timeout_ms=500, max_records=500)).get(tp, [])
            position = min(await lease.source.position(tp), end)
        within = [raw for raw in found if raw.offset < end]
        for record in await undecodable.encoded(within, encode):
            more = 0 if isinstance(record, Undecodable) else len(record.data) + 1
            if wholes is not None:
                more += len(wholes.values.get(record.offset, b""))
            if taken and (size + more > PAGE_BYTES or len(taken) >= PAGE_RECORDS):
                position, full = record.offset, True
                break
            taken.append(record)
            size += more
    return list(undecodable.joined(tp.partition, start, position, taken, None if wholes is None else wholes.values))
