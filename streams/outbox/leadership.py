"""One relay is active at a time, the others stand by.

With a database server it is an advisory lock on a connection of its own, which also hears NOTIFY; that connection goes
to the server itself, never through a pool or a transaction pooler. With SQLite it is a lock file beside the database.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, Protocol

import psycopg
from django.db import connection

from streams.outbox.recording import CHANNEL
from streams.runtime.database import CONNECT_S, server_parameters
from streams.runtime.locks import hold_beside_file
from streams.runtime.tasks import pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

log = logging.getLogger(__name__)

LOCK_KEY = 0x73_74_72_65_61_6D  # the bytes of "stream": advisory locks are numbers, per database
ANSWER_S = 5.0  # for one small statement
CLOSE_S = 2.0


class LeadershipLost(OSError):
    """The lock's connection broke or did not answer: somebody else may be leading now."""


class Leadership(Protocol):
    """Held, or not, by one relay."""

    async def acquire(self) -> bool:
        """Tries once; True when this relay leads now."""

    async def check(self) -> None:
        """Raises LeadershipLost unless this relay surely still leads."""

    async def idle(self, wake: asyncio.Event, seconds: float) -> None:
        """Returns when `wake` is set, when another process commits an event (where that can be heard), or in time."""

    async def release(self) -> None:
        """Gives the lead away, if it has it. Raises nothing."""


def leadership() -> Leadership:
    """The kind that fits the database: a server's advisory lock, or a lock file."""
    return ServerLeadership() if connection.vendor == "postgresql" else FileLeadership()


def _no_matter_what(_notification: psycopg.Notify) -> None:
    """That there is a notification wakes the relay; it reads what there is to do."""


class FileLeadership(Leadership):
    """A lock file; the operating system lets go of it when the process ends, however it ends."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    async def acquire(self) -> bool:
        self._file = hold_beside_file("relay")
        return self._file is not None

    async def check(self) -> None:
        if self._file is None:
            raise LeadershipLost("This relay does not lead.")

    async def idle(self, wake: asyncio.Event, seconds: float) -> None:
        await pause(wake, seconds)

    async def release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class ServerLeadership(Leadership):
    """A session's advisory lock: PostgreSQL lets go of it when the connection ends, however it ends."""

    def __init__(self) -> None:
        self._connection: psycopg.AsyncConnection[Any] | None = None

    async def acquire(self) -> bool:
        async with self._bounded(CONNECT_S):
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(**server_parameters(), autocommit=True)
                # Without a handler psycopg keeps every notification for who asks for it later, which nobody does.
                self._connection.add_notify_handler(_no_matter_what)
        async with self._bounded(ANSWER_S):
            cursor = await self._connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
            row = await cursor.fetchone()
            leads = bool(row and row[0])
            if leads:
                await self._connection.execute(f"LISTEN {CHANNEL}")
        return leads

    async def check(self) -> None:
        if self._connection is None:
            raise LeadershipLost("This relay does not lead.")
        async with self._bounded(ANSWER_S):
            await self._connection.execute("SELECT 1")

    async def idle(self, wake: asyncio.Event, seconds: float) -> None:
        """What the server sends while no statement runs is a notification, or the end of the connection: both wake."""
        if self._connection is None:
            raise LeadershipLost("This relay does not lead.")
        loop, socket = asyncio.get_running_loop(), self._connection.fileno()
        loop.add_reader(socket, wake.set)
        try:
            await pause(wake, seconds)
        finally:
            loop.remove_reader(socket)

    async def release(self) -> None:
        """Unlocks before it closes: the server notices a closed connection when it likes, and who stands by would wait
        for that."""
        held, self._connection = self._connection, None
        if held is not None:
            try:
                async with asyncio.timeout(CLOSE_S):
                    try:
                        await held.execute("SELECT pg_advisory_unlock_all()")
                    finally:
                        await held.close()
            except (TimeoutError, psycopg.Error) as error:
                log.debug("The relay's lock connection did not close cleanly: %r", error)

    @asynccontextmanager
    async def _bounded(self, seconds: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(seconds):
                yield
        except (TimeoutError, psycopg.Error, OSError) as error:
            raise LeadershipLost(f"The database does not answer on the relay's lock connection: {error!r}") from error
