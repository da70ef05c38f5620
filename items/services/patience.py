"""The database may go away while an import or an export works, for a moment or for minutes: it waits and goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from django.db import IntegrityError, InterfaceError, OperationalError, connection

R = TypeVar("R")

AWAY_S = 600.0  # an import waits: a server that is set up anew is back by then
LOOK_S = 0.5  # between two looks whether it is back; another second at most until it is known that it is not
TRIES = 5  # of one step, when other writers were quicker or the database was busy
PAUSE_S = 0.5  # between tries, growing

AWAY = (OperationalError, InterfaceError)


def patiently(call: Callable[[], R], on_wait: Callable[[bool], object] = lambda _: None) -> R:
    """Calls it. While the database does not answer this waits for it, AWAY_S at most, and then calls again; what fails
    for another reason is called TRIES times. So `call` may be done twice: the answer to a commit can be lost.

    on_wait: called with True when waiting begins, and with False when the database is back. Raises what `call` raised.
    """
    left = TRIES
    while True:
        try:
            return call()
        except AWAY as error:
            if not connection.in_atomic_block:
                connection.close()
            if is_away():
                on_wait(True)
                if not _is_back():
                    raise
                on_wait(False)
                continue
            failed: Exception = error
        except IntegrityError as error:
            failed = error
        left -= 1
        if not left:
            raise failed
        time.sleep(PAUSE_S * (TRIES - left))


def is_away() -> bool:
    """Whether the database does not answer now. Inside of a transaction nothing can be said: False."""
    if connection.in_atomic_block:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except AWAY:
        connection.close()
        return True
    return False


def _is_back() -> bool:
    """Waits until the database answers; False after AWAY_S."""
    end = time.monotonic() + AWAY_S
    while time.monotonic() < end:
        if not is_away():
            return True
        time.sleep(LOOK_S)
    return False


async def in_thread(call: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Calls it in a thread; while the database does not answer, again and again, AWAY_S at most. No thread waits."""
    return await until_answered(lambda: asyncio.to_thread(_closing, call, *args, **kwargs), AWAY_S)


async def until_answered(ask: Callable[[], Awaitable[R]], within: float) -> R:
    """Asks; while the database does not answer, again and again, for `within` seconds. Raises what it raised last."""
    end = time.monotonic() + within
    while True:
        try:
            return await ask()
        except AWAY:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(LOOK_S)


def _closing(call: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    try:
        return call(*args, **kwargs)
    finally:
        if not connection.in_atomic_block:
            connection.close()
