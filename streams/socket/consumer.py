"""The Channels consumer: the life of one WebSocket. Who is let in is decided in streams/socket/admission.py, what the
client asks for is done in streams/socket/requests.py, and what it sees comes from the hub.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine
from functools import partial
from typing import Any

import orjson
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import Error as DatabaseError

from streams import metrics
from streams.hub import closing, current, sink
from streams.hub.connection import HEARTBEAT_S, STREAMS, Connection
from streams.hub.freshness import now_ms
from streams.hub.hub import Hub
from streams.hub.subscription import Client
from streams.rights.topics import shown_as_json
from streams.runtime.tasks import failure
from streams.socket import admission, sinks
from streams.socket.admission import NotAdmitted
from streams.socket.asked import INBOUND_BYTES
from streams.socket.requests import Requests
from streams.socket.sinks import EXTENSION, AsgiSink, Transporting, TransportSink
from streams.wire.frames import Frame

log = logging.getLogger(__name__)

CONNECTIONS = 20_000  # a process
CONNECTIONS_PER_USER = 1_000  # a process


class LiveConsumer(AsyncWebsocketConsumer):
    """One WebSocket. Has no channel layer: what it shows comes through the process's hub, so messages come from one
    side only. Channels' own loop makes three tasks for each."""

    connection: Client | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._application: asyncio.Task[Any] | None = asyncio.current_task()
        self._abandoned = False
        self.scope, self.base_send = scope, send
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self._abandoned:
                raise
        finally:
            self._leave()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Channels' own dispatch looks for old database connections in a thread at every message: 500 µs each."""
        await getattr(self, message["type"].replace(".", "_"))(message)

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        origin = admission.header(self.scope, b"origin")
        if origin is not None and not admission.origin_is_allowed(self.scope, origin):
            await self.close()  # before accepting: HTTP 403
            return
        offered = self.scope.get("subprotocols") or [None]
        # A browser sees the goodbye only when one of the protocols that it offered is selected.
        await self.accept(admission.SUBPROTOCOL if admission.SUBPROTOCOL in offered else offered[0])
        try:
            await self._let_in()
        except NotAdmitted as refusal:
            await self._refuse(refusal.code)
        except DatabaseError as error:
            log.warning("A socket could not be let in: the database does not answer (%s).", error)
            await self._refuse(4002)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        """What comes before the welcome, where the server offers its transport, and everything where it does not."""
        self._take(message)
        if self.connection is not None:
            self._hand_over()

    def _hand_over(self) -> None:
        """From now on the server gives to `_take` what the client says, where it can; at once, or once the application
        has taken what waits for it."""
        if (offered := self._offered()) is not None:
            offered.hand_over(self._take)

    async def websocket_disconnect(self, message: dict[str, Any]) -> None:
        """Channels' own would look for old database connections in a thread."""
        raise StopConsumer

    def _take(self, message: dict[str, Any]) -> None:
        if self.connection is not None and not self.connection.closed:
            self._requests.handle(message)

    async def _let_in(self) -> None:
        """Makes the connection known to the hub and says welcome. Raises NotAdmitted."""
        username, credentials, topics = await admission.admit(self.scope)
        if (offered := self._offered()) is not None and offered.transport.is_closing():
            raise StopConsumer  # it left meanwhile
        self._hub: Hub = current.current().hub
        if len(self._hub.connections) >= CONNECTIONS:
            raise NotAdmitted(4013)
        if self._hub.connections_of(username) >= CONNECTIONS_PER_USER:
            raise NotAdmitted(4504)
        connection: Client = Connection(secrets.token_hex(6), username, credentials, self._sink(), self._loop.time())
        connection.topics = topics
        connection.sink.on_full = partial(self._hub.delivery.fill, connection)
        self.connection = connection
        self._requests = Requests(self._hub, current.current().rights, connection, self._start)
        self._hub.add(connection)
        welcome = {
            "type": "welcome",
            "connection": connection.name,
            "user": username,
            "server_time": now_ms(),
            "heartbeat_seconds": HEARTBEAT_S,
            "limits": {"streams": STREAMS, "frame_bytes": INBOUND_BYTES},
            "topics": shown_as_json(topics),
        }
        connection.begin([Frame(orjson.dumps(welcome)), self._hub.beat()], self._loop.time())
        self._hand_over()  # the first thing that a client says is its `subscribe`

    async def _refuse(self, code: int) -> None:
        metrics.REFUSALS.labels(str(code)).inc()
        await self.send(
            text_data=orjson.dumps(closing.farewell(code, 1000 if code < closing.FINAL_CODES else 0)).decode()
        )
        await self.close(code)

    def _sink(self) -> sink.Sink:
        """The shortest way to this connection that its server offers."""
        offered = self._offered()
        return AsgiSink(self.base_send, self._start, self._abandon) if offered is None else TransportSink(offered)

    def _offered(self) -> Transporting | None:
        """The server's protocol, where it lets us at the transport (streams/server/live.py)."""
        offered: Transporting | None = (self.scope.get("extensions") or {}).get(EXTENSION, {}).get("protocol")
        return offered

    def _abandon(self) -> None:
        """Leaves the application, so that the server drops a connection that takes nothing any more."""
        self._abandoned = True
        if self._application is not None:
            self._application.cancel()

    def _leave(self) -> None:
        """Forgets everything of this connection, however it ended."""
        if self.connection is not None:
            self.connection.end()
            self.connection.sink.on_full = sinks.nobody
            self._hub.remove(self.connection)
        for task in list(self._tasks):
            task.cancel()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if (error := failure(task)) is not None:
            log.error("A socket's task failed.", exc_info=error)
            if self.connection is not None:
                self.connection.goodbye(4002, self._loop.time())
