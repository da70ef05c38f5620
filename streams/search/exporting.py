"""An export, as its client reads it: rows as they are found, in bounded memory, and a last line that says whether that
is all (docs/interface.md, "Exporting").
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Literal

import orjson

from streams.runtime import leaving
from streams.search.jobs import Ended, Job
from streams.search.process import Told
from streams.search.rows import Rows
from streams.search.running import Running, Searching, Still, Stopped
from streams.search.spans import told
from streams.search.turns import Turn

WAIT_S = 30.0  # for a turn
LOOK_S = 1.0  # between looks whether the server is about to end
AWAY_S = 60.0  # that Kafka may be away, without progress
BEGIN_S = 10.0  # from the turn to the first look at it; an answer that nobody sends gives its turn back

Format = Literal["ndjson", "csv"]


async def turn_for(searching: Searching, person: object) -> Turn | None:
    """A turn at exports, to be given to `pieces`; None when it did not come in WAIT_S, or the server is about to end.
    Raises TooManyWaiting."""
    turns = searching.exports
    turn = turns.enter(person)
    try:
        async with asyncio.timeout(WAIT_S):
            async for _ in turns.places(turn, LOOK_S):
                if leaving.seconds() is not None:
                    turns.leave(turn)
                    return None
    except TimeoutError:
        turns.leave(turn)
        return None
    except BaseException:
        turns.leave(turn)
        raise
    return turn


def pieces(searching: Searching, turn: Turn, job: Job, still: Still) -> AsyncGenerator[bytes, None]:
    """The export in pieces of some hundred kilobytes at most. It gives the turn back.

    Whoever leaves early closes the iterator, and the export ends.
    """
    unused = asyncio.get_running_loop().call_later(BEGIN_S, searching.exports.leave, turn)

    async def begun() -> AsyncGenerator[bytes, None]:
        unused.cancel()
        try:
            if head := Rows(job.topic, job.output, job.columns).head():
                yield head
            async with contextlib.aclosing(_rows(searching, turn, job, still)) as rows:
                async for piece in rows:
                    yield piece
        finally:
            searching.exports.leave(turn)

    return begun()


async def _rows(searching: Searching, turn: Turn, job: Job, still: Still) -> AsyncGenerator[bytes, None]:
    running = Running(searching.process, "export", job, still, asked=turn.since, patience=AWAY_S)
    async with contextlib.aclosing(running.events()) as events:
        async for event in events:
            if isinstance(event, Told) and event.found:
                yield event.found
            elif isinstance(event, Ended | Stopped):
                line = orjson.dumps(_end(running, event), option=orjson.OPT_APPEND_NEWLINE)
                yield b"# " + line if job.output == "csv" else line
                return


def _end(running: Running, event: Ended | Stopped) -> dict[str, Any]:
    counts = running.counts
    return {
        "type": "end",
        "reason": event.reason,
        **({"message": event.message} if event.message else {}),
        "records": counts.matched,
        "failed": counts.failed,
        "unchecked": counts.unchecked,
        "undecodable": counts.undecodable,
        **({"lost_ranges": told(running.lost)} if running.lost else {}),
    }
