"""Where the synchronous parts of a request run: hop by hop in a few threads that all requests share, and between two
hops no request holds a database connection.

With a pool of connections, a request that keeps the one of its sign-in while it waits for anything that needs another
one waits for itself as soon as all of the pool do so.

Few threads, since all of them share one interpreter: each more makes the others slower. But a hop that only waits (for
a lock, for a search, for a database that has gone) does not count as one of them, nor one that takes long (it looks at
a password, it reads a large body): others run beside it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import SyncToAsync, ThreadSensitiveContext
from django.core import signals
from django.core.cache import close_caches
from django.core.handlers.base import reset_urlconf
from django.db import close_old_connections, connections, reset_queries

P = ParamSpec("P")
R = TypeVar("R")

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]

FEW = 3  # hops that work at the same time, beside those that wait or take long
MOST = 128  # threads in all; as many requests hear at once that the database is away
LOOK_S = 0.05  # between two looks at them, while others want to begin
IDLE_S = 0.001  # of the processor, between two looks: who had less of it than that waits for something
LONG_S = 0.25  # … and who is still at it after so long is in nobody's way


class Hops(ThreadPoolExecutor):
    """Runs the calls of a process, first come, first served. For its event loop only."""

    def __init__(self, few: int = FEW, most: int = MOST) -> None:
        super().__init__(max_workers=most, thread_name_prefix="hop")
        self._few, self._most = few, most
        self._lock = threading.Lock()  # over all that follows
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._working: set[_Work] = set()
        self._running = 0
        self._next_look = 0.0  # of the event loop's clock, with some patience for a loop that was closed

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        future: Future[R] = Future()
        with self._lock:
            self._waiting.append((future, partial(function, *args, **kwargs)))
            is_room = self._running < self._few
            self._running += is_room
        if is_room:
            super().submit(self._run)
        else:
            self._look_soon()
        return future

    def _run(self) -> None:
        """One thread's work until nobody waits. Connections stay in it so long: who waits is served by them."""
        work = _Work()
        try:
            while True:
                with self._lock:
                    self._working.discard(work)
                    if not self._waiting:
                        self._running -= 1
                        return
                    future, call = self._waiting.popleft()
                    self._working.add(work)
                    work.begin()
                _call(future, call)
                del future, call
        finally:
            give_back()

    def _look_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if (now := loop.time()) > self._next_look:
            self._next_look = now + 10 * LOOK_S
            loop.call_later(LOOK_S, self._look, loop, now + LOOK_S)

    def _look(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        """Starts as many threads as hops only wait, while others want to begin. A look that comes late says nothing of
        them: the machine let nobody work."""
        self._next_look = 0.0
        is_late = loop.time() - due > LOOK_S
        with self._lock:
            aside = [work.is_aside() for work in self._working]  # each notes what it had
            beside = 0 if is_late else sum(aside)
            more = min(len(self._waiting), self._few + beside - self._running, self._most - self._running)
            self._running += max(0, more)
            is_more_to_do = bool(self._waiting)
        for _ in range(more):
            super().submit(self._run)
        if is_more_to_do:
            self._look_soon()


class _Work:
    """What one thread does: made in it, and looked at from outside."""

    def __init__(self) -> None:
        # macOS has no such clocks: there a hop is aside when it takes long.
        clock_of = getattr(time, "pthread_getcpuclockid", None)
        self._clock: int | None = None if clock_of is None else clock_of(threading.get_ident())

    def begin(self) -> None:
        """A hop begins."""
        self._began = time.monotonic()
        self._had: float | None = None  # of the processor, at the last look (s)

    def is_aside(self) -> bool:
        """Whether the hop has only waited since the last look, or takes long."""
        is_waiting = False
        if self._clock is not None:
            before, self._had = self._had, time.clock_gettime(self._clock)
            is_waiting = before is not None and self._had - before < IDLE_S
        return is_waiting or time.monotonic() - self._began > LONG_S


def _call(future: Future[R], call: Callable[[], R]) -> None:
    if not future.set_running_or_notify_cancel():
        return  # whoever asked has gone
    try:
        try:
            result = call()
        finally:
            _tidy()
    except BaseException as error:  # noqa: BLE001  (whatever it is, it belongs to who asked)
        future.set_exception(error)
    else:
        future.set_result(result)


def _tidy() -> None:
    """After each call: a connection that failed, or was left in a state of its own, serves nobody else."""
    for connection in connections.all(initialized_only=True):
        connection.queries_log.clear()  # with DEBUG, what a page of errors shows
        if connection.errors_occurred or not connection.autocommit:
            _close(connection)


def give_back() -> None:
    """Puts this thread's connections back into their pools; those in a transaction, and SQLite's, stay."""
    for connection in connections.all(initialized_only=True):
        _close(connection)


def _close(connection: Any) -> None:
    if connection.vendor == "postgresql" and connection.connection and not connection.in_atomic_block:
        connection.close()


def take_over() -> None:
    """From now on nobody but hops closes what they opened: Django's own receivers would look through every connection
    of a thread that has none, at the beginning and end of each request. Nor does anybody forget which addresses a
    request had of its own: that is kept in the request's own context, which ends with it."""
    signals.request_started.disconnect(reset_queries)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_caches)
    signals.request_finished.disconnect(reset_urlconf)


_hops = Hops()
_shared = ThreadSensitiveContext()
SyncToAsync.context_to_thread_executor[_shared] = _hops


def by_hops(application: Application) -> Application:
    """An ASGI application (Django's, for HTTP) whose synchronous parts run like that."""

    async def answered(scope: dict[str, Any], receive: Any, send: Any) -> None:
        before = SyncToAsync.thread_sensitive_context.set(_shared)
        try:
            await application(scope, receive, send)
        finally:
            SyncToAsync.thread_sensitive_context.reset(before)

    return answered
