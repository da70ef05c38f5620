"""The newest records of a topic, or the newest before some positions: where a stream begins that asks for the last so
many, and what a board shows further down.

Offsets are not records: aborted transactions, markers and compaction leave holes of any size. So records are counted:
first those in the log, then what lies before in Kafka, backwards in growing steps, until there are enough, or the
beginning or a bound is reached. Which of several partitions' records are the newest is decided by their time.
"""

from __future__ import annotations

import asyncio
import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from streams.hub.topic_log import TopicLog
from streams.kafka.history import Bounds
from streams.wire.ranges import Positions, Range
from streams.wire.records import Record

Stopped = Literal["enough", "beginning", "bound"]

BYTES = 8 * 1024 * 1024  # of encoded records that are given, and kept of one step backwards through a partition
OFFSETS = 200_000  # that one question looks through in Kafka
SECONDS = 4.0  # that it takes at most; `subscribed` has 10
SHORTEST_STEP, LONGEST_STEP = 20, 20_000  # offsets of a partition in one step backwards; each is twice the one before
AT_ONCE = 2  # reads of one question: the pool has three readers


@dataclass(slots=True)
class Newest:
    """positions: where each partition begins. records: partition -> those from there on. stopped: why not more."""

    positions: Positions
    records: dict[int, list[Record]]
    stopped: Stopped

    @property
    def count(self) -> int:
        """How many records that are."""
        return sum(map(len, self.records.values()))


@dataclass(slots=True)
class _Partition:
    """What is known of one partition: of everything from `start` on, the records.

    before: the timestamp (ms since 1970) of the last record before `start`, None where it is not known. came_first:
    whether what lies before `start` came before everything that is in the log.
    """

    number: int
    first: int
    start: int
    step: int
    records: list[Record]
    before: int | None = None
    came_first: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing lies before what is known."""
        return self.start <= self.first

    def put_before(self, ranges: list[Range], start: int) -> None:
        """Takes in what lies between `start` and what was known."""
        self.records = [record for part in ranges for record in part.records] + self.records
        self.start, self.before = start, None

    def remember(self, log: TopicLog) -> None:
        """Has the log know what lies before it, where that was looked at."""
        base = log.base.get(self.number, 0)
        if self.number in log.older or self.start >= base:
            return
        place = bisect_left(self.records, base, key=lambda record: record.offset)
        if place or self.came_first or self.is_whole:
            log.older[self.number] = self.records[place - 1].timestamp if place else 0


Read = Callable[[int, int, int], Awaitable[list[Range]]]  # partition, start, end -> as History.page


async def find(read: Read, log: TopicLog, bounds: Bounds, wanted: int) -> Newest:
    """The newest `wanted` records of a log's stream, or as many of them as fit in BYTES. Raises Unavailable."""
    partitions = _from_log(log, bounds, wanted)
    # Before the look: what comes into the log meanwhile was not looked at, and the stream begins before it.
    ends = {number: max(end, log.positions.get(number, 0)) for number, end in bounds.ends.items()}
    found = await _look(read, partitions, wanted)
    for each in partitions:
        each.remember(log)
    return Newest(ends | {n: found.positions[n] for n in found.records}, found.records, found.stopped)


async def find_before(read: Read, firsts: Positions, before: Positions, wanted: int) -> Newest:
    """The newest `wanted` records with offsets below `before`, as far back as `firsts`. Raises Unavailable."""
    step = _step(wanted, len(before))
    partitions = [_Partition(number, firsts.get(number, 0), end, step, []) for number, end in before.items()]
    found = await _look(read, partitions, wanted)
    return Newest(before | found.positions, found.records, found.stopped)


