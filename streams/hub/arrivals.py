"""When the newest ranges of one topic reached this process, and how many readers they had: for the way of item events.

Noted once a second from what the log holds anyway, so the way of a record costs nothing more. Bounded; gone with the
process.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from streams.hub.topic_log import TopicLog
from streams.wire.frames import Mark

RANGES = 5_000  # remembered: hours of what people do, or the last part of an import


class Arrival(NamedTuple):
    """When a record came into the log, from which it is given to all readers at the next tick. at: ms since 1970.
    readers: streams of the topic in this process within the second after."""

    at: int
    readers: int


class Arrivals:
    """What was noted of one topic, in its present life."""

    def __init__(self) -> None:
        self._log: TopicLog | None = None
        self._seen: Mark | None = None  # the border up to which was looked
        self._noted: deque[tuple[int, int, int, Arrival]] = deque(maxlen=RANGES)  # partition, from, to

    def look(self, log: TopicLog | None, readers: int) -> None:
        """Notes what came since the last look. readers: how many streams there are of the topic now."""
        if log is not self._log:
            self._log, self._seen = log, None
            self._noted.clear()
        if log is None:
            return
        ahead = time.time() - asyncio.get_running_loop().time()
        for chunk in log.chunks_behind(self._seen or log.first):
            arrival = Arrival(int((chunk.time + ahead) * 1000), readers)
            for part in chunk.ranges:
                if not part.lost:
                    self._noted.append((part.partition, part.start, part.end, arrival))
        self._seen = log.end

    def of(self, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Arrival]:
        """The arrivals of those of the places (partition, offset) that are remembered."""
        wanted: dict[int, list[int]] = {}
        for partition, offset in sorted(places):
            wanted.setdefault(partition, []).append(offset)
        found = {}
        for partition, start, end, arrival in self._noted:
            offsets = wanted.get(partition, [])
            for offset in offsets[bisect_left(offsets, start) : bisect_left(offsets, end)]:
                found[partition, offset] = arrival
        return found
