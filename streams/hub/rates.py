"""What the hub took in, second by second: the `stats` frames, the counter, and how much a topic has and had lately."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable

from streams import metrics
from streams.wire.ranges import Range

RATE_S = 10  # complete seconds that a topic's rate is of
KEPT_S = 300  # complete seconds of which it is known how much they had; 4 bytes each


class Lately:
    """How many records a topic had in each of the newest KEPT_S complete seconds; before `begun` nothing is known."""

    def __init__(self, begun: int) -> None:
        self._records = array("I", bytes(4 * KEPT_S))
        self._begun, self._last = begun, begun - 1

    @property
    def last(self) -> int:
        """The newest second that had records."""
        return self._last

    def put(self, second: int, records: int) -> None:
        """Notes a second that is over. Where the clock was set back, all that was known is forgotten."""
        if second <= self._last:
            self._begun, self._last = second, second - 1
        for skipped in range(max(self._last + 1, second - KEPT_S + 1), second):
            self._records[skipped % KEPT_S] = 0
        self._records[second % KEPT_S] = min(records, 2**32 - 1)
        self._last = second

    def between(self, first: int, end: int) -> tuple[int, list[int]]:
        """Where what is known of [first, end) begins, and the records of each second from there on."""
        first = min(end, max(first, self._begun, end - KEPT_S))
        known = range(self._last - KEPT_S + 1, self._last + 1)
        return first, [self._records[second % KEPT_S] if second in known else 0 for second in range(first, end)]


class Seconds:
    """What was taken in of each topic, in the present second of this process's clock.

    tell: sends a topic, a second, and its records and bytes to every reader of the topic.
    """

    def __init__(self, tell: Callable[[str, int, int, int], None]) -> None:
        self._tell = tell
        self._open: dict[str, tuple[int, int, int]] = {}  # topic -> second, records, bytes
        self._lately: dict[str, Lately] = {}

    def begin(self, topic: str) -> None:
        """From now on all of a topic is taken in."""
        self.forget(topic)
        self._lately[topic] = Lately(int(time.time()))

    def count(self, topic: str, ranges: Iterable[Range]) -> None:
        """Counts ranges that were taken in just now, each offset once."""
        second = int(time.time())
        records = size = 0
        for part in ranges:
            records += len(part.records)
            size += sum([record.size for record in part.records])
        metrics.RECORDS_RECEIVED.labels(topic).inc(records)
        counted, so_far, so_many = self._open.get(topic, (second, 0, 0))
        if counted != second:
            self._close(topic)
            so_far = so_many = 0
        self._open[topic] = (second, so_far + records, so_many + size)

    def tell(self) -> None:
        """Tells of the seconds that are over."""
        for topic, (second, _, _) in list(self._open.items()):
            if second < int(time.time()):
                self._close(topic)

    def lately(self, topic: str, most: int = KEPT_S) -> tuple[int, list[int]]:
        """The records of each of the newest complete seconds of a topic, at most so many, the oldest first, and which
        second the first of them is (since 1970): seconds before it are not known."""
        now = int(time.time())
        known = self._lately.get(topic)
        if known is None:
            return now, []
        first, records = known.between(now - most, now)
        second, so_far, _ = self._open.get(topic, (now, 0, 0))
        if first <= second < now:
            records[second - first] = so_far  # over, and not told yet
        return first, records

    def rate(self, topic: str) -> float:
        """Records a second that were taken in of a topic, over the last RATE_S complete seconds."""
        return sum(self.lately(topic, RATE_S)[1]) / RATE_S

    def busy(self) -> dict[str, float]:
        """The rates of all topics that have one now: of thousands mostly a few, and the others cost next to nothing."""
        since = int(time.time()) - RATE_S
        lately = [topic for topic, known in self._lately.items() if known.last >= since or topic in self._open]
        return {topic: rate for topic in lately if (rate := self.rate(topic))}

    def forget(self, topic: str) -> None:
        """Forgets what was counted of a topic."""
        self._open.pop(topic, None)
        self._lately.pop(topic, None)

    def _close(self, topic: str) -> None:
        second, records, size = self._open.pop(topic)
        if records:
            if (known := self._lately.get(topic)) is not None:
                known.put(second, records)
            self._tell(topic, second, records, size)
