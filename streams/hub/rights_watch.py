"""Looks again, every two seconds, at what connected people may: sessions end, accounts close, groups and topics change.

It has a thread and a database connection of its own, so no load that the server accepts makes a look wait. Who asks for
a topic that is not among theirs joins the next look: however many ask, and for whatever, the database is asked once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import SyncToAsync
from django.db import Error as DatabaseError
from django.db import connection as database

from streams import metrics
from streams.hub.hub import Hub
from streams.hub.subscription import Client
from streams.rights import credentials
from streams.rights.credentials import Credentials
from streams.rights.topics import shown_as_json
from streams.runtime.tasks import pause

LOOK_S = 2.0  # from the beginning of one look to that of the next
SOONEST_S = 0.25  # after the last look, for those who ask

Allowed = dict[str, str] | None
"""name -> label of the topics that somebody may watch; None: they would no longer be let in."""


class RightsWatch:
    """The looks of one process, in its event loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._asked: dict[Credentials, asyncio.Future[Allowed]] = {}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rights")

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop`, and tells every connection what changed for it. Raises DatabaseError."""
        loop = asyncio.get_running_loop()
        next_of_all = loop.time()
        try:
            while not stop.is_set():
                began = loop.time()
                is_of_all = began >= next_of_all
                await self._look([connection.credentials for connection in self._hub.connections] if is_of_all else [])
                if is_of_all:
                    next_of_all = began + LOOK_S
                    metrics.RIGHTS_LOOK.set(loop.time() - began)
                await pause(stop, SOONEST_S)
                if not self._asked and not stop.is_set():
                    await self._asked_or(next_of_all, stop)
        finally:
            self._let_go()

    async def ask(self, of: Credentials) -> Allowed:
        """What somebody may watch, by a look that begins from now on. Raises DatabaseError."""
        future = self._asked.get(of)
        if future is None:
            future = self._asked[of] = asyncio.get_running_loop().create_future()
            self._wake.set()
        return await asyncio.shield(future)

    async def _asked_or(self, latest: float, stop: asyncio.Event) -> None:
        """Returns when somebody asks, at `stop`, and at the time `latest` (of the loop)."""
        self._wake.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._wake, stop)]
        try:
            left = max(0.0, latest - asyncio.get_running_loop().time())
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    async def _look(self, of: Iterable[Credentials]) -> None:
        """Looks at these and at those who asked; tells them, and every connection with the same credentials."""
        asked, self._asked = self._asked, {}
        held = {*of, *asked}
        if not held:
            return
        try:
            allowed = await self._in_own_thread(held)
        except BaseException as error:
            for future in asked.values():
                future.set_exception(error if isinstance(error, DatabaseError) else DatabaseError(repr(error)))
                future.exception()  # whoever asked may have gone
            raise
        for connection in list(self._hub.connections):
            if connection.credentials in allowed:
                tell(self._hub, connection, allowed[connection.credentials])
        for each, future in asked.items():
            future.set_result(allowed[each])

    async def _in_own_thread(self, held: set[Credentials]) -> dict[Credentials, Allowed]:
        call = SyncToAsync(_look_again, thread_sensitive=False, executor=self._thread)
        return await call(held)

    def _let_go(self) -> None:
        self._thread.submit(database.close)
        self._thread.shutdown(wait=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rights")  # for when it starts again


def _look_again(held: set[Credentials]) -> dict[Credentials, Allowed]:
    """On the connection that this thread keeps; one that broke is given up."""
    try:
        return credentials.look_again(held)
    except DatabaseError:
        database.close()
        raise


def tell(hub: Hub, connection: Client, topics: Allowed) -> None:
    """Has a connection know, and do, what it may from now on."""
    now = asyncio.get_running_loop().time()
    if topics is None:
        connection.goodbye(4003, now)
        return
    before, connection.topics = connection.topics, topics  # equal ones, too: who may the same shares what is kept of it
    if topics is not before and topics != before:
        lost_all = bool(before) and not topics
        connection.send({"type": "topics", "topics": shown_as_json(topics)}, now)
        for reader in list(connection.streams.values()):
            if reader.log.topic not in topics:
                hub.leave(reader, "forbidden")
        if lost_all:
            connection.goodbye(4503, now, 0)
