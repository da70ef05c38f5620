"""Parts of partitions that were read back a moment ago: a crowd that returns asks for the same parts within seconds,
and each of them is read once. Bounded in bytes and time.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from streams.decoding.formats import Formats
from streams.runtime.tasks import shared
from streams.wire.ranges import Range

KEPT_BYTES = 8 * 1024 * 1024  # of encoded records
KEPT_S = 15.0  # the spread of a crowd's return, and a while longer

# Topic, partition, from, to, the version of the topic's formats, by which others; True where values come whole.
Part = tuple[str, int, int, int, str, Formats, bool]


class Pages:
    """One flight a part for all who ask at once, and its answer for those who ask a little later."""

    def __init__(self) -> None:
        self._under_way: dict[Part, asyncio.Task[list[Range]]] = {}
        self._kept: OrderedDict[Part, tuple[float, int, list[Range]]] = OrderedDict()  # time, bytes, answer
        self._size = 0
        self._loop = asyncio.get_running_loop()

    async def get(self, part: Part, read: Callable[[], Coroutine[Any, Any, list[Range]]]) -> list[Range]:
        """The answer of `read()`, perhaps of one that somebody else began. Raises what it raises."""
        self._drop(self._loop.time() - KEPT_S, KEPT_BYTES)
        if part in self._kept:
            return self._kept[part][2]
        task = self._under_way.get(part)
        if task is None:
            self._under_way[part] = task = asyncio.create_task(read())
            task.add_done_callback(lambda done: self._landed(part, done))
        return await shared(task)

    def forget(self, topic: str) -> None:
        """Forgets what was read of a topic; what is still under way is not kept."""
        for part in [part for part in self._under_way if part[0] == topic]:
            del self._under_way[part]
        for part in [part for part in self._kept if part[0] == topic]:
            self._size -= self._kept.pop(part)[1]

    async def close(self) -> None:
        """Cancels what is being read and forgets what was read."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, part: Part, task: asyncio.Task[list[Range]]) -> None:
        is_current = self._under_way.get(part) is task
        if is_current:
            del self._under_way[part]
        if task.cancelled() or task.exception() is not None or not is_current:
            return  # every caller may have gone; the error was theirs
        size = sum(each.size for each in task.result())
        self._kept[part] = self._loop.time(), size, task.result()
        self._size += size
        self._drop(self._loop.time() - KEPT_S, KEPT_BYTES)

    def _drop(self, before: float, limit: int) -> None:
        """Drops the oldest: what was read before that time, or what is too much."""
        while self._kept and (self._size > limit or next(iter(self._kept.values()))[0] < before):
            self._size -= self._kept.popitem(last=False)[1][1]
