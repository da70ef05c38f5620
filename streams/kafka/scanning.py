"""Reading long stretches of partitions, for searches and exports: consumers that are lent whole, and read on while what
they gave is looked at. Every wait is bounded; retention is told, never skipped in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from streams.kafka.aiokafka_internals import has_stopped_fetching, position_of
from streams.kafka.clients import consumer, stop_quietly
from streams.kafka.undecodable import Polled
from streams.runtime.away import Unavailable
from streams.runtime.tasks import within

START_S = 8.0  # for a new consumer to reach Kafka
READ_S = 8.0  # without any progress
ASK_S = 5.0  # for offsets
POLL_MS = 500
CHUNK_RECORDS = 8000  # given at once, and as many on their way
# The end of a partition is where searches begin: what is fetched beyond it would keep the connection from the next
# slice for as long as this.
WAIT_MS = 5
SOURCES_KEPT = 4  # idle ones


class Chunk(NamedTuple):
    """A part of what was read: [start, end) and its records. is_lost: retention took these offsets, unread."""

    start: int
    end: int
    polled: list[Polled]
    is_lost: bool = False


class Source:
    """A consumer, lent to one search. `read` one stretch after another, never two at a time."""

    def __init__(self, source: AIOKafkaConsumer) -> None:
        self._source = source

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Chunk, None]:
        """Chunks that join from `start` to `end`, which is at most Kafka's end; their records are below `end`.

        Raises Unavailable when Kafka does not answer in time, or does not have these offsets in this life of the topic.
        Whoever does not read to the end closes the iterator.
        """
        tp = TopicPartition(topic, partition)
        self._source.assign([tp])
        self._source.seek(tp, start)
        position, loop = start, asyncio.get_running_loop()
        # Kafka's client fetches on when what it had is taken: the next chunk is on its way while one is looked at.
        coming = asyncio.create_task(self._poll(tp, end - start))
        try:
            latest = loop.time() + READ_S
            while position < end:
                try:
                    found, reached = await coming
                except OffsetOutOfRangeError:
                    first = await self._first_after(tp, position)
                    self._source.seek(tp, first)
                    coming = asyncio.create_task(self._poll(tp, end - first))
                    yield Chunk(position, min(first, end), [], is_lost=True)
                    position, latest = first, loop.time() + READ_S
                    continue
                if reached is None or reached < end:
                    coming = asyncio.create_task(self._poll(tp, end - (reached or position)))
                if reached is not None and reached > position:
                    before, position = position, reached
                    if position > end:
                        found = [raw for raw in found if raw.offset < end]
                    yield Chunk(before, min(position, end), found)
                    latest = loop.time() + READ_S
                elif loop.time() > latest:
                    raise Unavailable(f"Kafka gave nothing of {topic} {partition} for {READ_S:g} s.")
        except KafkaError as error:
            raise Unavailable("Kafka does not answer.") from error
        finally:
            coming.cancel()
            await asyncio.wait({coming})
            coming.cancelled() or coming.exception()  # looked at, whatever it is
            # Not `unsubscribe()`: with that, each next stretch would have the topic's metadata asked for again.
            self._source.pause(tp)

    async def follow(self, topic: str, positions: dict[int, int]) -> AsyncGenerator[tuple[int, Chunk], None]:
        """What comes from these positions on, partition by partition, without an end, through whiles in which Kafka is
        away; now and then an empty chunk of partition -1. Whoever has enough closes the iterator.

        Raises Unavailable when the consumer reads no more or does not answer, or Kafka refuses, or does not tell where
        a partition begins.
        """
        at = {TopicPartition(topic, number): position for number, position in positions.items()}
        self._source.assign(list(at))
        for tp, position in at.items():
            self._source.seek(tp, position)
        while True:
            found: dict[TopicPartition, list[Polled]] = {}
            try:
                found = await self._poll_all(max_records=CHUNK_RECORDS)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    first = await self._first_after(tp, at[tp])
                    self._source.seek(tp, first)
                    yield tp.partition, Chunk(at[tp], first, [], is_lost=True)
                    at[tp] = first
            except KafkaError as error:
                raise Unavailable("Kafka does not answer.") from error
            for tp, polled in found.items():
                before, at[tp] = at[tp], position_of(self._source, tp) or at[tp]
                yield tp.partition, Chunk(before, at[tp], polled)
            if not found:
                yield -1, Chunk(0, 0, [])

    async def _poll(self, tp: TopicPartition, offsets: int) -> tuple[list[Polled], int | None]:
        """What there is of a partition's next so many offsets, perhaps a little more, and its position behind that."""
        found = await self._poll_all(tp, max_records=max(1, min(offsets, CHUNK_RECORDS)))
        return found.get(tp, []), position_of(self._source, tp)

    async def _poll_all(self, *tps: TopicPartition, max_records: int) -> dict[TopicPartition, list[Polled]]:
        """What there is of these partitions, or of all. Raises Unavailable where polls bring nothing for ever, or do
        not end, and what they raise."""
        if has_stopped_fetching(self._source):
            raise Unavailable("The consumer has stopped reading.")
        polling = self._source.getmany(*tps, timeout_ms=POLL_MS, max_records=max_records)
        try:
            found: dict[TopicPartition, list[Polled]] = await within(READ_S, polling)
        except TimeoutError as error:
            raise Unavailable(f"Kafka did not answer within {READ_S:g} s.") from error
        return found

    async def _first_after(self, tp: TopicPartition, position: int) -> int:
        """Where the partition begins now, which is above a position that retention took."""
        try:
            first: int = (await within(ASK_S, self._source.beginning_offsets([tp])))[tp]
        except TimeoutError as error:
            raise Unavailable(f"Kafka did not answer within {ASK_S:g} s.") from error
        if first <= position:
            raise Unavailable(f"{tp.topic} {tp.partition} ends before offset {position}.")
        return first


class Sources:
    """The consumers of one process for this. `close()` ends those that are idle."""

    def __init__(self) -> None:
        self._idle: list[AIOKafkaConsumer] = []
        self._ending: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[Source]:
        """A source for the block. One with which anything went wrong is given up. Raises Unavailable."""
        source = await self._take()
        is_sound = False
        try:
            yield Source(source)
            is_sound = True
        finally:
            if is_sound and len(self._idle) < SOURCES_KEPT:
                source.unsubscribe()
                self._idle.append(source)
            else:
                self._end(source)

    async def close(self) -> None:
        """Ends the idle consumers, within the bound of their ends."""
        while self._idle:
            self._end(self._idle.pop())
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _take(self) -> AIOKafkaConsumer:
        while self._idle:
            source = self._idle.pop()
            if not has_stopped_fetching(source):
                return source
            self._end(source)
        source = consumer(group_id=None, fetch_max_wait_ms=WAIT_MS)
        try:
            await within(START_S, source.start())
        except (KafkaError, OSError, TimeoutError) as error:
            self._end(source)
            raise Unavailable("Kafka does not answer.") from error
        except BaseException:
            self._end(source)
            raise
        return source

    def _end(self, source: AIOKafkaConsumer) -> None:
        ending = asyncio.create_task(stop_quietly(source))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