def _step(wanted: int, partitions: int) -> int:
    """How many offsets of a partition are looked at first."""
    return min(LONGEST_STEP, max(SHORTEST_STEP, 2 * wanted // max(1, partitions)))


async def _look(read: Read, partitions: list[_Partition], wanted: int) -> Newest:
    """The newest of these partitions. What was looked at and has no record needs no second look: it is stepped over."""
    looked = 0
    turns = asyncio.Semaphore(AT_ONCE)
    chosen, unknown = _choose(partitions, wanted)
    try:
        async with asyncio.timeout(SECONDS):
            while unknown and looked < OFFSETS:
                looked += sum(min(each.step, each.start - each.first) for each in unknown)
                await asyncio.gather(*(_read_back(read, each, turns) for each in unknown))
                chosen, unknown = _choose(partitions, wanted)
    except TimeoutError:
        chosen, unknown = _choose(partitions, wanted)
    stopped: Stopped = "bound" if unknown else "enough" if chosen.is_full else "beginning"
    records = {each.number: each.records[-depth:] for each in partitions if (depth := chosen.depths.get(each.number))}
    empty = {each.number: each.start for each in partitions if not each.records}
    return Newest(empty | {number: found[0].offset for number, found in records.items()}, records, stopped)


def _from_log(log: TopicLog, bounds: Bounds, wanted: int) -> list[_Partition]:
    """What the log holds of the newest: all of it, or as much as has `wanted` records. What lies before these is older,
    unless it came before the log began: of that one step is looked at, once."""
    starts, kept = log.newest(wanted, BYTES)
    has_enough = sum(len(part.records) for parts in kept.values() for part in parts) >= wanted
    step = _step(wanted, len(bounds.ends))
    partitions = []
    for number, end in bounds.ends.items():
        known = _Partition(number, bounds.firsts.get(number, 0), end, step, [])
        if log.positions.get(number, 0) >= end:
            known.put_before(kept.get(number, []), starts[number])
            if has_enough:
                known.came_first = True
                known.before = log.older.get(number) if starts[number] == log.base.get(number, 0) else 0
        partitions.append(known)
    return partitions


async def _read_back(read: Read, partition: _Partition, turns: asyncio.Semaphore) -> None:
    """Looks through the next step before what is known."""
    end = partition.start
    start = position = max(partition.first, end - partition.step)
    ranges: deque[Range] = deque()
    size = 0
    while position < end:
        async with turns:
            page = await read(partition.number, position, end)
        ranges += page
        size += sum(map(_size, page))
        while size - _size(ranges[0]) >= BYTES:  # more than can be given lies behind it: the next step looks here again
            dropped = ranges.popleft()
            size, start = size - _size(dropped), dropped.end
        position = ranges[-1].end
    partition.put_before(list(ranges), start)
    if partition.came_first and not any(part.records for part in ranges):
        partition.before = 0
    partition.step = min(2 * partition.step, LONGEST_STEP)


def _size(part: Range) -> int:
    return sum(len(record.data) for record in part.records)


@dataclass(slots=True)
class _Chosen:
    """depths: partition -> how many of its newest records were chosen. is_full: as many as wanted, or as fit."""

    depths: dict[int, int]
    is_full: bool = False


def _choose(partitions: list[_Partition], wanted: int) -> tuple[_Chosen, list[_Partition]]:
    """The newest of the known records by time, each partition's in its order.

    Also returns the partitions of which something older has to be known before that is certain.
    """
    oldest = 0
    chosen = _Chosen({})
    unknown = [each for each in partitions if not each.records and not each.is_whole]
    # (minus the time, partition, which of its records from the end): the newest first.
    heads = [(-each.records[-1].timestamp, each.number, 1, each) for each in partitions if each.records]
    heapq.heapify(heads)
    size = count = 0
    while heads and not chosen.is_full:
        _, number, depth, each = heapq.heappop(heads)
        more = len(each.records[-depth].data)
        if count and size + more > BYTES:
            chosen.is_full = True
            break
        chosen.depths[number] = depth
        oldest = each.records[-depth].timestamp
        count += 1
        size += more
        chosen.is_full = count == wanted
        if depth < len(each.records):
            heapq.heappush(heads, (-each.records[-depth - 1].timestamp, number, depth + 1, each))
        elif not each.is_whole and not chosen.is_full:
            unknown.append(each)
    if chosen.is_full:
        unknown = [each for each in unknown if each.before is None or each.before > oldest]
    return chosen, unknown
