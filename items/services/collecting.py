"""Work that comes together is done together: what is asked for while the former batch is under way is the next batch.

Whoever comes alone waits for nobody. Each gets an answer of its own; who leaves before it is there harms nobody. Knows
nothing of what is done, nor of threads and databases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")

BATCH = 64  # done together; more would let each wait longer and save next to nothing
BATCH_BYTES = 1024 * 1024  # of what is done together; one that is larger is done by itself
WAITING_BYTES = 64 * 1024 * 1024  # … of all that waits


class NoTurn(Exception):
    """It did not begin in time, or too much waits already: nothing was done."""


@dataclass(eq=False, slots=True)
class _Waiting(Generic[J, R]):
    job: J
    size: int
    answer: asyncio.Future[R]


class Collector(Generic[J, R]):
    """Does jobs in batches, one batch after the other, in the order in which they came.

    perform: takes the jobs of a batch, returns what came of each, in their order; what it raises is raised for all of
    them. wait_s: how long a job may wait for its batch to begin.
    """

    def __init__(self, perform: Callable[[list[J]], Awaitable[Sequence[R]]], wait_s: float) -> None:
        self._perform = perform
        self._wait_s = wait_s
        self._queue: dict[_Waiting[J, R], None] = {}
        self._bytes = 0
        self._working: asyncio.Task[None] | None = None

    async def done(self, job: J, size: int) -> R:
        """What came of the job. size: bytes that it holds. Raises NoTurn, or what `perform` raised."""
        if self._bytes + size > WAITING_BYTES:
            raise NoTurn
        loop = asyncio.get_running_loop()
        waiting: _Waiting[J, R] = _Waiting(job, size, loop.create_future())
        self._queue[waiting] = None
        self._bytes += size
        too_late = loop.call_later(self._wait_s, self._give_up, waiting)
        if self._working is None:
            self._working = loop.create_task(self._work())
        try:
            return await waiting.answer
        finally:
            too_late.cancel()
            self._leave(waiting)

    def _give_up(self, waiting: _Waiting[J, R]) -> None:
        if waiting in self._queue and not waiting.answer.done():
            waiting.answer.set_exception(NoTurn())

    def _leave(self, waiting: _Waiting[J, R]) -> None:
        if waiting in self._queue:
            del self._queue[waiting]
            self._bytes -= waiting.size

    def _next(self) -> list[_Waiting[J, R]]:
        batch: list[_Waiting[J, R]] = []
        held = 0
        for waiting in islice(self._queue, BATCH):
            held += waiting.size
            if batch and held > BATCH_BYTES:
                break
            batch.append(waiting)
        for waiting in batch:
            self._leave(waiting)
        return [waiting for waiting in batch if not waiting.answer.done()]

    async def _work(self) -> None:
        batch: list[_Waiting[J, R]] = []
        try:
            while self._queue:
                batch = self._next()
                if batch:
                    await self._do(batch)
        finally:
            self._working = None
            for waiting in (*batch, *self._queue):
                waiting.answer.cancel()  # the loop ends: nobody else will answer them

    async def _do(self, batch: list[_Waiting[J, R]]) -> None:
        try:
            answers = await self._perform([waiting.job for waiting in batch])
        except Exception as error:  # noqa: BLE001  (raised for each of them)
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(error)
            return
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():  # whoever asked may have left
                waiting.answer.set_result(answer)
