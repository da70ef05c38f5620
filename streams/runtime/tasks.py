"""Keeps long-running tasks alive, and knows which of them is missing: an end that nobody asked for, by whatever
exception, is a log line, a counter and a new start, never silence. Here too: how the ends of short tasks are heard.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from streams import metrics
from streams.runtime.away import EXPECTED, Unavailable, described

log = logging.getLogger(__name__)

R = TypeVar("R")

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 2.0  # so that everything works again within 5 s, however long a neighbour was away
STEADY_S = 10.0  # a task that ran so long starts with a short delay again
PROVEN_S = 5.0  # a life that follows a failure counts as running once it has lasted so long


@dataclass(slots=True, eq=False)
class _Supervised:
    """A task under supervision. began: when its present life did (monotonic), None between two. failed: since when no
    life has proven itself."""

    name: str
    loop: asyncio.AbstractEventLoop
    began: float | None = None
    failed: datetime | None = None

    def begin(self) -> None:
        self.began = time.monotonic()

    def end(self) -> float:
        """Notes that nobody runs it now; returns how long this life lasted, in seconds."""
        lasted = time.monotonic() - self.began if self.began is not None else 0.0
        if self.failed is None or lasted >= PROVEN_S:
            self.failed = datetime.now(UTC)
        self.began = None
        return lasted

    def missing_since(self) -> datetime | None:
        if self.began is not None and time.monotonic() - self.began >= PROVEN_S:
            return None
        return self.failed


_supervised: list[_Supervised] = []


def states() -> dict[str, datetime | None]:
    """Every supervised task of this process: since when it is missing, None for one that runs. From any thread."""
    known = [each for each in list(_supervised) if not each.loop.is_closed()]
    return {each.name: each.missing_since() for each in sorted(known, key=lambda each: each.name)}


async def supervise(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Runs `run()` again and again until `stop` is set; then returns. Raises CancelledError only when this very task
    was cancelled: one that comes out of `run()` by itself ends a life like any other error.

    A task that was cancelled before its stop stays among the missing ones of `states()`.
    """
    watched = _Supervised(name, asyncio.get_running_loop())
    _supervised[:] = [each for each in _supervised if not each.loop.is_closed()]
    _supervised.append(watched)
    delay = FIRST_DELAY_S
    try:
        while not stop.is_set():
            watched.begin()
            await _live(name, run, stop)
            if stop.is_set():
                return
            lasted = watched.end()
            metrics.RESTARTS.labels(name).inc()
            delay = FIRST_DELAY_S if lasted > STEADY_S else delay
            await pause(stop, delay * random.uniform(0.5, 1.5))
            delay = min(delay * 2, LONGEST_DELAY_S)
    finally:
        if stop.is_set():
            _supervised.remove(watched)
        else:
            watched.end()
            log.warning("The %s ends, though nobody set its stop.", name)


async def _live(name: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """One life, and a word about its end. Raises CancelledError when this task itself was cancelled."""
    try:
        await run()
    except asyncio.CancelledError:
        if is_asked():
            raise
        if not stop.is_set():
            log.exception("The %s was ended by a cancellation that nobody asked for, and starts again.", name)
    except EXPECTED as error:
        log.warning("The %s stopped and starts again: %s", name, described(error))
    except Exception:
        log.exception("The %s failed and starts again.", name)
    else:
        if not stop.is_set():
            log.error("The %s came to an end by itself, and starts again.", name)
    if is_asked():  # a library on the way swallowed it
        raise asyncio.CancelledError


def is_asked() -> bool:
    """Whether somebody cancelled the present task. If not, a CancelledError in it comes from what it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Waits, but not longer than until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


# Short tasks -------------------------------------------------------------------------------------------------------


def failure(task: asyncio.Task[R]) -> BaseException | None:
    """What a task that is done failed with, a cancellation that nobody asked for included; None for all other ends."""
    if not task.cancelled():
        return task.exception()
    return None if task.cancelling() else asyncio.CancelledError("cancelled, though nobody asked for it")


async def shared(task: asyncio.Task[R]) -> R:
    """The result of a task that others wait for, too: it goes on when this wait is cancelled.

    Raises what it raised, and Unavailable when the task itself was cancelled.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if is_asked():
            raise
        raise Unavailable("The question to Kafka was given up before it was answered.") from None


async def within(seconds: float, work: Coroutine[Any, Any, R]) -> R:
    """The result of `work`, which runs in a task of its own; raises what it raises.

    Raises TimeoutError after so many seconds, whatever becomes of it: unlike `asyncio.timeout`, which waits until what
    it has cancelled is through with its own clean-up, and for ever where that passes over the cancellation.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if is_late := not task.done():
            give_up(task)
    if is_late:
        raise TimeoutError(f"It took longer than {seconds:g} s.")
    return await shared(task) if task.cancelled() else task.result()


def give_up(task: asyncio.Task[R]) -> None:
    """Cancels a task that nobody waits for any more; however it ends is of no use to anybody."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
