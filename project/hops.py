"""Where the synchronous parts of a request run: hop by hop in a thread of the request's own, and between two hops no
database connection is held.

With a pool of connections, a request that keeps the one of its sign-in while it waits for anything that needs another
one waits for itself as soon as all of the pool do so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext
from django.db import connections

P = ParamSpec("P")
R = TypeVar("R")

Application = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


class Hops(ThreadPoolExecutor):
    """One thread, started when it is needed. Each call gives back the connections that it took."""

    def __init__(self) -> None:
        super().__init__(max_workers=1, thread_name_prefix="request")

    def submit(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return super().submit(_giving_back, partial(function, *args, **kwargs))


def _giving_back(call: Callable[[], R]) -> R:
    try:
        return call()
    finally:
        give_back()


def give_back() -> None:
    """Puts this thread's connections back into their pools; those in a transaction, and SQLite's, stay."""
    for connection in connections.all(initialized_only=True):
        if connection.vendor == "postgresql" and connection.connection and not connection.in_atomic_block:
            connection.close()


def by_hops(application: Application) -> Application:
    """An ASGI application (Django's, for HTTP) whose synchronous parts run like that."""

    async def answered(scope: dict[str, Any], receive: Any, send: Any) -> None:
        hops = Hops()
        try:
            async with ThreadSensitiveContext(executor=hops):
                await application(scope, receive, send)
        finally:
            hops.shutdown(wait=False)

    return answered
