"""Where a stream begins: `start` of a `subscribe`, checked and turned into positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streams.hub import newest
from streams.hub.hub import Hub
from streams.hub.topic_log import TopicLog
from streams.kafka.history import Bounds
from streams.runtime.digits import whole_number
from streams.runtime.turns import Turns
from streams.wire.ranges import Positions, Range

LAST_RECORDS = 2000  # the most that `{"last": n}` gives
REPLAY_OFFSETS = 1_000_000  # how far back a cursor may reach; what lies before is a gap (`limit`)
MAX_TIMESTAMP = 2**53  # ms; beyond, Kafka and JavaScript disagree
MAX_OFFSET = 2**63 - 1
PARTITION_DIGITS = 20  # more than any number in Kafka has
LOOKS_EACH = 8  # of one person that read Kafka at the same time, as few as catch up (streams/hub/catchup.py)

_turns = Turns(LOOKS_EACH)


class BadStart(ValueError):
    """`start` is not one of the four forms; the message says what is wrong."""


@dataclass(slots=True)
class Beginning:
    """The answer to a start. positions: where the client is. gaps: what is not delivered from there on.

    recovered, reason, last: as in `subscribed`.
    """

    positions: Positions
    recovered: bool = True
    reason: str | None = None
    gaps: list[Range] = field(default_factory=list)
    last: dict[str, Any] | None = None

    @property
    def behind_gaps(self) -> Positions:
        """Where records begin: the positions with the gaps stepped over."""
        return self.positions | {gap.partition: gap.end for gap in self.gaps}


def _integer(value: Any, name: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadStart(f"{name} must be an integer from {low} to {high}.")
    return value


def check(start: Any) -> tuple[str, Any]:
    """The form of a start (`latest`, `last`, `timestamp` or `cursor`) and its value. Raises BadStart."""
    if not isinstance(start, dict):
        raise BadStart("start must be an object with one of latest, last, timestamp or cursor.")
    forms = [form for form in ("latest", "last", "timestamp", "cursor") if form in start]
    if len(forms) != 1:
        raise BadStart("start needs exactly one of latest, last, timestamp or cursor.")
    form = forms[0]
    value = start[form]
    if form == "latest" and value is not True:
        raise BadStart("start.latest must be true.")
    if form == "last":
        value = _integer(value, "start.last", 1, LAST_RECORDS)
    if form == "timestamp":
        value = _integer(value, "start.timestamp", 0, MAX_TIMESTAMP)
    if form == "cursor":
        value = _cursor(value)
    return form, value


def _cursor(value: Any) -> tuple[str, Positions]:
    if not isinstance(value, dict) or not isinstance(value.get("epoch"), str):
        raise BadStart("start.cursor needs epoch (text) and positions.")
    positions = value.get("positions")
    if not isinstance(positions, dict):
        raise BadStart("start.cursor.positions must be an object from partition to offset.")
    checked = {}
    for name, position in positions.items():
        partition = partition_of(name)
        if partition is None:
            raise BadStart('start.cursor.positions must have partitions as keys, such as "0".')
        checked[partition] = _integer(position, f"start.cursor.positions.{name}", 0, MAX_OFFSET)
    return value["epoch"], checked


def partition_of(key: str) -> int | None:
    """The partition that a key of an object stands for, of which there need not be one; None for any other key."""
    return whole_number(key, PARTITION_DIGITS)


async def begin(hub: Hub, log: TopicLog, form: str, value: Any, person: str) -> Beginning:
    """Positions for a checked start. person: a username; what has to be read for one waits for its turn. Raises
    Unavailable when Kafka must be asked and does not answer."""
    if form == "cursor":
        return await _from_cursor(hub, log, *value)
    if form == "latest":
        return Beginning(dict((await hub.history.bounds(log.topic, log.positions)).ends))
    async with _turns.of(person):
        bounds = await hub.history.bounds(log.topic, log.positions)
        if form == "timestamp":
            return Beginning(await hub.history.offsets_at(log.topic, bounds, value))
        found = await newest.find(partial(hub.page, log), log, bounds, value)
    return Beginning(found.positions, last={"records": found.count, "stopped": found.stopped})


def share_out(bounds: Bounds, wanted: int) -> Positions:
    """Positions about `wanted` offsets before the end: an equal share a partition; what one lacks others get."""
    available = {p: end - bounds.firsts.get(p, 0) for p, end in bounds.ends.items()}
    shares = dict.fromkeys(available, 0)
    left = wanted
    while left > 0 and (open_partitions := [p for p in available if shares[p] < available[p]]):
        share = max(1, left // len(open_partitions))
        for partition in open_partitions:
            more = min(share, available[partition] - shares[partition], left)
            shares[partition] += more
            left -= more
    return {p: end - shares[p] for p, end in bounds.ends.items()}


async def _from_cursor(hub: Hub, log: TopicLog, epoch: str, given: Positions) -> Beginning:
    positions = {p: given.get(p, 0) for p in log.positions}
    within_log = all(log.base[p] <= position <= log.positions[p] for p, position in positions.items())
    if epoch == log.epoch and within_log:
        return Beginning(positions)
    bounds = await hub.history.bounds(log.topic, log.positions)
    if epoch != log.epoch or any(position > bounds.ends.get(p, 0) for p, position in positions.items()):
        return Beginning(dict(bounds.firsts), recovered=False, reason="epoch")
    beginning = Beginning(positions)
    _give_up(beginning, bounds.firsts, "retention")
    left = sum(bounds.ends[p] - max(position, bounds.firsts[p]) for p, position in positions.items())
    if left > REPLAY_OFFSETS:
        _give_up(beginning, share_out(bounds, REPLAY_OFFSETS), "limit")
    return beginning


def _give_up(beginning: Beginning, reachable: Positions, reason: str) -> None:
    """What lies before `reachable` becomes a gap; the positions stay the client's, as the gap begins there."""
    reached = {gap.partition: gap.end for gap in beginning.gaps}
    for partition, position in beginning.positions.items():
        start = max(position, reached.get(partition, 0))
        if start < reachable.get(partition, 0):
            beginning.gaps.append(Range(partition, start, reachable[partition], (), reason))
            beginning.recovered = False
            beginning.reason = beginning.reason or reason
