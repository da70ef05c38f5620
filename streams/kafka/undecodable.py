"""What a consumer polled, as ranges of encoded records; what cannot be decoded is told as such and stepped over.

aiokafka 0.14 raises at a batch in a codec that it lacks, with a wrong checksum, or with a header's name that is not
UTF-8, says neither where nor how far, and does so again at every poll: one such batch would stop its topic for good.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords

from streams import metrics
from streams.wire.ranges import Range, split
from streams.wire.records import Raw, Record, encode_raw

log = logging.getLogger(__name__)

LOST = "unavailable"  # the gap's reason


class Undecodable(Exception):
    """Stands among polled records for the offsets `start` <= offset < `end`; raised where it is taken for a record."""

    timestamp = -1

    def __init__(self, start: int, end: int) -> None:
        super().__init__(f"The offsets {start} to {end} cannot be decoded.")
        self.offset = self.start = start
        self.end = end

    @property
    def key(self) -> bytes | None:
        raise self


Polled = Raw | Undecodable


class _Batches:
    """A fetch's batches. current: the one that was taken last."""

    current: Any = None

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.has_next = batches.has_next

    def next_batch(self) -> Any:
        self.current = self._batches.next_batch()
        return self.current


class ReadableRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka carries no types
    """A fetch's records, with an `Undecodable` for the rest of each batch that cannot be decoded."""

    next_fetch_offset: int

    def __init__(self, tp: Any, records: Any, *more: Any) -> None:
        super().__init__(tp, _Batches(records), *more)

    def _unpack_records(self) -> Iterator[Any]:
        while True:
            try:
                yield from super()._unpack_records()
            except Exception as error:
                batch, start = self._records.current, self.next_fetch_offset
                if batch is None or batch.next_offset <= start:
                    raise
                log.error(
                    "%s %d: offsets %d to %d cannot be decoded, and are a gap: %r",
                    self._tp.topic, self._tp.partition, start, batch.next_offset - 1, error,
                )  # fmt: skip
                metrics.UNDECODABLE.inc()
                self.next_fetch_offset = batch.next_offset
                yield Undecodable(start, batch.next_offset)
            else:
                return


def install() -> None:
    """Has every consumer of this process read so. aiokafka offers no other place for it."""
    fetcher.PartitionRecords = ReadableRecords


def ranges(partition: int, start: int, end: int, polled: Sequence[Any]) -> Iterable[Range]:
    """The range [start, end) with what was `Polled` of it, as ranges that join; what cannot be decoded is `lost`."""
    try:
        return split(partition, start, end, [encode_raw(raw) for raw in polled])
    except Undecodable:
        found = [raw if isinstance(raw, Undecodable) else encode_raw(raw) for raw in polled]
        return joined(partition, start, end, found)


def joined(partition: int, start: int, end: int, found: Iterable[Record | Undecodable]) -> Iterator[Range]:
    """The same of records that are encoded already."""
    records: list[Record] = []
    for each in found:
        if isinstance(each, Undecodable):
            yield from split(partition, start, each.start, records)
            start, records = min(each.end, end), []
            yield Range(partition, each.start, start, (), LOST)
        else:
            records.append(each)
    yield from split(partition, start, end, records)
