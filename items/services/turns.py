"""The way from async code to the database: one hop into a thread for everything that belongs together (sign-in, rights,
the service), and turns, so that slow writes and expensive reads leave connections for everybody else.

A process has 16 database connections (project/settings.py). A hop takes one and gives it back at its end
(project/hops.py); whoever waits for a turn holds none. Who finds no turn in time is refused with `Busy`, before
anything was done.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS, Error, connections

P = ParamSpec("P")
R = TypeVar("R")

WRITES = 8  # under way at the same time
HEAVY_READS = 4  # searches, counts and pieces of exports under way at the same time …
HEAVY_READS_EACH = 2  # … and of one person
WAIT_S = 5.0  # for a turn
PIECE_WAIT_S = 60.0  # for the turn of one more piece, when the client has the beginning already
HEAVY_READ_S = 10.0  # then its statement is ended
END_S = 2.0  # for the database to take the word that a statement is to end
END_AGAIN_S = 0.1  # the work may have been between two statements
TOO_LONG = "This takes too long. Look for fewer or longer words, or narrow the list down."


class Busy(Exception):
    """All who do such work were busy; nothing was done, and the same request may be sent again."""


class TookTooLong(Busy):
    """The database worked on it for HEAVY_READ_S and was stopped."""


async def read(reading: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls one reading function in a thread: small ones, that an index answers."""
    return await sync_to_async(reading)(*args, **kwargs)


async def write(service: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls one service in a thread when it is its turn. Raises Busy, or what the service raises.

    When the caller is cancelled while it waits, nothing was done; afterwards the service runs to its end.
    """
    async with _turns().writes.turn("Many writes are under way; nothing was saved. Please try again."):
        return await sync_to_async(service)(*args, **kwargs)


async def read_heavy(person: object, reading: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Calls one reading function that may take seconds, when it is the turn of this person (a primary key).

    Its statement ends when the caller is cancelled (the client has gone) and after HEAVY_READ_S. Raises Busy,
    TookTooLong, or what the function raises.
    """
    async with _heavy_turn(person, WAIT_S):
        return await _bounded(reading, *args, **kwargs)


async def read_piece(person: object, reading: Callable[[], R]) -> R:
    """The same for one piece of what is already under way to the client, with more patience."""
    async with _heavy_turn(person, PIECE_WAIT_S):
        return await _bounded(reading)


# Turns --------------------------------------------------------------------------------------------------------------


class _Turns:
    """At most so many at the same time."""

    def __init__(self, most: int) -> None:
        self._free = asyncio.Semaphore(most)

    @asynccontextmanager
    async def turn(self, sentence: str, wait_s: float = WAIT_S) -> AsyncIterator[None]:
        """Inside the block it is the caller's turn. Raises Busy with the sentence when it did not come in time."""
        try:
            async with asyncio.timeout(wait_s):
                await self._free.acquire()
        except TimeoutError:
            raise Busy(sentence) from None
        try:
            yield
        finally:
            self._free.release()


@dataclass
class _AllTurns:
    writes: _Turns = field(default_factory=lambda: _Turns(WRITES))
    heavy_reads: _Turns = field(default_factory=lambda: _Turns(HEAVY_READS))
    _each: weakref.WeakValueDictionary[object, _Turns] = field(default_factory=weakref.WeakValueDictionary)

    def of(self, person: object) -> _Turns:
        """One person's turns at heavy reads; forgotten when nobody has or wants one."""
        turns = self._each.get(person)
        if turns is None:
            turns = self._each[person] = _Turns(HEAVY_READS_EACH)
        return turns


_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _AllTurns] = weakref.WeakKeyDictionary()


def _turns() -> _AllTurns:
    return _of_loop.setdefault(asyncio.get_running_loop(), _AllTurns())


@asynccontextmanager
async def _heavy_turn(person: object, wait_s: float) -> AsyncIterator[None]:
    """The person's turn before the process's: who waits for their own searches is in nobody else's way."""
    sentence = "Many searches are under way. Please try again in a moment."
    turns = _turns()
    of_person = turns.of(person)
    async with of_person.turn(sentence, wait_s), turns.heavy_reads.turn(sentence, wait_s):
        yield


# Statements that end --------------------------------------------------------------------------------------------------


class _Work:
    """Work in a thread whose statement can be ended from outside of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # held while a statement is ended: the connection must not serve others by then
        self._connection: Any = None
        self._over = False

    def run(self, function: Callable[[], R]) -> R:
        with self._lock:
            if self._over:
                raise TookTooLong(TOO_LONG)
            self._connection = connections[DEFAULT_DB_ALIAS]
        try:
            return function()
        finally:
            with self._lock:
                self._connection = None

    def end(self) -> None:
        """Ends what the database works on for it just now, if anything. Blocks for END_S at most."""
        with self._lock:
            self._over = True
            server = None if self._connection is None else self._connection.connection
            if server is None:
                return
            try:
                if self._connection.vendor == "postgresql":
                    server.cancel_safe(timeout=END_S)
                else:
                    server.interrupt()
            except Exception as error:
                if not isinstance(error, (Error, OSError, self._connection.Database.Error)):
                    raise


async def _bounded(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """In a thread, for HEAVY_READ_S at most, and no longer than the caller waits. Raises TookTooLong."""
    work = _Work()
    running = asyncio.ensure_future(sync_to_async(work.run)(lambda: function(*args, **kwargs)))
    try:
        await asyncio.wait({running}, timeout=HEAVY_READ_S)
        if running.done():
            return running.result()
    finally:
        while not running.done():
            await asyncio.to_thread(work.end)
            await asyncio.wait({running}, timeout=END_AGAIN_S)
        if not running.cancelled():
            running.exception()  # was looked at, whatever it is
    raise TookTooLong(TOO_LONG)
