"""The way from async code to the database: one hop into a thread for everything that belongs together (sign-in, rights,
the service), and turns, so that slow writes and expensive reads leave connections for everybody else.

A process has 16 database connections (project/settings.py). A hop takes one and gives it back at its end
(project/hops.py); whoever waits for a turn holds none. Who finds no turn in time is refused with `Busy`, before
anything was done. Writes and heavy reads have threads of their own, which live on: no request waits behind them for a
thread. Small writes that come together are done together (docs/decisions/0023-writes-are-collected.md).
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import DEFAULT_DB_ALIAS, Error, connections

from items.services.collecting import Collector, NoTurn

P = ParamSpec("P")
R = TypeVar("R")
J = TypeVar("J")

WRITES = 8  # under way at the same time
HEAVY_READS = 4  # searches, counts and pieces of exports under way at the same time …
HEAVY_READS_EACH = 2  # … and of one person
WAIT_S = 5.0  # for a turn
PIECE_WAIT_S = 60.0  # for the turn of one more piece, when the client has the beginning already
HEAVY_READ_S = 10.0  # then its statement is ended
END_S = 2.0  # for the database to take the word that a statement is to end
END_AGAIN_S = 0.1  # the work may have been between two statements
NO_TURN = "Many writes are under way; nothing was saved. Please try again."
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
    turns = _turns()
    async with turns.writes.turn(NO_TURN):
        return await _apart(turns.writers, partial(service, *args, **kwargs))


async def write_together(perform: Callable[[list[J]], Sequence[R | Exception]], job: J, size: int) -> R:
    """Has `perform` called in a thread with this job and others that came meanwhile, as one batch.

    perform: opens its transaction, and returns what came of each job, in their order; an exception among them is raised
    here, one that it raises for all of the batch. size: bytes that the job holds. Raises Busy when the batch did not
    begin in time. When the caller is cancelled, its write may happen or not, and the others get their answers.
    """
    collector = _turns().collector(perform)
    try:
        answer = await collector.done(job, size)
    except NoTurn:
        raise Busy(NO_TURN) from None
    if isinstance(answer, Exception):
        raise answer
    return answer


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


# Threads ------------------------------------------------------------------------------------------------------------


async def _apart(threads: ThreadPoolExecutor, call: Callable[[], R]) -> R:
    """Calls it in one of the threads, when this is a request of the ASGI application, which has a context for its
    synchronous parts. A test's client has none: there it is called where the test's own transaction is."""
    if SyncToAsync.thread_sensitive_context.get(None) is None:
        return await sync_to_async(call)()
    # asgiref's way into a thread: what Django keeps for a request (the path below which we are known, the language)
    # goes along, which a plain executor would leave behind.
    return await sync_to_async(partial(_giving_back, call), thread_sensitive=False, executor=threads)()


def _giving_back(call: Callable[[], R]) -> R:
    """PostgreSQL's connection goes back into the pool. That of SQLite stays open for the next call, if all went well:
    to open it costs more than a write."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        done = call()
    except BaseException:
        connection.close()
        raise
    if connection.vendor == "postgresql":
        connection.close()
    return done


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
    writers: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, WRITES, "write"))
    readers: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, HEAVY_READS, "read"))
    together: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "write-together"))
    _collectors: dict[object, Collector[Any, Any]] = field(default_factory=dict)
    _each: weakref.WeakValueDictionary[object, _Turns] = field(default_factory=weakref.WeakValueDictionary)

    def collector(self, perform: Callable[[list[J]], Sequence[R | Exception]]) -> Collector[J, R | Exception]:
        """The collector of what this function performs."""
        if perform not in self._collectors:

            async def in_thread(jobs: list[J]) -> Sequence[R | Exception]:
                return await _apart(self.together, partial(perform, jobs))

            self._collectors[perform] = Collector(in_thread, WAIT_S)
        return self._collectors[perform]

    def of(self, person: object) -> _Turns:
        """One person's turns at heavy reads; forgotten when nobody has or wants one."""
        turns = self._each.get(person)
        if turns is None:
            turns = self._each[person] = _Turns(HEAVY_READS_EACH)
        return turns


_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _AllTurns] = weakref.WeakKeyDictionary()


def _turns() -> _AllTurns:
    loop = asyncio.get_running_loop()
    turns = _of_loop.get(loop)
    if turns is None:
        turns = _of_loop[loop] = _AllTurns()
    return turns


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
    call = partial(function, *args, **kwargs)
    running = asyncio.ensure_future(_apart(_turns().readers, partial(work.run, call)))
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
