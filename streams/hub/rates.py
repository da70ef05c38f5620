"""What the hub took in, second by second: the `stats` frames, the counter, and how much a topic has at present."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from streams import metrics
from streams.wire.ranges import Range

RATE_S = 10  # complete seconds that a topic's rate is of


class Seconds:
    """What was taken in of each topic, in the present second of this process's clock.

    tell: sends a topic, a second, and its records and bytes to every reader of the topic.
    """

    def __init__(self, tell: Callable[[str, int, int, int], None]) -> None:
        self._tell = tell
        self._open: dict[str, tuple[int, int, int]] = {}  # topic -> second, records, bytes
        self._closed: dict[str, deque[tuple[int, int]]] = {}  # topic -> the newest seconds that had records, and those

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

    def rate(self, topic: str) -> float:
        """Records a second that were taken in of a topic, over the last RATE_S complete seconds."""
        now = int(time.time())
        seconds = list(self._closed.get(topic, ()))
        if (present := self._open.get(topic)) is not None:
            seconds.append(present[:2])
        return sum(records for second, records in seconds if now - RATE_S <= second < now) / RATE_S

    def forget(self, topic: str) -> None:
        """Forgets what was counted of a topic."""
        self._open.pop(topic, None)
        self._closed.pop(topic, None)

    def _close(self, topic: str) -> None:
        second, records, size = self._open.pop(topic)
        if records:
            self._closed.setdefault(topic, deque(maxlen=RATE_S)).append((second, records))
            self._tell(topic, second, records, size)
