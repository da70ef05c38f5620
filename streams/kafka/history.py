"""Reading back from Kafka: parts of a partition that the hub's log does not hold.

A small shared pool of consumers without a group; many who ask for the same part wait for one read. Every call
answers or raises Unavailable within its bound. Retention is told as a range that is `lost`, never skipped in silence.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from streams import metrics
from streams.kafka import embedded, undecodable
from streams.kafka.aiokafka_internals import has_stopped_fetching
from streams.kafka.clients import consumer, stop_quietly
from streams.kafka.page_cache import Pages
from streams.kafka.undecodable import Polled, Undecodable
from streams.runtime.away import Unavailable
from streams.runtime.tasks import shared
from streams.wire.ranges import Range
from streams.wire.records import Record, encode_raw

log = logging.getLogger(__name__)

READERS = 3  # consumers of the pool: Kafka's connections do not grow with browsers
PAGE_BYTES = 1023 * 1024  # of encoded records in one read: as an answer of the API they have a head, and fit in 1 MiB
PAGE_RECORDS = 2000
READ_TIMEOUT_S = 8.0  # without any progress
ASK_TIMEOUT_S = 5.0  # for offsets


class NoSuchOffset(Exception):
    """The partition has no record at that offset (not yet, a hole, or it cannot be decoded)."""


class Expired(Exception):
    """Retention took the record at that offset."""


Asked = tuple[str, tuple[int, ...]]  # a topic and partitions of it


class Bounds:
    """first and end offset of each partition, as Kafka said it at one moment."""

    __slots__ = ("ends", "firsts")

    def __init__(self, firsts: dict[int, int], ends: dict[int, int]) -> None:
        self.firsts, self.ends = firsts, ends


class History:
    """One per process. `close()` stops its consumers."""

    def __init__(self, readers: int = READERS) -> None:
        self._idle: asyncio.Queue[AIOKafkaConsumer | None] = asyncio.Queue()
        for _ in range(readers):
            self._idle.put_nowait(None)
        self._pages = Pages()
        self._asking: dict[Asked, asyncio.Task[Bounds]] = {}
        self._next: dict[Asked, asyncio.Task[Bounds]] = {}

    async def page(self, topic: str, partition: int, start: int, end: int) -> list[Range]:
        """Ranges that join from `start` towards `end`, at most PAGE_BYTES and PAGE_RECORDS; at least one moves on.

        `end` is at most Kafka's end. What retention took comes as a first range with `lost="retention"`, what cannot be
        decoded as one with `lost="unavailable"`.
        """
        return await self._pages.get(
            (topic, partition, start, end), lambda: self._read_page(topic, partition, start, end)
        )

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
        async with self._reader() as reader, _bound(ASK_TIMEOUT_S):
            if embedded.current() is not None:  # the embedded broker cannot look up times
                return {tp.partition: await self._scan_for(reader, tp, bounds, timestamp) for tp in partitions}
            found = await reader.offsets_for_times(dict.fromkeys(partitions, timestamp))
        return {
            tp.partition: answer.offset if (answer := found.get(tp)) else bounds.ends[tp.partition] for tp in partitions
        }

    async def record(self, topic: str, partition: int, offset: int) -> Record:
        """One record, uncut. Raises NoSuchOffset, Expired or Unavailable."""
        bounds = await self.bounds(topic, [partition])
        if offset < bounds.firsts[partition]:
            raise Expired
        if offset >= bounds.ends[partition]:
            raise NoSuchOffset
        tp = TopicPartition(topic, partition)
        async with self._reader() as reader, _bound(READ_TIMEOUT_S):
            reader.assign([tp])
            reader.seek(tp, offset)
            try:
                while await reader.position(tp) <= offset:
                    for found in (await reader.getmany(tp, timeout_ms=500, max_records=1)).get(tp, ()):
                        if found.offset != offset:
                            raise NoSuchOffset
                        return encode_raw(found, whole=True)
            except OffsetOutOfRangeError as error:
                raise Expired from error
            except Undecodable as error:
                raise NoSuchOffset from error
            finally:
                reader.unsubscribe()
        raise NoSuchOffset

    async def close(self) -> None:
        """Cancels what is asked and stops the consumers."""
        await self._pages.close()
        for task in [*self._asking.values(), *self._next.values()]:
            task.cancel()
        while not self._idle.empty():
            reader = self._idle.get_nowait()
            if reader is not None:
                await stop_quietly(reader)

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of the pool; after a failure a new one takes its place."""
        try:
            reader = await asyncio.wait_for(self._idle.get(), READ_TIMEOUT_S)
        except TimeoutError as error:
            raise Unavailable("All readers of Kafka's history are busy.") from error
        if reader is not None and has_stopped_fetching(reader):
            await stop_quietly(reader)
            reader = None
        healthy = False
        try:
            if reader is None:
                reader = consumer(group_id=None)
                async with _bound(READ_TIMEOUT_S):
                    await reader.start()
            yield reader
            healthy = True
        except (NoSuchOffset, Expired):
            healthy = True
            raise
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka does not answer: {error!r}") from error
        finally:
            self._idle.put_nowait(reader if healthy else None)
            if not healthy and reader is not None:
                await stop_quietly(reader)

    async def _ask_bounds(self, topic: str, partitions: tuple[int, ...]) -> Bounds:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        async with self._reader() as reader, _bound(ASK_TIMEOUT_S):
            firsts, ends = await asyncio.gather(reader.beginning_offsets(tps), reader.end_offsets(tps))
        return Bounds(
            {tp.partition: offset for tp, offset in firsts.items()},
            {tp.partition: offset for tp, offset in ends.items()},
        )

    async def _read_page(self, topic: str, partition: int, start: int, end: int) -> list[Range]:
        tp = TopicPartition(topic, partition)
        metrics.HISTORY_READS.inc()
        async with self._reader() as reader:
            reader.assign([tp])
            reader.seek(tp, start)
            try:
                return await _collect(reader, tp, start, end)
            except OffsetOutOfRangeError:
                async with _bound(ASK_TIMEOUT_S):
                    first = (await reader.beginning_offsets([tp]))[tp]
                if first <= start:  # out of range at the upper end: these offsets are not in this life of the topic
                    raise Unavailable(f"{topic} {partition} ends before offset {start}.") from None
                return [Range(partition, start, min(first, end), (), "retention")]
            finally:
                reader.unsubscribe()

    async def _scan_for(self, reader: AIOKafkaConsumer, tp: TopicPartition, bounds: Bounds, timestamp: int) -> int:
        end = bounds.ends[tp.partition]
        if bounds.firsts[tp.partition] == end:
            return end  # to assign and take back without a read in between breaks aiokafka's fetcher
        reader.assign([tp])
        reader.seek(tp, bounds.firsts[tp.partition])
        try:
            while await reader.position(tp) < end:
                for record in (await reader.getmany(tp, timeout_ms=500)).get(tp, ()):
                    if record.timestamp >= timestamp:
                        return int(record.offset)
        finally:
            reader.unsubscribe()
        return end


async def _collect(reader: AIOKafkaConsumer, tp: TopicPartition, start: int, end: int) -> list[Range]:
    """Reads on from the reader's position (`start`) until the page is full or `end` is reached."""
    taken: list[Record | Undecodable] = []
    size, position, full = 0, start, False
    while position < end and not full:
        async with _bound(READ_TIMEOUT_S):
            found: list[Polled] = []
            before = position
            while position == before and not found:
                found = (await reader.getmany(tp, timeout_ms=500, max_records=500)).get(tp, [])
                position = min(await reader.position(tp), end)
        for raw in found:
            if raw.offset >= end:
                break
            record = raw if isinstance(raw, Undecodable) else encode_raw(raw)
            more = 0 if isinstance(record, Undecodable) else len(record.data) + 1
            if taken and (size + more > PAGE_BYTES or len(taken) >= PAGE_RECORDS):
                position, full = record.offset, True
                break
            taken.append(record)
            size += more
    return list(undecodable.joined(tp.partition, start, position, taken))


@asynccontextmanager
async def _bound(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise Unavailable(f"Kafka did not answer within {seconds:g} s.") from error
