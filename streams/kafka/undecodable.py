"""What a consumer polled, as ranges of encoded records; what cannot be decoded is told as such and stepped over.

aiokafka 0.14 raises at a batch in a codec that it lacks, with a wrong checksum, or with a header's name that is not
UTF-8, says neither where nor how far, and does so again at every poll: one such batch would stop its topic for good.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from streams.wire.ranges import WHOLE_BYTES, Range, split
from streams.wire.records import VALUE_BYTES, Raw, Record, encode_raw

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
        """Raises this error: nobody can take it for a record."""
        raise self


Polled = Raw | Undecodable


def ranges(partition: int, start: int, end: int, polled: Sequence[Any]) -> Iterable[Range]:
    """The range [start, end) with what was `Polled` of it, as ranges that join; what cannot be decoded is `lost`."""
    try:
        records = [encode_raw(raw) for raw in polled]
        is_cut = max([record.size for record in records], default=0) > VALUE_BYTES
        return split(partition, start, end, records, whole_values(polled) if is_cut else None)
    except Undecodable:
        found = [raw if isinstance(raw, Undecodable) else encode_raw(raw) for raw in polled]
        return joined(partition, start, end, found, whole_values(polled))


async def encoded(polled: Sequence[Any], encode: Callable[[list[Raw]], Awaitable[list[Record]]]) -> list[Any]:
    """What was `Polled`, with every record as `encode` makes it of all of them; what cannot be decoded stays.

    Less than all where `encode` gave less than all.
    """
    if Undecodable not in set(map(type, polled)):  # nearly always
        return await encode(list(polled))
    raws = [raw for raw in polled if not isinstance(raw, Undecodable)]
    records = await encode(raws)
    following = iter(records)
    made = (raw if isinstance(raw, Undecodable) else next(following, None) for raw in polled)
    return [each for each in made if each is not None]


def whole_values(polled: Iterable[Any]) -> dict[int, bytes]:
    """The values that travel cut and that filters look into: offset -> bytes."""
    return {
        raw.offset: raw.value
        for raw in polled
        if not isinstance(raw, Undecodable) and raw.value and VALUE_BYTES < len(raw.value) <= WHOLE_BYTES
    }


def joined(
    partition: int,
    start: int,
    end: int,
    found: Iterable[Record | Undecodable],
    whole: dict[int, bytes] | None = None,
) -> Iterator[Range]:
    """As `ranges`, of records that are encoded already. whole: as in Range."""
    records: list[Record] = []
    for each in found:
        if isinstance(each, Undecodable):
            yield from split(partition, start, each.start, records, whole)
            start, records = min(each.end, end), []
            yield Range(partition, each.start, start, (), LOST)
        else:
            records.append(each)
    yield from split(partition, start, end, records, whole)
