"""A search, as its client reads it: a line as soon as it is known (docs/interface.md, "Searching")."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import orjson

from streams.runtime import leaving
from streams.search.jobs import Bounds, Counts, Ended, Job
from streams.search.process import Told
from streams.search.running import LEAVING, Restarted, Running, Searching, Still, Stopped
from streams.search.spans import size, told
from streams.search.turns import TooManyWaiting, Turn

RECORDS, BYTES, SECONDS = 1_000_000, 256 * 1000 * 1000, 10.0  # of one search; it goes on with its cursor
BOUNDS = Bounds(RECORDS, BYTES, SECONDS)
PROGRESS_S = 1.0  # at least so often it is told how far it is; and the place of one that waits
TOO_MANY = "Too many of your searches wait already; try again when one of them is done."


async def lines(
    searching: Searching, person: object, job: Job, epoch: str, still: Still
) -> AsyncGenerator[bytes, None]:
    """The lines of one search, from its wait to its end. job: without bounds. epoch: the topic's.

    Whoever leaves early closes the iterator, and the search ends.
    """
    turns = searching.searches
    try:
        turn = turns.enter(person)
    except TooManyWaiting:
        yield _not_begun(TOO_MANY, job, epoch)
        return
    try:
        async for place in turns.places(turn, PROGRESS_S):
            if leaving.seconds() is not None:
                yield _not_begun(LEAVING, job, epoch)
                return
            yield _line({"type": "waiting", "place": place})
        async with contextlib.aclosing(_found(searching, turn, job, epoch, still)) as found:
            async for line in found:
                yield line
    finally:
        turns.leave(turn)


async def _found(searching: Searching, turn: Turn, job: Job, epoch: str, still: Still) -> AsyncGenerator[bytes, None]:
    offsets = size(job.spans)
    yield _line({"type": "begin", "epoch": epoch, "ranges": told(job.spans), "offsets": offsets, "filter": job.filter})
    running = Running(searching.process, "search", replace(job, bounds=BOUNDS), still, asked=turn.since)
    loop = asyncio.get_running_loop()
    due = loop.time() + PROGRESS_S / 2
    async with contextlib.aclosing(running.events()) as events:
        async for event in events:
            if isinstance(event, Ended | Stopped):
                yield _line(_end(running, event, epoch))
                return
            if isinstance(event, Told) and event.found:
                yield b'{"type":"records","partition":%d,"records":[%b]}\n' % (event.span.partition, event.found)
            elif isinstance(event, Restarted):
                yield _line({"type": "restarted", "message": event.message})
            if loop.time() >= due:
                due = loop.time() + PROGRESS_S / 2
                done = 1 - size(running.left) / offsets if offsets else 1.0
                yield _line({"type": "progress", **running.counts.told(), "done": round(done, 4)})


def _not_begun(message: str, job: Job, epoch: str) -> bytes:
    """The end of a search that did not come to its turn: all of it is left."""
    cursor = {"epoch": epoch, "ranges": told(job.spans)} if job.spans else None
    head: dict[str, Any] = {"type": "end", "reason": "away", "message": message, "scanned_ranges": [], "cursor": cursor}
    return _line({**head, **Counts().told()})


def _end(running: Running, event: Ended | Stopped, epoch: str) -> dict[str, Any]:
    left = [] if isinstance(event, Stopped) else running.left
    return {
        "type": "end",
        "reason": event.reason,
        **({"message": event.message} if event.message else {}),
        "scanned_ranges": told(running.scanned),
        **({"lost_ranges": told(running.lost)} if running.lost else {}),
        "cursor": {"epoch": epoch, "ranges": told(left)} if left else None,
        **running.counts.told(),
    }


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
