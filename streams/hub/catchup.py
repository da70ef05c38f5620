"""Brings one reader from where it is to where the log begins: pages from Kafka, as fast as the client acknowledges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from streams.hub.delivered import Tally
from streams.hub.subscription import Subscription
from streams.hub.topic_log import TopicLog
from streams.runtime.away import Unavailable
from streams.runtime.tasks import failure
from streams.runtime.turns import Turns
from streams.wire.frames import frame_of
from streams.wire.ranges import Positions, Range

log = logging.getLogger(__name__)

RETRY_S = 0.5  # between attempts at reading from Kafka
# Of one person's streams, at the same time: more than a process has readers (streams/kafka/history.py), so that none of
# them is idle, and so few that those of others are soon read.
PAGES_EACH = 8

Page = Callable[[TopicLog, int, int, int], Awaitable[list[Range]]]  # of a log: partition, start, end


class CatchUp:
    """page: reads a part of a partition as a log's readers get it, or raises Unavailable.
    refresh: called when Kafka does not give what it should, to have topics looked up.

    join_log: lets a reader go on in the log; False as long as that does not reach back to its positions.
    """

    def __init__(
        self,
        page: Page,
        refresh: Callable[[], None],
        tally: Tally,
        join_log: Callable[[Subscription, Positions], bool],
    ) -> None:
        self._read, self._refresh, self._tally, self._join_log = page, refresh, tally, join_log
        self._loop = asyncio.get_running_loop()
        self._turns = Turns(PAGES_EACH)

    def start(self, reader: Subscription, positions: Positions) -> None:
        """Begins, in a task of the reader's own."""
        task = self._loop.create_task(self._run(reader, dict(positions)))
        task.add_done_callback(lambda ended: self._ended(reader, ended))
        reader.catching_up = task

    async def _run(self, reader: Subscription, positions: Positions) -> None:
        while not self._join_log(reader, positions):
            for partition, target in dict(reader.log.base).items():
                while positions.get(partition, 0) < target:
                    await reader.window()
                    for part in await self._page(reader, partition, positions.get(partition, 0), target):
                        if not reader.has_room:
                            break  # the rest is read again then: it would wait in memory, for each slow reader
                        self._write(reader, part)
                        positions[partition] = part.end

    def _write(self, reader: Subscription, part: Range) -> None:
        frame = frame_of(reader.stream, (part,))
        frame.is_measured = True  # the age of history says nothing about us
        self._tally.note(reader.log.topic, frame, 1)
        reader.write_own(frame, self._loop.time())

    async def _page(self, reader: Subscription, partition: int, start: int, end: int) -> list[Range]:
        """A page of history, as soon as it is its person's turn and Kafka gives it."""
        topic = reader.log.topic
        while True:
            try:
                async with self._turns.of(reader.connection.username):
                    return await self._read(reader.log, partition, start, end)
            except Unavailable as error:
                log.warning("Catching up %s %d from offset %d waits for Kafka: %s", topic, partition, start, error)
                self._refresh()
                await asyncio.sleep(RETRY_S)

    def _ended(self, reader: Subscription, task: asyncio.Task[None]) -> None:
        if (error := failure(task)) is not None:
            log.error("A stream could not catch up.", exc_info=error)
            reader.connection.goodbye(4002, self._loop.time())
