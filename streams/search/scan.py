"""Goes through the slices of one job, until all is looked at, enough was found, or a bound is reached."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat, takewhile

from streams.kafka.scanning import Chunk, Sources
from streams.kafka.undecodable import Polled
from streams.runtime.away import Unavailable
from streams.search.jobs import Counts, Ended, Job, Part, Reason
from streams.search.looking import Looker, known
from streams.search.plan import UNKNOWN, Plan
from streams.search.spans import Span
from streams.wire.records import Record

LOOK_RECORDS = 64  # records between two looks at the bounds: what a filter may take at most is 10 ms with each
TURN_S = 0.01  # that one job takes at one go; then the others have their turn
TOGETHER = 20_000  # offsets of a round of which the newest of all partitions are told first; larger ones take too long
FOUND_BYTES = 8 * 1024 * 1024  # of matches that are kept of one slice backwards, by time of those of all partitions
PART_BYTES = 192 * 1024  # of matches that are told at once; and of one record more
PART_S = 0.05  # straight on: what was found is told after so long, or when it is enough

Tell = Callable[[Part], Awaitable[None]]


@dataclass(slots=True)
class _Looked:
    """A slice that was looked at backwards. found: the newest last. oldest: the time of its oldest record (ms)."""

    span: Span
    found: deque[Record] = field(default_factory=deque)
    size: int = 0
    oldest: int = UNKNOWN
    counts: Counts = field(default_factory=Counts)

    def keep(self, found: list[Record], most: int) -> None:
        """Keeps the newest; what has no room counts as not looked at."""
        for record in found:
            self.found.append(record)
            self.size += len(record.data)
            while len(self.found) > 1 and (self.size > FOUND_BYTES or len(self.found) > most):
                dropped = self.found.popleft()
                self.size -= len(dropped.data)
                self.span = self.span._replace(start=dropped.offset + 1)

    def cut(self, kept: int) -> None:
        """Only the newest so many are told; what lies below the next counts as not looked at."""
        if kept < len(self.found):
            following = self.found[-1 - kept]
            self.span = self.span._replace(start=following.offset + 1)
            self.found = deque(list(self.found)[len(self.found) - kept :])
        self.counts.matched = len(self.found)


@dataclass(slots=True)
class _Ahead:
    """A slice that was looked at by time, as far as it was not told. found: the oldest first. newest: the time of its
    newest record (ms), None where it has none."""

    span: Span
    found: deque[Record] = field(default_factory=deque)
    newest: int | None = None
    size: int = 0
    counts: Counts = field(default_factory=Counts)

    def keep(self, found: list[Record], most: int, room: int) -> bool:
        """Keeps the oldest, at least one. Returns whether all have room; what has none counts as not looked at."""
        for record in found:
            if self.found and (len(self.found) >= most or self.size + len(record.data) > room):
                self.span = self.span._replace(end=record.offset)
                self.newest = max(each.timestamp for each in self.found)
                return False
            self.found.append(record)
            self.size += len(record.data)
            self.reach(record.timestamp)
        return True

    def reach(self, time: int) -> None:
        """There is a record of that time."""
        if time >= 0:
            self.newest = time if self.newest is None else max(self.newest, time)


class Scan:
    """One job. `run` tells parts as they are known, each once, in the job's order; it waits for `tell`."""

    def __init__(self, sources: Sources, job: Job, tell: Tell) -> None:
        self._sources, self._job, self._tell_part = sources, job, tell
        self._plan = Plan(job.spans, newest_first=job.newest_first, by_time=job.by_time)
        self._loop = asyncio.get_running_loop()
        self._since = self._turn = self._loop.time()
        self._total = Counts()

    async def run(self) -> Ended:
        """Goes through all of it. Returns why it ended."""
        try:
            self._looker = Looker(self._job, await known(self._job.topic, self._job.declared))
            async with self._sources.lent() as self._source:
                return Ended(await self._rounds())
        except Unavailable as error:
            return Ended("away", str(error))

    async def _rounds(self) -> Reason:
        if self._plan.by_time:
            return await self._onwards()
        going = self._backwards if self._job.newest_first else self._straight_on
        while following := self._plan.round():
            if self._is_over():
                return "bound"
            await going(following)
            if self._wanted() == 0 and self._plan.left:
                return "limit"
        return "complete"

    def _wanted(self) -> int:
        """How many matches are still wanted."""
        return 2**62 if self._job.limit is None else max(0, self._job.limit - self._total.matched)

    def _is_over(self, *more: Counts) -> bool:
        """Whether a bound is reached, with what is not counted yet."""
        bounds = self._job.bounds
        if bounds is None:
            return False
        records = self._total.scanned + sum([each.scanned for each in more])
        size = self._total.bytes + sum([each.bytes for each in more])
        return records >= bounds.records or size >= bounds.bytes or self._loop.time() - self._since >= bounds.seconds

    async def _tell(self, part: Part) -> None:
        self._total.add(part.counts)
        self._plan.took(part.span)
        await self._tell_part(part)
        self._turn = self._loop.time()

    async def _look(self, partition: int, group: Sequence[Polled]) -> list[Record]:
        found = await self._looker.look(partition, group)
        if self._loop.time() - self._turn > TURN_S:
            await asyncio.sleep(0)
            self._turn = self._loop.time()
        return found

    # Backwards --------------------------------------------------------------------------------------------------------

    async def _backwards(self, following: list[Span]) -> None:
        """A round: the newest slice of each partition, the newest of small ones together."""
        is_small = sum(span.size for span in following) <= TOGETHER
        held: list[_Looked] = []
        pending = Counts()
        for span in following:
            if held and self._is_over(pending):
                break
            looked = await self._slice(span, pending)
            if is_small:
                held.append(looked)
                pending.add(looked.counts)
                continue
            await self._deliver([looked])
            if self._wanted() == 0 or self._is_over():
                return
        await self._deliver(held)

    async def _slice(self, span: Span, pending: Counts) -> _Looked:
        """Looks through a slice, or the part of it up to where a bound is reached."""
        looked = _Looked(span)
        position = span.start
        async with contextlib.aclosing(self._source.read(self._job.topic, *span)) as chunks:
            async for chunk in chunks:
                if chunk.is_lost:
                    await self._lose(span.partition, chunk)
                    position = chunk.end
                    continue
                if looked.oldest == UNKNOWN and chunk.polled and (time := chunk.polled[0].timestamp) >= 0:
                    looked.oldest = time
                for group, end in _groups(chunk):
                    looked.keep(await self._look(span.partition, group), self._wanted())
                    looked.counts.add(self._looker.take_counts())
                    position = end
                    if self._is_over(pending, looked.counts):
                        looked.span = looked.span._replace(end=position)
                        return looked
        return looked

    async def _lose(self, partition: int, chunk: Chunk) -> None:
        await self._tell(Part(Span(partition, chunk.start, chunk.end), [], Counts(), is_lost=True))

    async def _deliver(self, held: list[_Looked]) -> None:
        """Tells what was found, as many as are wanted: the newest by time, each partition's in its order."""
        ranks = {number: (-record.timestamp for record in reversed(looked.found)) for number, looked in enumerate(held)}
        depths = _depths(ranks, self._wanted(), UNKNOWN)
        for number, looked in enumerate(held):
            looked.cut(depths[number])
            await self._tell_slice(looked)

    async def _tell_slice(self, looked: _Looked) -> None:
        """Tells a slice, the newest first, in parts of a bounded size."""
        reached = None if looked.oldest == UNKNOWN else looked.oldest
        self._plan.learned(looked.span, reached=reached, size=looked.counts.bytes)
        span = looked.span
        *parts, last = _parts(reversed(looked.found))
        for part in parts:
            await self._tell(Part(span._replace(start=part[-1].offset), part, Counts(matched=len(part))))
            looked.counts.matched -= len(part)
            span = span._replace(end=part[-1].offset)
        await self._tell(Part(span, last, looked.counts))

    # By time ----------------------------------------------------------------------------------------------------------

    async def _onwards(self) -> Reason:
        """Slices of all partitions from the oldest on. What was found is told as far in time as all were looked at."""
        room = FOUND_BYTES // max(1, len({span.partition for span in self._plan.left}))
        ahead: dict[int, _Ahead] = {}
        while following := self._plan.round():
            is_over = self._is_over()
            for span in following:
                if is_over:
                    break
                if span.partition not in ahead:
                    ahead[span.partition] = await self._slice_on(span, room, [each.counts for each in ahead.values()])
                    is_over = self._is_over(*[each.counts for each in ahead.values()])
            # At a bound all of it is told: what was looked at must not be looked at for nothing again and again.
            await self._tell_ahead(ahead, UNKNOWN if is_over else self._plan.frontier([e.span for e in ahead.values()]))
            if not self._plan.left:
                break
            if self._wanted() == 0:
                return "limit"
            if is_over:
                return "bound"
        return "complete"

    async def _slice_on(self, span: Span, room: int, pending: Sequence[Counts]) -> _Ahead:
        """Looks through a slice, or the part of it up to where a bound is reached, or the room for what is found."""
        looked, position = _Ahead(span), span.start
        async with contextlib.aclosing(self._source.read(self._job.topic, *span)) as chunks:
            async for chunk in chunks:
                if chunk.is_lost and position > looked.span.start:
                    looked.span = looked.span._replace(end=chunk.start)  # the next slice begins with what is lost
                    break
                if chunk.is_lost:
                    await self._lose(span.partition, chunk)
                    position = chunk.end
                    looked.span = looked.span._replace(start=position)
                    continue
                if not await self._look_on(looked, chunk, room, pending):
                    break
                position = chunk.end
        self._plan.learned(looked.span, reached=looked.newest, size=looked.counts.bytes)
        return looked

    async def _look_on(self, looked: _Ahead, chunk: Chunk, room: int, pending: Sequence[Counts]) -> bool:
        """Looks through a chunk of a slice. Returns whether to go on behind it."""
        for group, end in _groups(chunk):
            found = await self._look(looked.span.partition, group)
            looked.counts.add(self._looker.take_counts())
            if not looked.keep(found, self._wanted(), room):
                return False
            if group:
                looked.reach(group[-1].timestamp)
            if self._is_over(*pending, looked.counts):
                looked.span = looked.span._replace(end=end)
                return False
        return True

    async def _tell_ahead(self, ahead: dict[int, _Ahead], frontier: int) -> None:
        """Tells what was found up to a time, as many as are wanted: the oldest first, each partition's in its order.
        What is told to its end is not ahead any more."""
        ranks = {number: (record.timestamp for record in looked.found) for number, looked in ahead.items()}
        depths = _depths(ranks, self._wanted(), frontier)
        for number, looked in list(ahead.items()):
            told = [looked.found.popleft() for _ in range(depths[number])]
            end = looked.found[0].offset if looked.found else looked.span.end
            if told or not looked.found:
                await self._tell_on(looked, told, end)
            if not looked.found:
                del ahead[number]

    async def _tell_on(self, looked: _Ahead, found: list[Record], end: int) -> None:
        """Tells the beginning of a slice, in parts of a bounded size. What was looked at counts with the first."""
        counts, looked.counts = looked.counts, Counts()
        parts = _parts(found)
        ends = [*(part[0].offset for part in parts[1:]), end]
        for part, part_end in zip(parts, ends, strict=True):
            counts.matched = len(part)
            await self._tell(Part(looked.span._replace(end=part_end), part, counts))
            looked.span, counts = looked.span._replace(start=part_end), Counts()

    # Straight on ------------------------------------------------------------------------------------------------------

    async def _straight_on(self, following: list[Span]) -> None:
        """A span from its beginning, told bit by bit."""
        (span,) = following
        start, found, size, told = span.start, list[Record](), 0, self._loop.time()
        counts = Counts()
        async with contextlib.aclosing(self._source.read(self._job.topic, *span)) as chunks:
            async for chunk in chunks:
                if chunk.is_lost:
                    if chunk.start > start:
                        await self._tell(Part(Span(span.partition, start, chunk.start), found, counts))
                    start, found, size, counts = chunk.end, [], 0, Counts()
                    await self._lose(span.partition, chunk)
                    continue
                for group, group_end in _groups(chunk):
                    end, more = group_end, await self._look(span.partition, group)
                    counts.add(self._looker.take_counts())
                    if (too_many := len(found) + len(more) - self._wanted()) >= 0:
                        more = more[: len(more) - too_many]
                        counts.matched -= too_many
                        end = more[-1].offset + 1 if more else end
                    found += more
                    size += sum([len(record.data) for record in more])
                    is_over = too_many >= 0 or self._is_over(counts)
                    if is_over or size > PART_BYTES or self._loop.time() - told > PART_S:
                        await self._tell(Part(Span(span.partition, start, end), found, counts))
                        start, found, size, told, counts = end, [], 0, self._loop.time(), Counts()
                    if is_over:
                        return
        if start < span.end:
            await self._tell(Part(Span(span.partition, start, span.end), found, counts))


def _groups(chunk: Chunk) -> list[tuple[Sequence[Polled], int]]:
    """A chunk's records in groups, each with the offset behind it; at least one."""
    polled = chunk.polled
    groups = [polled[start : start + LOOK_RECORDS] for start in range(0, len(polled) or 1, LOOK_RECORDS)]
    ends = [*(group[0].offset for group in groups[1:]), chunk.end]
    return list(zip(groups, ends, strict=True))


def _depths(ranks: Mapping[int, Iterable[int]], wanted: int, frontier: int) -> Counter[int]:
    """How many of each partition are told, of so many at most in all: the one with the lowest rank of those that are
    next goes first, as far as the frontier. ranks: of each partition's matches in their order."""
    heads = heapq.merge(*(zip(each, repeat(number)) for number, each in ranks.items()))
    near = takewhile(lambda head: head[0] <= frontier, heads)
    return Counter(number for _, number in islice(near, wanted))


def _parts(found: Iterable[Record]) -> list[list[Record]]:
    """What was found in parts of PART_BYTES at most, and of one record more; at least one, which may be empty."""
    parts, size = [list[Record]()], 0
    for record in found:
        if parts[-1] and size + len(record.data) > PART_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += len(record.data) + 1
    return parts
