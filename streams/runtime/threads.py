"""ORM work of the live side, in a few threads of its own: no slow request is in its way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from asgiref.sync import SyncToAsync
from channels.db import DatabaseSyncToAsync

P = ParamSpec("P")
R = TypeVar("R")

THREADS = 4  # and so at most as many database connections

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="streams-db")


async def in_database(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs a synchronous function there; old connections are closed before and after."""
    call: SyncToAsync[P, R] = DatabaseSyncToAsync(function, thread_sensitive=False, executor=_threads)
    return await call(*args, **kwargs)
