"""ORM work of the live side, in a few threads of its own: no slow request is in its way."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4  # and so at most as many database connections
# That a thread keeps a connection to SQLite. To open one takes as long as all that is asked when people come in, and
# they may come in for seconds, one round after the other.
KEPT_S = 1.0

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="streams-db")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs a synchronous function there, on a connection that is young enough and has not failed."""

    def call() -> R:
        _give_back()
        try:
            return function(*args, **kwargs)
        finally:
            _give_back()

    return await SyncToAsync(call, thread_sensitive=False, executor=_threads)()


def _give_back() -> None:
    """Closes this thread's connections, which gives those of PostgreSQL back to their pool. SQLite has none: one that
    is in order is kept for what follows."""
    for connection in connections.all(initialized_only=True):
        opened = connection.close_at or 0.0  # Django's word for it, as CONN_MAX_AGE is 0
        is_good = connection.autocommit and not connection.errors_occurred
        if connection.vendor != "sqlite" or not is_good or time.monotonic() - opened > KEPT_S:
            connection.close()
