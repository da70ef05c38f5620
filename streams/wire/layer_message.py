"""The message between the bridge and web processes, over the Channels layer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from streams.wire.ranges import RANGE_BYTES, Batch, Range, Status
from streams.wire.records import Record

LAYER_VERSION = 2  # of the message between bridge and web processes; a process ignores versions it does not know


def pack(batches: Iterable[Batch], statuses: Iterable[Status] = ()) -> dict[str, Any]:
    """The batches and statuses as one message that msgpack can carry."""
    return {
        "type": "streams.live",
        "version": LAYER_VERSION,
        "batches": [[batch.topic, batch.epoch, [_packed(part) for part in batch.ranges]] for batch in batches],
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
    """What `pack` was given; None for a message of another version."""
    if message.get("version") != LAYER_VERSION:
        return None
    batches = [
        Batch(
            topic,
            epoch,
            tuple(
                Range(p, start, end, tuple(Record(*r) for r in records), lost, dict(whole) or None)
                for p, start, end, records, lost, whole in parts
            ),
        )
        for topic, epoch, parts in message["batches"]
    ]
    statuses = [
        Status(topic, epoch, dict(positions), dict(ends)) for topic, epoch, positions, ends in message["statuses"]
    ]
    return batches, statuses


def _packed(part: Range) -> list[Any]:
    """A range for msgpack, whose maps have no numbers as names."""
    return [*part[:5], list(part.whole.items()) if part.whole else []]
