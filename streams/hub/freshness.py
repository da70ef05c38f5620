"""What was last said of each partition, and when: how long nobody spoke, how far behind the hub is, and whether Kafka's
end fell below what the hub had already. Asks nobody; the hub tells it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping

from streams.hub.topic_log import TopicLog
from streams.wire.ranges import Positions

Moments = dict[int, float]  # partition -> when, in the loop's time

SILENT_S = 3.0  # a partition nobody spoke of for so long is read by the hub itself
SHRUNK_S = 4.0  # an end that is below for so long is no passing state of a change of leaders


def now_ms() -> int:
    """The time, in milliseconds since 1970."""
    return int(time.time() * 1000)


class Hearing:
    """Who spoke of which partition, and when.

    logs: the hub's, topic -> log; only what is in there counts.
    """

    def __init__(self, logs: Mapping[str, TopicLog]) -> None:
        self._logs = logs
        self._heard: dict[str, Moments] = {}
        self._read: dict[str, Moments] = {}
        self._ends: dict[str, Positions] = {}
        self._below: dict[str, Moments] = {}  # since when an end is said to be below the hub's position
        self._loop = asyncio.get_running_loop()

    def note(self, topic: str, partitions: Iterable[int]) -> None:
        """Notes that the fan-out spoke of these partitions just now."""
        self._heard.setdefault(topic, {}).update(dict.fromkeys(partitions, self._loop.time()))

    def note_read(self, topic: str, partitions: Iterable[int]) -> None:
        """Notes that Kafka itself answered about these partitions, because the hub asked. To the fan-out they are as
        silent as before."""
        self._read.setdefault(topic, {}).update(dict.fromkeys(partitions, self._loop.time()))

    def note_ends(self, topic: str, ends: Positions) -> None:
        """Notes Kafka's end offsets of a topic (partition -> offset), as somebody who reads there says."""
        if topic not in self._logs:
            return
        self._ends.setdefault(topic, {}).update(ends)
        positions, below = self._logs[topic].positions, self._below.setdefault(topic, {})
        for partition, end in ends.items():
            if end < positions.get(partition, 0):
                below.setdefault(partition, self._loop.time())
            else:
                below.pop(partition, None)

    def forgive(self, seconds: float) -> None:
        """Moves every moment on by so many seconds, in which this process stood still itself: who spoke meanwhile has
        not been heard yet."""
        now = self._loop.time()
        for told in (*self._heard.values(), *self._read.values()):
            for partition, heard in told.items():
                told[partition] = min(now, heard + seconds)

    def forget(self, topic: str) -> None:
        """Forgets a topic that has gone, or that begins a new life."""
        for told in (self._ends, self._heard, self._read, self._below):
            told.pop(topic, None)

    def silent(self) -> dict[str, list[int]]:
        """Partitions that the fan-out did not speak of for SILENT_S."""
        late = self._loop.time() - SILENT_S
        silent: dict[str, list[int]] = {}
        for topic, topic_log in self._logs.items():
            heard = self._heard.get(topic, {})
            quiet = [p for p in topic_log.positions if heard.get(p, 0.0) < late]
            if quiet:
                silent[topic] = quiet
        return silent

    def shrunk(self) -> list[str]:
        """Topics whose end is below the hub's position in some partition, for SHRUNK_S."""
        late = self._loop.time() - SHRUNK_S
        return sorted(topic for topic, below in self._below.items() if any(since < late for since in below.values()))

    def since_ms(self) -> int:
        """When (ms since 1970) every partition had last been spoken of, or answered about."""
        return now_ms() - int((self._loop.time() - min(self._times(), default=0.0)) * 1000)

    def is_deaf(self) -> bool:
        """Whether nobody, and not Kafka itself either, told anything of any partition for SILENT_S."""
        return max(self._times(), default=0.0) < self._loop.time() - SILENT_S

    def lag(self) -> int:
        """Offsets between the positions and the end offsets that were told last."""
        return sum(
            max(0, end - topic_log.positions.get(partition, 0))
            for topic, topic_log in self._logs.items()
            for partition, end in self._ends.get(topic, {}).items()
        )

    def _times(self) -> Iterable[float]:
        for topic, topic_log in self._logs.items():
            heard, read = self._heard.get(topic, {}), self._read.get(topic, {})
            for partition in topic_log.positions:
                yield max(heard.get(partition, 0.0), read.get(partition, 0.0))
