"""HTTP with deadlines: `WebProtocol`.

It ends what uvicorn would hold for ever: connections that never ask, heads that never end, answers that nobody takes;
and of too many connections those give way that have waited longest without asking anything.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import TimerHandle, Transport
from collections import deque
from functools import cache, cached_property
from typing import Any, ClassVar, Literal, cast

from httptools import HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl, service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState

from streams import open_files
from streams.server import handshake
from streams.server.live import PIECE_BYTES, LiveProtocol

HEAD_S = 15.0  # from the beginning of a connection, or the end of an answer, to the end of a request's head
HEAD_BYTES = 64 * 1024  # of a head that comes in several pieces; a piece has at most 256 KiB
READ_FIRST_S = 0.01  # of a deadline that strikes: what came while this process stood still is read first
STALLED_S = 30.0  # for an answer of which the client takes nothing
REQUESTS_AHEAD = 100  # of one connection, before the answer to its first one is complete
PROBES = frozenset({b"/healthz", b"/readyz", b"/metrics"})  # answered however many others are connected


@cache
def most_connections() -> int:
    """How many connections a process takes: what its limit of open files leaves."""
    return open_files.connections()


class _TooManyAhead(Exception):
    """A client asks on and on, and does not wait for an answer."""


class WebProtocol(HttpToolsProtocol):
    """HTTP with deadlines. A body's own stands in project/body_limits.py, where it holds on every server."""

    serves: ClassVar[bool] = False  # whether this process was started with it
    waiting: ClassVar[dict[WebProtocol, None]] = {}  # who has not asked (again) yet, the oldest first
    # What uvicorn gives each connection at its beginning (a test compares), here once for all, or once it is asked for:
    # one that goes on as a WebSocket needs next to nothing of it.
    logger, access_logger = logging.getLogger("uvicorn.error"), logging.getLogger("uvicorn.access")
    transport: Transport = None  # type: ignore[assignment]  # there once the connection is, as in uvicorn
    flow: FlowControl = None  # type: ignore[assignment]  # as above
    server: tuple[str, int | None] | None = None
    client: tuple[str, int] | None = None
    scheme: Literal["http", "https"] | None = None
    timeout_keep_alive_task: TimerHandle | None = None
    scope: Any = None
    headers: handshake.Headers = None  # type: ignore[assignment]  # there once a request is
    cycle: RequestResponseCycle = None  # type: ignore[assignment]  # as above
    expect_100_continue = False

    _deadline: TimerHandle | None = None
    _stalled: TimerHandle | None = None
    _untaken = 0  # bytes in the transport when a timer last looked
    _head_bytes = 0
    _is_new = True  # nothing has come yet
    _in_body = False  # between a request's head and its end
    _unanswered: tuple[RequestResponseCycle, ...] = ()  # requests before the last one whose answers are not complete

    # A connection that waits ------------------------------------------------------------------------------------------

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn's own, but for its parser and its queue, which are made once they are needed."""
        if not config.loaded:
            config.load()
        self.config, self.app = config, config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.ws_protocol_class, self.limit_concurrency = config.ws_protocol_class, config.limit_concurrency
        self.root_path, self.asgi_version, self.app_state = config.root_path, config.asgi_version, app_state
        self.timeout_keep_alive = config.timeout_keep_alive
        self.server_state = server_state
        self.connections, self.tasks = server_state.connections, server_state.tasks

    @cached_property
    def parser(self) -> HttpRequestParser:  # type: ignore[override]  # there once it is looked at
        """HTTP's, with uvicorn's one leniency: the request that ends a connection may have others behind it."""
        parser = HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    @cached_property
    def pipeline(self) -> deque[Any]:  # type: ignore[override]  # as above
        """Requests that came before the answer to the one before them was complete."""
        return deque()

    @cached_property
    def access_log(self) -> bool:  # type: ignore[override]  # as above
        """Whether anybody wants to hear of requests."""
        return self.access_logger.hasHandlers()

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        here, there = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        if isinstance(here, tuple) and isinstance(there, tuple):
            # As uvicorn, which has the system asked for each once more, through a socket object.
            self.connections.add(self)
            self.transport, self.flow = transport, FlowControl(transport)
            self.server, self.client = (str(here[0]), int(here[1])), (str(there[0]), int(there[1]))
            self.scheme = "https" if is_ssl(transport) else "http"
        else:
            super().connection_made(transport)
        WebProtocol.serves = True
        self._await_request()
        if len(self.connections) > most_connections():
            oldest = next(iter(self.waiting))
            if oldest is not self:  # alone it may ask, and is told that there is no room
                oldest.drop()

    def _await_request(self) -> None:
        self._head_bytes, self._untaken = 0, 0
        self.waiting[self] = None
        self._stop(self._deadline)
        self._deadline = self.loop.call_later(HEAD_S, self._strike)

    def _strike(self) -> None:
        """The deadline of a head. A process that stood still hears of the time before it hears what came in time."""
        self._deadline = self.loop.call_later(READ_FIRST_S, self._give_up)

    def timeout_keep_alive_handler(self) -> None:
        """uvicorn's deadline of a connection on which nothing more is asked; as above."""
        self.timeout_keep_alive_task = self.loop.call_later(READ_FIRST_S, super().timeout_keep_alive_handler)

    def _give_up(self) -> None:
        """No head came; or the connection was to end, and the client does not take what stood before."""
        if self.flow.write_paused or self._is_being_taken():
            self._deadline = self.loop.call_later(HEAD_S, self._strike)
        elif self._head_bytes and not self.transport.is_closing():
            self._say("408 Request Timeout")
        else:
            self.drop()

    def _is_being_taken(self) -> bool:
        """Whether something waits in the transport, and less than when this was last asked."""
        before, self._untaken = self._untaken, self.transport.get_write_buffer_size()
        return self._untaken > 0 and (before == 0 or self._untaken < before)

    def drop(self) -> None:
        """Closes the connection without a word."""
        self._forget_waiting()
        self.transport.abort()

    def _say(self, status: str) -> None:
        self._forget_waiting()
        self.transport.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        self.transport.close()

    def _forget_waiting(self) -> None:
        self.waiting.pop(self, None)
        self._stop(self._deadline)

    @staticmethod
    def _stop(timer: TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_waiting()
        self._stop(self._stalled)
        super().connection_lost(exc)
        for request in self._unanswered:  # uvicorn tells the last one only, and the others would write on
            request.disconnected = True
            request.message_event.set()

    # A request --------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_new:
            self._is_new = False
            if (asked := self._opening(data)) is not None:
                self._hand_on(asked)
                return
        super().data_received(data)
        if self in self.waiting and not self._in_body:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._say("431 Request Header Fields Too Large")
        if len(data) >= PIECE_BYTES and not self.transport.is_closing() and self.transport.get_protocol() is self:
            self.transport.pause_reading()
            self.loop.call_soon(self._read_on)

    def _read_on(self) -> None:
        """After a large piece, so that the others have had their turn: uvloop hands over 8 MB before that, and they may
        be a million chunks or trailers."""
        if not (self.flow.read_paused or self.transport.is_closing()) and self.transport.get_protocol() is self:
            self.transport.resume_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # what follows a chunked body is no header: nobody has looked for it there
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self._unanswered) >= REQUESTS_AHEAD:
            self.drop()
            raise _TooManyAhead  # nothing more of what has come is parsed
        self._in_body = True
        self._forget_waiting()
        self.app = self.config.loaded_app if self._has_room() else service_unavailable
        before = (*self._unanswered, cast("RequestResponseCycle | None", self.cycle))
        super().on_headers_complete()
        self._unanswered = tuple(request for request in before if request and not request.response_complete)

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _has_room(self) -> bool:
        return len(self.connections) <= most_connections() or self.url.partition(b"?")[0] in PROBES

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        if not self._has_room():
            self._say("503 Service Unavailable")
        elif (asked := self._asked()) is None:
            super().handle_websocket_upgrade()
        else:
            self._hand_on(asked)

    def _hand_on(self, asked: handshake.Opening) -> None:
        """The connection goes on as a WebSocket."""
        self._forget_waiting()
        self.connections.discard(self)
        self.parser = None  # type: ignore[assignment]  # as at uvicorn's own end: it holds us, and we hold it
        protocol = LiveProtocol(self.config, self.server_state, self.app_state)
        self.transport.set_protocol(protocol)
        protocol.take_over(self, asked)

    def _asked(self) -> handshake.Opening | None:
        """What a usual opening asks for. uvicorn would write the head down again, for the other protocol to read, and
        ask the system once more who speaks to whom."""
        if not self._is_ours() or self.scope["method"] != "GET" or self.scope["http_version"] != "1.1":
            return None
        return handshake.opening_of(self.url, self.headers)

    def _opening(self, data: bytes) -> handshake.Opening | None:
        """What is asked for by a usual opening with which a connection begins: no parser needs to take it apart."""
        is_one = handshake.MARK in data[: handshake.LONGEST].lower() and self._is_ours()
        return handshake.opening(data) if is_one and len(self.connections) <= most_connections() else None

    def _is_ours(self) -> bool:
        """Whether it is our protocol that a WebSocket goes on with."""
        return self.ws_protocol_class is LiveProtocol and not self.config.ws_per_message_deflate

    # An answer --------------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # else the next request is here already
            self._await_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._untaken = 0
        self._stalled = self.loop.call_later(STALLED_S, self._look_at_answer)

    def resume_writing(self) -> None:
        self._stop(self._stalled)
        super().resume_writing()

    def _look_at_answer(self) -> None:
        if self._is_being_taken():
            self._stalled = self.loop.call_later(STALLED_S, self._look_at_answer)
        else:
            self.drop()
