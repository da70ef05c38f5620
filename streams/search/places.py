"""Where to look: between two times, or positions, of some partitions of a topic."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.kafka.history import Bounds, History
from streams.runtime.digits import whole_number
from streams.search.spans import Span, joined

LATEST = 2**53  # ms: what any client can write
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Place = int | dict[int, int] | None
"""A time (ms since 1970), positions by partition, or None for the beginning or the end."""


async def spans_between(
    history: History, topic: str, bounds: Bounds, start: Place, end: Place, *, partitions: list[int] | None = None
) -> list[Span]:
    """The offsets of partitions (None: of all) between two places, as far as Kafka has them. Raises Unavailable."""
    starts = await _offsets(history, topic, bounds, start, bounds.firsts)
    ends = await _offsets(history, topic, bounds, end, bounds.ends)
    return joined(
        Span(number, max(first, starts.get(number, first)), min(bounds.ends[number], ends.get(number, 2**63)))
        for number, first in bounds.firsts.items()
        if partitions is None or number in partitions
    )


async def _offsets(history: History, topic: str, bounds: Bounds, place: Place, usual: dict[int, int]) -> dict[int, int]:
    if place is None:
        return usual
    return place if isinstance(place, dict) else await history.offsets_at(topic, bounds, place)


def milliseconds(text: str) -> int:
    """A time as people write it, ISO 8601 (UTC without a zone) or milliseconds since 1970, as the latter. Raises
    ValueError with a sentence for people."""
    if (number := whole_number(text, 16)) is not None:
        return min(number, LATEST)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("Write a time as in 2026-01-31T12:00:00Z, or milliseconds since 1970.") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, int((moment - EPOCH).total_seconds() * 1000))
