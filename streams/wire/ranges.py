"""Ranges of encoded records: how they join, travel between processes, and stand in frames.

Nothing here waits, asks Kafka or knows a connection.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import orjson

from streams.wire.records import Record

RANGE_BYTES = 192 * 1024  # encoded records of one chunk; one record is under 170 KiB, so that a frame fits in 256 KiB
FRAME_BYTES = 256 * 1024  # the largest frame and the largest message on the layer
LAYER_VERSION = 1  # of the message between bridge and web processes; a process ignores versions it does not know


class Range(NamedTuple):
    """The records of one partition with `start` <= offset < `end`; offsets may have holes, ranges never do.

    `lost`: None, or why these offsets are not delivered (a gap; then there are no records).
    """

    partition: int
    start: int
    end: int
    records: tuple[Record, ...]
    lost: str | None = None

    def after(self, position: int) -> Range:
        """The part of this range from `position` on, which lies within it."""
        return Range(
            self.partition, position, self.end, tuple(r for r in self.records if r.offset >= position), self.lost
        )

    @property
    def size(self) -> int:
        """Bytes that this range takes in a frame, about."""
        return 64 + sum([len(record.data) + 1 for record in self.records])


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


def split(partition: int, start: int, end: int, records: Sequence[Record]) -> Iterator[Range]:
    """The range [start, end) as ranges of at most about RANGE_BYTES that join end to end."""
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


# Frames -----------------------------------------------------------------------------------------------------------


def _encode_range(partition: int, start: int, end: int, records: Iterable[Record]) -> bytes:
    data = b",".join([record.data for record in records])
    return b'{"partition":%d,"from":%d,"to":%d,"records":[%b]}' % (partition, start, end, data)


def records_frame(stream: str, ranges: Iterable[Range]) -> bytes:
    """A `records` frame; ranges of one partition must join and are merged."""
    merged: dict[int, list[Range]] = {}
    for part in ranges:
        merged.setdefault(part.partition, []).append(part)
    encoded = b",".join(
        _encode_range(partition, parts[0].start, parts[-1].end, (r for part in parts for r in part.records))
        for partition, parts in merged.items()
    )
    return b'{"type":"records","stream":%b,"ranges":[%b]}' % (orjson.dumps(stream), encoded)


def gap_frame(stream: str, ranges: Iterable[Range], reason: str) -> bytes:
    """A `gap` frame: these offsets are not delivered."""
    shown = [{"partition": part.partition, "from": part.start, "to": part.end} for part in ranges]
    return orjson.dumps({"type": "gap", "stream": stream, "ranges": shown, "reason": reason})


# The message between processes ------------------------------------------------------------------------------------


def pack(batches: Iterable[Batch], statuses: Iterable[Status] = ()) -> dict[str, Any]:
    """One message for the channel layer; msgpack carries it."""
    return {
        "type": "streams.live",
        "version": LAYER_VERSION,
        "batches": [list(batch) for batch in batches],
        "statuses": [[s.topic, s.epoch, list(s.positions.items()), list(s.ends.items())] for s in statuses],
    }


def messages(batches: Iterable[Batch], statuses: Sequence[Status] = ()) -> Iterator[dict[str, Any]]:
    """As few messages as hold these batches within FRAME_BYTES each, in order; the statuses travel in the first."""
    group: list[Batch] = []
    size = 0
    pending = statuses
    for batch in batches:
        for part in batch.ranges:
            if group and size + part.size > RANGE_BYTES:
                yield pack(group, pending)
                group, size, pending = [], 0, ()
            if group and group[-1].topic == batch.topic:
                group[-1] = group[-1]._replace(ranges=(*group[-1].ranges, part))
            else:
                group.append(Batch(batch.topic, batch.epoch, (part,)))
            size += part.size
    if group or pending:
        yield pack(group, pending)


def unpack(message: dict[str, Any]) -> tuple[list[Batch], list[Status]] | None:
    """The opposite of `pack`; None for a message of another version."""
    if message.get("version") != LAYER_VERSION:
        return None
    batches = [
        Batch(
            topic,
            epoch,
            tuple(
                Range(p, start, end, tuple(Record(*r) for r in records), lost) for p, start, end, records, lost in parts
            ),
        )
        for topic, epoch, parts in message["batches"]
    ]
    statuses = [
        Status(topic, epoch, dict(positions), dict(ends)) for topic, epoch, positions, ends in message["statuses"]
    ]
    return batches, statuses
