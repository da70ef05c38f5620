"""The way from async code to the services: a few writes at a time, so that slow ones leave connections for reads.

A process has 16 database connections (project/settings.py). Writes take at most half; one that waits longer than
WAIT_S for its turn is refused with `Busy`, before it did anything.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

WRITES = 8  # under way at the same time
WAIT_S = 5.0  # for a turn

_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = weakref.WeakKeyDictionary()


class Busy(Exception):
    """All writers were busy; nothing was done, and the same request may be sent again."""


async def write(service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls one service in a thread when it is its turn. Raises Busy, or what the service raises.

    When the caller is cancelled while it waits, nothing was done; afterwards the service runs to its end.
    """
    turn = _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(WRITES))
    try:
        async with asyncio.timeout(WAIT_S):
            if turn.locked():
                # The request's connection, which its sign-in was looked up with, must not wait along.
                await sync_to_async(connections.close_all)()
            await turn.acquire()
    except TimeoutError:
        raise Busy("Many writes are under way; nothing was saved. Please try again.") from None
    try:
        return await sync_to_async(service)(*args, **kwargs)
    finally:
        turn.release()
