"""Turns at Kafka's history for the records API: one person reads a few parts at once, so that others, and sockets that
begin, find one of the few readers of a process free."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.runtime.turns import Turns

READS_EACH = 2  # questions of one person at the same time, of three in a process (streams/kafka/history.py)
WAIT_S = 5.0  # for a turn

_turns = Turns(READS_EACH)


class NoTurn(Exception):
    """The person's other questions took too long; this one was not begun."""


@asynccontextmanager
async def turn(person: object) -> AsyncIterator[None]:
    """Inside the block it is the turn of this person (a primary key). Raises NoTurn when it did not come in WAIT_S."""
    free = _turns.of(person)
    try:
        async with asyncio.timeout(WAIT_S):
            await free.acquire()
    except TimeoutError:
        raise NoTurn from None
    try:
        yield
    finally:
        free.release()
