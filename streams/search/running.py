"""A search or export under way in a web process: what was looked at so far, exactly; through the loss of the process
that does the work, and no longer than whoever asked may see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Literal, NamedTuple

from django.db import Error as DatabaseError

from streams import metrics
from streams.runtime import leaving
from streams.runtime.tasks import give_up
from streams.search.jobs import Bounds, Counts, Ended, Job, Reason
from streams.search.process import Lost, Told, WorkerProcess
from streams.search.spans import Covered, Span, joined, without
from streams.search.turns import EXPORTS_AT_ONCE, SEARCHES_AT_ONCE, Kind, Turns

log = logging.getLogger(__name__)

LOOK_S = 1.0  # between two looks at the rights of who asked; a look takes a quarter of a second more
ASK_S = 5.0  # for such a look; one that takes longer counts as one that the database did not answer
TICK_S = 0.5  # between two words of how it goes
RESTARTS = 2  # of the process, without progress; then it may be a record that ends it
AGAIN_S = 1.0  # until Kafka, which was away, is asked again
LEAVE_S = 3.0  # that what is under way may take when the server is about to end; servers give answers 10 s
RESTARTED = "The process that searches was lost; the search goes on with a new one."
GIVEN_UP = "The process that searches was lost again and again; one of the next records may be the reason."

LEAVING = "The server is about to be started anew; go on in a moment."

Stop = Literal["forbidden", "epoch", ""]
Still = Callable[[], Awaitable[Stop]]
"""Why whoever asked may not be told more: "" when they may. Raises DatabaseError."""

STOPPED: dict[Stop, str] = {
    "forbidden": "You may not read this topic any more, or not in this way.",
    "epoch": "The topic was made anew; what was found is of its last life.",
}


class Stopped(NamedTuple):
    """The end of what nobody may be told more of."""

    reason: Stop
    message: str


class Restarted(NamedTuple):
    """The process was lost, and another one goes on."""

    message: str = RESTARTED


class Tick(NamedTuple):
    """Time has passed."""


Event = Told | Tick | Restarted | Ended | Stopped


class Running:
    """One of them. counts: of all that was looked at. `events` tells bit by bit, and ends with an Ended or Stopped."""

    def __init__(
        self, process: WorkerProcess, kind: Kind, job: Job, still: Still, *, asked: float, patience: float = 0.0
    ) -> None:
        """asked: when it was known that they may (monotonic): it may have waited for its turn since.
        patience: seconds without progress for which Kafka may be away."""
        self.counts = Counts()
        self._asked, self._patience = asked, patience
        self._process, self._kind, self._job, self._still = process, kind, job, still
        self._scanned, self._lost = Covered(), Covered()
        self._since = asyncio.get_running_loop().time()

    @property
    def lost(self) -> list[Span]:
        """What retention took before it was looked at."""
        return self._lost.spans

    @property
    def scanned(self) -> list[Span]:
        """What was looked at: in these offsets, and no others, nothing more is to be found."""
        return without(self._scanned.spans, self.lost)

    @property
    def left(self) -> list[Span]:
        """What was not looked at."""
        return without(self._job.spans, [*self._scanned.spans, *self.lost])

    async def events(self) -> AsyncGenerator[Event, None]:
        """What happens, as it happens, and a tick at least each TICK_S. Whoever leaves early closes the iterator."""
        watching = asyncio.create_task(self._watch())
        reason = "left"
        try:
            async for event in self._lives(watching):
                if isinstance(event, Ended | Stopped):
                    reason = event.reason
                yield event
        finally:
            give_up(watching)
            metrics.SEARCHES_ENDED.labels(self._kind, reason).inc()

    async def _lives(self, watching: asyncio.Task[Stop | Ended]) -> AsyncGenerator[Event, None]:
        """What one process after another tells; with patience also through a while in which Kafka is away."""
        if time.monotonic() - self._asked >= LOOK_S and (stop := await self._look()):
            yield Stopped(stop, STOPPED[stop])
            return
        loop = asyncio.get_running_loop()
        lost, progressed = 0, loop.time()
        while lost <= RESTARTS:
            try:
                async with contextlib.aclosing(self._life(watching)) as life:
                    async for event in life:
                        if isinstance(event, Ended) and event.reason == "away" and self._is_patient(progressed):
                            break
                        yield event
                        if isinstance(event, Ended | Stopped):
                            return
                        if isinstance(event, Told):
                            lost, progressed = 0, loop.time()
                await asyncio.wait({watching}, timeout=AGAIN_S)
            except Lost:
                lost += 1
                if lost <= RESTARTS:
                    yield Restarted()
        yield Ended("away", GIVEN_UP)

    def _is_patient(self, progressed: float) -> bool:
        return leaving.seconds() is None and asyncio.get_running_loop().time() - progressed < self._patience

    async def _life(self, watching: asyncio.Task[Stop | Ended]) -> AsyncGenerator[Event, None]:
        """What one process tells, until it has told all. Raises Lost."""
        if (done := self._is_done()) is not None:
            yield Ended(done)
            return
        async with contextlib.aclosing(self._process.work(self._rest())) as told:
            following: asyncio.Task[Told | Ended] | None = None
            try:
                while True:
                    following = following or asyncio.ensure_future(anext(told))
                    await asyncio.wait({following, watching}, timeout=TICK_S, return_when=asyncio.FIRST_COMPLETED)
                    if watching.done():
                        stop = watching.result()
                        yield stop if isinstance(stop, Ended) else Stopped(stop, STOPPED[stop])
                        return
                    if not following.done():
                        yield Tick()
                        continue
                    event, following = following.result(), None
                    if isinstance(event, Told):
                        self._take(event)
                    yield event
                    if isinstance(event, Ended):
                        return
            finally:
                if following is not None:
                    following.cancel()
                    await asyncio.wait({following})
                    following.cancelled() or following.exception()

    def _is_done(self) -> Reason | None:
        if not self.left:
            return "complete"
        return "limit" if self._job.limit is not None and self.counts.matched >= self._job.limit else None

    def _rest(self) -> Job:
        """What is left of the job, and of its bounds."""
        job, counts = self._job, self.counts
        bounds, limit = job.bounds, job.limit
        if bounds is not None:
            past = asyncio.get_running_loop().time() - self._since
            bounds = Bounds(bounds.records - counts.scanned, bounds.bytes - counts.bytes, bounds.seconds - past)
        if limit is not None:
            limit -= counts.matched
        return replace(job, spans=joined(self.left), limit=limit, bounds=bounds)

    def _take(self, told: Told) -> None:
        (self._lost if told.is_lost else self._scanned).add(told.span)
        self.counts.add(told.counts)
        metrics.SEARCHED_RECORDS.labels(self._kind).inc(told.counts.scanned)

    async def _watch(self) -> Stop | Ended:
        """Returns why nothing more may be told, or can be, as soon as that is so."""
        while True:
            await asyncio.sleep(LOOK_S)
            if (leaves := leaving.seconds()) is not None and leaves > LEAVE_S:
                return Ended("away", LEAVING)
            if stop := await self._look():
                return stop

    async def _look(self) -> Stop:
        """Why nothing more may be told; "" also when the database does not say it: it is asked again soon."""
        try:
            async with asyncio.timeout(ASK_S):
                return await self._still()
        except (DatabaseError, TimeoutError) as error:
            log.warning("Whether a search may go on cannot be looked up: %r", error)
            return ""


class Searching:
    """Searches and exports of one web process: who has a turn, and the process that does the work."""

    def __init__(self) -> None:
        self.process = WorkerProcess()
        self.searches = Turns("search", SEARCHES_AT_ONCE)
        self.exports = Turns("export", EXPORTS_AT_ONCE)


_current: Searching | None = None


def current() -> Searching:
    """Those of this process, made when they are first asked for."""
    global _current
    if _current is None:
        _current = Searching()
    return _current


async def close() -> None:
    """Ends the process, and with it what is under way."""
    global _current
    ending, _current = _current, None
    if ending is not None:
        await ending.process.close()
