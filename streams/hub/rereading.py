"""Views by other formats: what a topic's log takes is read once more from Kafka and decoded again, once for all views
by the same formats. The hub has only what the topic's own formats made of the bytes (docs/decisions/0030).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Protocol

from streams.decoding import carried
from streams.decoding.carried import Carried
from streams.decoding.formats import Formats
from streams.decoding.parts import Missing
from streams.decoding.schemas import Id
from streams.hub.sieve import LATE_S, STOOD_S, Sieve
from streams.hub.topic_log import TopicLog
from streams.hub.view import View
from streams.hub.view_log import SLICE_S, Account, ViewLog
from streams.kafka.history import Encode
from streams.runtime.away import Unavailable
from streams.runtime.tasks import failure
from streams.wire.ranges import Positions, Range, Wholes
from streams.wire.records import VALUE_BYTES, Raw, Record

logger = logging.getLogger(__name__)

# Between two rounds of reading, so that records gather: as long as the last one took, within these bounds.
SHORTEST_S, LONGEST_S = 0.03, 1.0
RETRY_S = 0.5  # after Kafka did not answer
WAITING_BYTES = 2 * 1024 * 1024  # of records that wait for filters; nothing more is read before they are looked at


class Read(Protocol):
    """`History.once_more`: a part of a partition, as ranges. Raises Unavailable."""

    async def __call__(
        self, topic: str, partition: int, start: int, end: int, *, encode: Encode, wholes: Wholes
    ) -> list[Range]: ...


class Rereading(Sieve):
    """Views of one topic by other formats, at work. read: reads a part of it once more. The rest as of a Sieve."""

    def __init__(
        self,
        whole: TopicLog,
        put: Callable[[ViewLog], None],
        end: Callable[[ViewLog], None],
        fail: Callable[[ViewLog], None],
        *,
        formats: Formats,
        read: Read,
    ) -> None:
        super().__init__(whole, put, end, fail)
        self._formats, self._read = formats, read
        self._at = dict(whole.positions)  # what was read
        self._account = Account()  # of decoding
        self._looked = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    @property
    def positions(self) -> Positions:
        """Where a view begins that is made now: it may lie behind the topic's log."""
        return self._at

    def begin(self, view: View) -> ViewLog:
        """Has one more view at work. The first one begins where the topic's log is."""
        if not self.logs:
            self.close()
            self._at = dict(self._whole.positions)
        log = super().begin(view)
        self.feed(())
        return log

    def feed(self, _: Iterable[Range]) -> None:
        """The topic's log takes something: it is read, soon."""
        if self._reading is None:
            self._reading = self._loop.create_task(self._read_on())
            self._reading.add_done_callback(self._has_read)

    def close(self) -> None:
        """Reads and looks at nothing any more. Safe to call twice."""
        super().close()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _has_read(self, task: asyncio.Task[None]) -> None:
        error = failure(task)
        if task is not self._reading:
            return  # it was closed
        self._reading = None
        if error is not None:
            logger.error("%s could not be read once more; its streams are ended.", self._topic, exc_info=error)
            self.close()
            for log in list(self.logs.values()):
                self._fail(log)
        elif self.logs and self._behind():
            self.feed(())  # it was told of between the last look and now

    def _behind(self) -> Positions:
        """How far the topic's log is in the partitions in which it is further."""
        return {p: end for p, end in self._whole.positions.items() if self._at.get(p, 0) < end}

    async def _read_on(self) -> None:
        """Rounds, until all is read that the topic's log has. Each has what had come when it began: where the reading
        cannot follow, a round takes longer and longer, and the dearest view is ended."""
        while self.logs and (behind := self._behind()):
            began = since = self._loop.time()
            for partition, end in behind.items():
                while self.logs and (start := self._at.get(partition, 0)) < end:
                    before = self._loop.time()
                    ranges = await self._page(partition, start, end)
                    took = self._loop.time() - before
                    if took > STOOD_S:
                        since += took  # Kafka was away, or the process stood still: no view is to blame
                    self._at[partition] = ranges[-1].end
                    self._sift(ranges)
                    if self._bytes > WAITING_BYTES:
                        self._looked.clear()
                        await self._looked.wait()
                    if self._loop.time() - since > LATE_S:
                        since = self._loop.time()
                        self._end_dearest(since)
            await asyncio.sleep(min(LONGEST_S, max(SHORTEST_S, self._loop.time() - began)))

    def _rested(self) -> None:
        self._looked.set()

    async def _page(self, partition: int, start: int, end: int) -> list[Range]:
        """A page, as soon as Kafka gives it."""
        while True:
            wholes = Wholes()
            encode = partial(self._all, wholes=wholes)
            try:
                return await self._read(self._topic, partition, start, end, encode=encode, wholes=wholes)
            except Unavailable as error:
                what = "Reading %s %d once more from offset %d waits for Kafka: %s"
                logger.info(what, self._topic, partition, start, error)
                await asyncio.sleep(RETRY_S)

    async def _all(self, raws: list[Raw], wholes: Wholes) -> list[Record]:
        """All of them, in order. Waits for schemas that are not known, for a bounded time."""
        carries = carried.of(self._topic).read_as(self._formats)
        missing = set[Id]()
        records = await self._each(carries, raws, missing, wholes)
        if not missing:
            return records
        await carries.learn(missing)
        return await self._each(carries, raws, None, wholes)

    async def _each(self, carries: Carried, raws: list[Raw], missing: set[Id] | None, wholes: Wholes) -> list[Record]:
        """In slices, which are charged. missing: takes what has to be known first; None: it is too late for that."""
        records: list[Record] = []
        since, until, decoded = time.thread_time(), time.perf_counter() + SLICE_S, 0
        for raw in raws:
            decoded += 1
            is_large, elsewhere = raw.value is not None and len(raw.value) > VALUE_BYTES, 0.0
            try:
                if is_large:
                    spent = time.thread_time() - since
                    record, elsewhere = await carries.encode_large(raw, is_last=missing is None, wholes=wholes)
                    since = time.thread_time() - spent
                else:
                    record = carries.encode(raw, is_last=missing is None, wholes=wholes)
                records.append(record)
            except Missing as found:
                if missing is not None:
                    missing.add(found.id)
            if is_large or time.perf_counter() >= until:
                self._charge(time.thread_time() - since + elsewhere, decoded)
                await asyncio.sleep(SLICE_S)
                since, until, decoded = time.thread_time(), time.perf_counter() + SLICE_S, 0
        self._charge(time.thread_time() - since, decoded)
        return records

    def _charge(self, seconds: float, records: int) -> None:
        """What decoding takes counts for every view that it is for: they end together where it is too much."""
        if self._account.charge(seconds, records):
            for log in list(self.logs.values()):
                self._end(log)
