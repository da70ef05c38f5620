"""What a hub did not hear, read back from Kafka: one task a partition, until the position reaches its target."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from streams import metrics
from streams.hub.topic_log import TopicLog
from streams.kafka.history import History
from streams.runtime.away import Unavailable, described
from streams.runtime.tasks import failure
from streams.wire.ranges import Range

log = logging.getLogger(__name__)

RETRY_S = 0.5  # between attempts while Kafka does not answer

Part = tuple[TopicLog, int]  # a partition of a log


class Repairs:
    """The parts that a hub did not hear and reads back, a task a partition.

    take: hands ranges to the hub, which checks them like any others. is_current: whether a log is still in use.
    refresh: called when Kafka does not give what it should, to have topics looked up.
    """

    def __init__(
        self,
        history: History,
        take: Callable[[TopicLog, list[Range]], None],
        is_current: Callable[[TopicLog], bool],
        refresh: Callable[[], None],
    ) -> None:
        self._history, self._take, self._is_current, self._refresh = history, take, is_current, refresh
        self._targets: dict[Part, int] = {}  # offsets that repairs must reach
        self._tasks: dict[Part, asyncio.Task[None]] = {}

    def need(self, topic_log: TopicLog, partition: int, target: int) -> None:
        """Has a partition read up to `target`, in the background."""
        key = topic_log, partition
        self._targets[key] = max(target, self._targets.get(key, 0))
        if key not in self._tasks:
            self._tasks[key] = task = asyncio.create_task(self._repair(key))
            task.add_done_callback(lambda done: _tell_failure(key, done))

    async def close(self) -> None:
        """Cancels every repair and returns when all of them have ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _repair(self, key: Part) -> None:
        topic_log, partition = key
        try:
            while self._is_current(topic_log):
                position = topic_log.positions.get(partition, 0)
                if position >= self._targets[key]:
                    return
                await self._read(topic_log, partition, position, self._targets[key])
        finally:
            # Here, not when the task is noticed to be done: a need that comes in between would be forgotten.
            del self._tasks[key], self._targets[key]

    async def _read(self, topic_log: TopicLog, partition: int, start: int, end: int) -> None:
        try:
            ranges = await self._history.page(topic_log.topic, partition, start, end)
        except Unavailable as error:
            log.warning(
                "Cannot read back %s %d from offset %d: %s", topic_log.topic, partition, start, described(error)
            )
            self._refresh()
            await asyncio.sleep(RETRY_S)
            return
        if self._is_current(topic_log):
            self._take(topic_log, ranges)
            metrics.REPAIRED_RANGES.inc(len(ranges))


def _tell_failure(key: Part, task: asyncio.Task[None]) -> None:
    if (error := failure(task)) is not None:  # the next status of the partition asks for it again
        log.error("A repair of %s %d failed.", key[0].topic, key[1], exc_info=error)
