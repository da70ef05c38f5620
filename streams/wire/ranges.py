"""Ranges of encoded records: how they join, travel between processes, and stand in frames.

Nothing here waits, asks Kafka or knows a connection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from streams.wire.records import VALUE_BYTES, Record

RANGE_BYTES = 192 * 1024  # encoded records of one chunk; one record is under 170 KiB, so that a frame fits in 256 KiB
# A value that travels cut reaches the hubs whole up to here, for filters; with its record it fits into 256 KiB.
WHOLE_BYTES = 64 * 1024
WHOLES_BYTES = 8 * 1024 * 1024  # of those in one batch of a partition: a format can make much of few bytes


class Range(NamedTuple):
    """The records of one partition with `start` <= offset < `end`; offsets may have holes, ranges never do.

    `lost`: None, or why these offsets are not delivered (a gap; then there are no records). `whole`: offset -> the
    value that its record has only the beginning of, as it would be shown, where somebody may want to look into it.
    """

    partition: int
    start: int
    end: int
    records: tuple[Record, ...]
    lost: str | None = None
    whole: dict[int, bytes] | None = None

    def after(self, position: int) -> Range:
        """The part of this range from `position` on. The position must lie within it."""
        kept = tuple(record for record in self.records if record.offset >= position)
        return self._replace(start=position, records=kept)

    @property
    def size(self) -> int:
        """About how many bytes this range takes in a frame."""
        size = 64 + sum([len(record.data) + 1 for record in self.records])
        return size + sum(map(len, self.whole.values())) if self.whole else size


class Wholes:
    """Collects what `Range.whole` wants of a partition's records, at most WHOLES_BYTES; what comes then is left out.

    values: offset -> the value as it is shown, but uncut: its bytes, or what a format made of them.
    """

    __slots__ = ("_size", "values")

    def __init__(self) -> None:
        self.values: dict[int, bytes] = {}
        self._size = 0

    def take(self, offset: int, value: bytes | None) -> None:
        """Takes a value that travels cut, and none that does not. Once more for an offset: in place of the first."""
        if not self.values and (value is None or len(value) <= VALUE_BYTES):
            return  # nearly all
        self._size -= len(self.values.pop(offset, b""))
        if value is not None and VALUE_BYTES < len(value) <= min(WHOLE_BYTES, WHOLES_BYTES - self._size):
            self.values[offset] = value
            self._size += len(value)


class Batch(NamedTuple):
    """Ranges of one topic in one of its lives, in the order of reading."""

    topic: str
    epoch: str
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What the fan-out says every second, also when nothing happens.

    positions: partition -> next offset it will deliver; ends: partition -> Kafka's last stable offset.
    """

    topic: str
    epoch: str
    positions: dict[int, int]
    ends: dict[int, int]


def split(
    partition: int, start: int, end: int, records: Sequence[Record], whole: dict[int, bytes] | None = None
) -> Iterator[Range]:
    """The range [start, end) as ranges of at most about RANGE_BYTES that join end to end. whole: as in Range."""
    if whole:
        yield from _split_with_whole(partition, start, end, records, whole)
        return
    sizes = list(accumulate([len(record.data) + 1 for record in records]))
    first = before = 0
    while sizes and sizes[-1] - before > RANGE_BYTES:
        stop = max(first + 1, bisect_right(sizes, before + RANGE_BYTES, lo=first))
        if stop == len(records):
            break  # one record is larger than that
        yield Range(partition, start, records[stop].offset, tuple(records[first:stop]))
        first, before, start = stop, sizes[stop - 1], records[stop].offset
    if end > start:
        yield Range(partition, start, end, tuple(records[first:]))


def _split_with_whole(
    partition: int, start: int, end: int, records: Sequence[Record], whole: dict[int, bytes]
) -> Iterator[Range]:
    """As `split`; a value that came whole counts with its record."""
    group: list[Record] = []
    size = 0
    for record in records:
        more = len(record.data) + 1 + len(whole.get(record.offset, b""))
        if group and size + more > RANGE_BYTES:
            yield _with_whole(partition, start, record.offset, group, whole)
            group, size, start = [], 0, record.offset
        group.append(record)
        size += more
    if end > start:
        yield _with_whole(partition, start, end, group, whole)


def _with_whole(partition: int, start: int, end: int, group: list[Record], whole: dict[int, bytes]) -> Range:
    theirs = {record.offset: whole[record.offset] for record in group if record.offset in whole}
    return Range(partition, start, end, tuple(group), None, theirs or None)


Positions = dict[int, int]


def newest_of(ranges: Iterable[Range]) -> int:
    """The newest timestamp among the last records of each range, or 0."""
    return max((record.timestamp for part in ranges for record in part.records[-1:]), default=0)
