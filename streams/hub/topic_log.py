"""The newest part of one topic in memory, shared by all its readers: a byte-bounded sequence of chunks.

A reader is a place, the border before the chunk it gets next; frames are built once and shared. Pure: it neither
waits nor knows connections. Dropping old chunks never forgets a position.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator

from streams.wire.frames import Frame, Mark, frame_of
from streams.wire.ranges import RANGE_BYTES, Positions, Range, newest_of

LOG_BYTES = 16 * 1024 * 1024  # of encoded records a topic
LOG_SECONDS = 60.0  # a record stays at most this long …
# … and here so long: reading back from the embedded broker is dear, which gives a batch at a time, often of one record.
LOG_SECONDS_EMBEDDED = 15 * 60.0
CACHE_BYTES = 4 * 1024 * 1024  # of frames kept for the next reader at the same place; up to three forms of each


class Chunk:
    """Ranges that arrived together, or one range that is lost. Immutable. end: the border behind it. latest: the newest
    timestamp (ms since 1970) of it and of those before it that were still here when it came."""

    __slots__ = ("end", "latest", "lost", "ranges", "size", "time")

    def __init__(self, ranges: tuple[Range, ...], size: int, time: float, before: Mark, latest: int) -> None:
        self.ranges, self.size = ranges, size
        self.lost = ranges[0].lost
        self.time = time
        moved = sum(part.end - part.start for part in ranges)
        self.end = Mark(before.place + 1, before.total + self.size, before.offsets + moved, newest_of(ranges))
        self.latest = max(latest, self.end.newest)


def chunked(ranges: Iterable[Range]) -> Iterator[tuple[tuple[Range, ...], int]]:
    """Groups ranges, in order, so that each group makes one frame, with its bytes; a lost range stands alone."""
    group: list[Range] = []
    size = 0
    for part in ranges:
        more = part.size
        if group and (part.lost or size + more > RANGE_BYTES):
            yield tuple(group), size
            group, size = [], 0
        if part.lost:
            yield (part,), more
            continue
        group.append(part)
        size += more
    if group:
        yield tuple(group), size


class TopicLog:
    """The newest records of one topic, in one of its lives.

    stream: its name on the wire. seconds: how long a record stays.
    positions: partition -> the next offset to come. base: the same before the oldest chunk that is still here. first,
    end: the borders before the oldest chunk and behind the newest. last_at: the timestamp (ms since 1970) of the newest
    record that came, 0 when none came that has one. older: partition -> the timestamp of the last record before `base`,
    0 where there is none; without those of which that is not known.
    """

    def __init__(self, topic: str, epoch: str, positions: Positions, seconds: float = LOG_SECONDS) -> None:
        self.topic, self.epoch, self.stream, self.seconds = topic, epoch, topic, seconds
        self.positions, self.base = dict(positions), dict(positions)
        self.older = {partition: 0 for partition, position in positions.items() if position == 0}
        self.first = self.end = Mark(0, 0, sum(positions.values()), 0)
        self.last_at = 0
        self._chunks: deque[Chunk] = deque()
        self._frames: dict[int, Frame] = {}
        self._cached = 0  # bytes of the frames there

    @property
    def most_bytes(self) -> int:
        """The bytes of records that are kept at most."""
        return LOG_BYTES

    @property
    def most_cached(self) -> int:
        """The bytes of frames that are kept at most."""
        return CACHE_BYTES

    def add_partition(self, partition: int) -> None:
        """A partition was added to the topic: from its beginning."""
        self.positions[partition] = self.base[partition] = self.older[partition] = 0

    @property
    def size(self) -> int:
        """Bytes of the chunks that are here."""
        return self.end.total - self.first.total

    def append(self, ranges: Iterable[Range], now: float) -> None:
        """Adds ranges in their order. now: a monotonic clock's seconds. Raises ValueError where one does not join."""
        for group, size in chunked(ranges):
            for part in group:
                if part.start != self.positions.get(part.partition, 0):
                    raise ValueError(f"{self.topic} {part.partition}: at {self.positions}, got {part.start}")
                if part.partition not in self.base:
                    self.add_partition(part.partition)
                self.positions[part.partition] = part.end
            latest = self._chunks[-1].latest if self._chunks else 0
            chunk = Chunk(group, size, now, self.end, latest)
            self._chunks.append(chunk)
            self.end = chunk.end
            self.last_at = chunk.end.newest or self.last_at

    @property
    def oldest(self) -> Chunk:
        """The oldest chunk; there is one."""
        return self._chunks[0]

    def oldest_is_due(self, now: float, limit: int = LOG_BYTES) -> bool:
        """Whether the oldest chunk must go: the log is over `limit` bytes, or the chunk is over `seconds` old."""
        return bool(self._chunks) and (self.size > limit or now - self._chunks[0].time > self.seconds)

    def drop_oldest(self) -> None:
        """Drops the oldest chunk. Positions stay, `base` moves on."""
        chunk = self._chunks.popleft()
        for part in chunk.ranges:
            self.base[part.partition] = part.end
            if part.records:
                self.older[part.partition] = part.records[-1].timestamp
        self._forget(self.first.place)
        self.first = chunk.end

    def find(self, positions: Positions) -> tuple[Mark, Positions] | None:
        """Where a reader with these positions goes on: a border, and where the reader is ahead of it.

        Partitions it does not name start at 0. None when the log does not reach that far back.
        """
        place, vector = self.end.place, dict(self.positions)
        behind = {p for p, position in vector.items() if positions.get(p, 0) < position}
        while behind and place > self.first.place:
            place -= 1
            for part in reversed(self._chunks[place - self.first.place].ranges):  # a partition may be there twice
                vector[part.partition] = part.start
                if positions.get(part.partition, 0) >= part.start:
                    behind.discard(part.partition)
        if behind:
            return None
        return self._mark(place), {p: positions.get(p, 0) for p in vector if positions.get(p, 0) > vector[p]}

    def _mark(self, place: int) -> Mark:
        return self.first if place == self.first.place else self._chunks[place - self.first.place - 1].end

    def reached(self, offsets: int) -> Mark | None:
        """The newest border that positions with this sum have reached; None when it is not here any more."""
        if offsets >= self.end.offsets:
            return self.end
        index = bisect_right(self._chunks, offsets, key=lambda chunk: chunk.end.offsets)
        if index:
            return self._chunks[index - 1].end
        return self.first if offsets >= self.first.offsets else None

    def chunks(self, start: Mark, stop: Mark) -> list[tuple[Range, ...]]:
        """The ranges of each chunk between two borders."""
        first = self.first.place
        return [self._chunks[place - first].ranges for place in range(start.place, stop.place)]

    def chunks_behind(self, border: Mark) -> list[Chunk]:
        """The chunks behind a border that are still here, oldest first."""
        return list(itertools.islice(self._chunks, max(0, border.place - self.first.place), None))

    def newest(self, records: int, limit: int) -> tuple[Positions, dict[int, list[Range]]]:
        """The newest chunks that have the newest so many records by their time, or over `limit` bytes, or all there
        are: one partition may come as a whole long before another.

        Returns where each partition begins in them, and its ranges, oldest first.
        """
        starts, found = dict(self.positions), dict[int, list[Range]]()
        for chunk in itertools.islice(reversed(self._chunks), self._depth(records, limit)):
            for part in reversed(chunk.ranges):
                starts[part.partition] = part.start
                found.setdefault(part.partition, []).append(part)
        for ranges in found.values():
            ranges.reverse()
        return starts, found

    def _depth(self, records: int, limit: int) -> int:
        """How many of the newest chunks those are."""
        times: list[int] = []  # of the newest records so far: a heap, the oldest of them first
        size = depth = 0
        for place, chunk in enumerate(reversed(self._chunks), 1):
            oldest = times[0] if len(times) == records else float("-inf")
            if size > limit or chunk.latest <= oldest:
                break
            size += chunk.size
            if chunk.end.newest <= oldest:
                continue
            depth = place
            for record in itertools.chain.from_iterable(part.records for part in chunk.ranges):
                (heapq.heappush if len(times) < records else heapq.heappushpop)(times, record.timestamp)
        return depth

    def frame(self, start: Mark, stream: str) -> Frame:
        """The frame that begins at `start`; it may take in several chunks."""
        cached = self._frames.get(start.place)
        if cached is None:
            cached = self._build(start.place, stream)
            self._keep(start.place, cached)
        return cached

    def _keep(self, place: int, frame: Frame) -> None:
        self._frames[place] = frame
        self._cached += len(frame.data)
        while self._cached > self.most_cached:
            self._forget(next(iter(self._frames)))

    def _forget(self, place: int) -> None:
        dropped = self._frames.pop(place, None)
        if dropped is not None:
            self._cached -= len(dropped.data)

    def _build(self, place: int, stream: str) -> Frame:
        ranges: list[Range] = []
        size, end = 0, self.first
        for chunk in itertools.islice(self._chunks, place - self.first.place, None):
            if ranges and (chunk.lost or size + chunk.size > RANGE_BYTES):
                break
            ranges.extend(chunk.ranges)
            size, end = size + chunk.size, chunk.end
            if chunk.lost:
                break
        return frame_of(stream, tuple(ranges), end)


def trimmed(frame_ranges: Iterable[Range], ahead: Positions) -> list[Range]:
    """The ranges without what a reader that is ahead has already; `ahead` forgets the partitions that caught up."""
    kept: list[Range] = []
    for part in frame_ranges:
        position = ahead.get(part.partition)
        if position is None:
            kept.append(part)
            continue
        if part.end >= position:
            del ahead[part.partition]
        if part.end > position:
            kept.append(part.after(position) if part.start < position else part)
    return kept
