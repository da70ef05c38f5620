"""The log of one view of a topic: the topic's ranges with the records that are in it; what it took to look for them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from streams import metrics
from streams.hub.topic_log import TopicLog
from streams.hub.view import View, stream_of
from streams.wire.ranges import RANGE_BYTES, Positions, Range
from streams.wire.records import Record

VIEW_BYTES = 1024 * 1024  # of records in the log of one view, and of its frames
SLICE_S = 0.003  # filters and formats are at work for so long, then as long as that others are
SHARE = 0.05  # of a second (of CPU) that one may take …
RECORD_S = 20e-6  # … and for each record of that second at least so much: a burst of records is no dear filter
# The longest that a slice can take of a filter: the work with its last record is bounded (filters/work.py). What it
# took beyond that was Python's collection of garbage, or a machine that stood still, and is nobody's fault.
SLICE_MOST_S = SLICE_S + 0.012


class Found:
    """What a filter found in a range."""

    __slots__ = ("failed", "matching", "unchecked")

    def __init__(self) -> None:
        self.matching: list[Record] = []
        self.failed = self.unchecked = 0

    def count(self) -> None:
        """Adds this to the metrics."""
        for outcome, records in (
            ("matched", len(self.matching)), ("failed", self.failed), ("unchecked", self.unchecked)
        ):  # fmt: skip
            if records:
                metrics.FILTERED.labels(outcome).inc(records)


class Account:
    """What CPU something takes. cost: seconds of it, in the last second and this one."""

    __slots__ = ("_records", "_second", "_spent", "cost")

    def __init__(self) -> None:
        self.cost = self._spent = 0.0  # the latter in this second
        self._second = self._records = 0

    def charge(self, seconds: float, records: int) -> bool:
        """Notes CPU that was taken in a slice, for so many records. Returns whether that is too much for this
        second."""
        seconds = min(seconds, SLICE_MOST_S)
        second = int(time.monotonic())
        if second != self._second:
            self.cost, self._second, self._spent, self._records = self._spent, second, 0.0, 0
        self._spent += seconds
        self._records += records
        self.cost += seconds
        return self._spent > max(SHARE, self._records * RECORD_S)


class ViewLog(TopicLog):
    """The log of one view of a topic, from `positions` on.

    pending: username -> how many of theirs look up where to begin. over: why nothing comes any more, "" while it does.
    matched, failed, unchecked: records since they were told last. account: of its filter.
    """

    def __init__(self, whole: TopicLog, view: View, positions: Positions) -> None:
        super().__init__(whole.topic, whole.epoch, positions, whole.seconds)
        self.view = view
        self.stream = stream_of(whole.topic, view)
        self.pending: Counter[str] = Counter()
        self.over = ""
        self.matched = self.failed = self.unchecked = 0
        self.account = Account()
        self._held: list[Range] = []  # what was looked at and is not in the log yet; a range a partition
        self._taken = dict(positions)  # positions behind what is held

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.over != ""

    @property
    def most_bytes(self) -> int:
        """The bytes of records that are kept at most."""
        return VIEW_BYTES

    @property
    def most_cached(self) -> int:
        """The bytes of frames that are kept at most."""
        return VIEW_BYTES

    def add_partition(self, partition: int) -> None:
        """A partition was added to the topic: from its beginning."""
        super().add_partition(partition)
        self._taken.setdefault(partition, 0)

    def wants(self, part: Range) -> bool:
        """Whether a range is the next of its partition; what lies before was there when this log began."""
        return not self.is_over and part.start == self._taken.get(part.partition, 0)

    def hold(self, part: Range, matching: list[Record]) -> None:
        """Takes what was found in a range. It joins what is held of its partition, as far as that has no records."""
        self._taken[part.partition] = part.end
        found = Range(part.partition, part.start, part.end, tuple(matching), part.lost)
        self._held = joined([*self._held, found])

    @property
    def has_news(self) -> bool:
        """Whether what is held is more than positions."""
        return any(part.records or part.lost for part in self._held)

    def count(self, found: Found) -> None:
        """Counts what a filter found at the live end."""
        if self.view.filter is None:
            return
        self.matched += len(found.matching)
        self.failed += found.failed
        self.unchecked += found.unchecked
        found.count()

    def counted(self) -> dict[str, int]:
        """What its filter did since this was asked last; nothing where there is none."""
        if self.view.filter is None:
            return {}
        counts = {"matched": self.matched, "failed": self.failed, "unchecked": self.unchecked}
        self.matched = self.failed = self.unchecked = 0
        return counts

    def put(self, now: float) -> bool:
        """Puts what is held into the log. now: a monotonic clock's seconds. Returns whether there was anything."""
        held, self._held = self._held, []
        if held:
            self.append(held, now)
        return bool(held)


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in their order, those of a partition made one where that is not too large and nothing is lost."""
    found: list[Range] = []
    last: dict[int, int] = {}  # partition -> where its last range stands
    for part in ranges:
        place = last.get(part.partition)
        before = None if place is None else found[place]
        if (
            place is None or before is None or before.lost or part.lost
            or (before.records and before.size + part.size > RANGE_BYTES)
        ):  # fmt: skip
            last[part.partition] = len(found)
            found.append(part)
        else:
            found[place] = before._replace(end=part.end, records=before.records + part.records)
    return found
