"""uvicorn's protocols as this product needs them: `--http streams.server:WebProtocol --ws streams.server:LiveProtocol`.

`WebProtocol` ends what uvicorn would hold for ever: connections that never ask, heads that never end, answers that
nobody takes; and of too many connections those give way that have waited longest without asking anything.

`LiveProtocol` is a WebSocket with a short way to the transport. ASGI's `send()` costs a coroutine and a frame's
encoding for each socket. Here a frame is framed once for all sockets, and the hub writes those bytes to each transport
in one loop a tick. What clients send goes to the consumer directly as well: an ack through queue and tasks costs twice
as much. The consumer learns of this through an extension in the ASGI scope and works without it
(streams/socket/sinks.py). Its opening is read and answered by streams/handshake.py.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import TimerHandle, Transport
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache, cached_property, lru_cache
from typing import Any, ClassVar, Literal, cast
from urllib.parse import unquote

from httptools import HttpRequestParser
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl, service_unavailable
from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.protocols.utils import ClientDisconnected, get_client_addr, get_path_with_query_string, is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.utils import apply_mask

from streams import handshake, open_files
from streams.socket.sinks import EXTENSION

HEAD_S = 15.0  # from the beginning of a connection, or the end of an answer, to the end of a request's head
HEAD_BYTES = 64 * 1024  # of a head that comes in several pieces; a piece has at most 256 KiB
STALLED_S = 30.0  # for an answer of which the client takes nothing
WHOLE_BYTES = 64 * 1024  # of an answer's body that leaves together with its head
REPEATED = 100  # headers that are kept as they are written; there are some ten
REQUESTS_AHEAD = 100  # of one connection, before the answer to its first one is complete
PIECE_BYTES = 64 * 1024  # after one that large the others have their turn
FRAMES_AT_ONCE = 64  # of one socket; then the others have their turn
PIECES = 1000  # of one message
PROBES = frozenset({b"/healthz", b"/readyz", b"/metrics"})  # answered however many others are connected

Take = Callable[[dict[str, Any]], None]  # gets ASGI's `websocket.receive` messages

WHOLE_TEXT = 0x81  # first byte of a text frame that is a whole message
LAST = 0x80  # set in a message's last frame
MASKED = 0x80  # set in the second byte of every frame of a client
LENGTH_16, LENGTH_64 = 126, 127  # a second byte that says how long the length is
CONTROL = 0x08  # set in the opcodes of close, ping and pong


def _nothing(_is_full: bool) -> None:
    """Nobody wants to know yet whether the transport is full."""


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
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def _give_up(self) -> None:
        """No head came; or the connection was to end, and the client does not take what stood before."""
        if self.flow.write_paused or self._is_being_taken():
            self._deadline = self.loop.call_later(HEAD_S, self._give_up)
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


# Headers that say the same in answer after answer, and nothing that is somebody's own.
_REPEATED = frozenset({
    "Cache-Control", "Content-Security-Policy", "Content-Type", "Cross-Origin-Opener-Policy", "Referrer-Policy",
    "Strict-Transport-Security", "Vary", "X-Content-Type-Options", "X-Frame-Options",
})  # fmt: skip
_DECIDING = frozenset({"connection", "transfer-encoding"})  # how the connection goes on: uvicorn reads them


def send_whole(send: Any, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> bool:
    """Sends an answer in one piece, where `send` is uvicorn's own: head and body with one call of the system, instead
    of two and a client that is woken twice. Returns whether it did: False, and nothing was sent, where anybody stands
    between, where something waits to be sent, or where uvicorn would do more than write what it is given."""
    cycle: Any = getattr(send, "__self__", None)
    is_plain = (
        type(cycle) is RequestResponseCycle
        and cycle.keep_alive
        and not (cycle.response_started or cycle.disconnected or cycle.flow.write_paused)
        and cycle.scope["method"] != "HEAD"
        and len(body) <= WHOLE_BYTES
    )
    if not is_plain:
        return False
    head, length = [STATUS_LINE[status], *[b"%b: %b\r\n" % header for header in cycle.default_headers]], ""
    for name, value in headers:
        if name in _REPEATED:
            head.append(_repeated(name, value))
            continue
        lowered = name.lower()
        if lowered in _DECIDING:
            return False
        if lowered == "content-length":
            length = value
        head.append(_line(lowered, value))
    if length != str(len(body)):
        return False
    if cycle.access_log and cycle.access_logger.isEnabledFor(logging.INFO):
        _note(cycle, status)
    cycle.waiting_for_100_continue = False
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join([*head, b"\r\n", body]))
    cycle.message_event.set()
    cycle.on_response()
    return True


def _note(cycle: RequestResponseCycle, status: int) -> None:
    """uvicorn's line for its log of requests."""
    scope = cycle.scope
    said = get_client_addr(scope), scope["method"], get_path_with_query_string(scope), scope["http_version"], status
    cycle.access_logger.info('%s - "%s %s HTTP/%s" %d', *said)


def _line(name: str, value: str) -> bytes:
    """One header as it stands in a head. Raises RuntimeError as uvicorn does, for what would be more than one."""
    as_bytes = name.lower().encode("ascii"), value.encode("latin-1")
    if HEADER_RE.search(as_bytes[0]) or HEADER_VALUE_RE.search(as_bytes[1]):
        raise RuntimeError("Invalid HTTP header.")
    return b"%b: %b\r\n" % as_bytes


_repeated = lru_cache(maxsize=REPEATED)(_line)


class _Inbox:
    """What waits for the application's `receive()`. asyncio's own queue holds four lists for each socket."""

    __slots__ = ("_askers", "_messages", "_taken")

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._taken = 0  # of them
        self._askers: list[asyncio.Future[None]] = []

    def empty(self) -> bool:
        return not self._messages

    def put_nowait(self, message: Any) -> None:
        self._messages.append(message)
        for asker in self._askers:
            if not asker.done():
                asker.set_result(None)

    async def get(self) -> Any:
        while not self._messages:
            asker = asyncio.get_running_loop().create_future()
            self._askers.append(asker)
            try:
                await asker
            finally:
                self._askers.remove(asker)
        message = self._messages[self._taken]
        self._taken += 1
        if self._taken == len(self._messages):
            self._messages.clear()
            self._taken = 0
        return message


_WRITABLE = asyncio.Event()  # of all connections that have not been full yet
_WRITABLE.set()


class LiveProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application. Frames that it writes stand in order with uvicorn's own: one transport.

    uvicorn's parser gets whole frames only, so that it always stands between two of them, and whole text messages need
    not go through it. They are told apart FRAMES_AT_ONCE or PIECE_BYTES at a time: uvloop hands over 8 MB before others
    have their turn, which may be a million frames. WebSocket's own pings are not sent: the live protocol's heartbeats
    do the same.
    """

    # What uvicorn gives each connection at its beginning (a test compares), here once for all: of an object with more
    # than thirty names Python keeps the names, too.
    handshake_initiated = handshake_complete = close_sent = disconnected = read_paused = False
    transport: Transport = None  # type: ignore[assignment]  # there once the connection is, as in uvicorn
    server: tuple[str, int | None] | None = None
    client: tuple[str, int] | None = None
    scheme: Literal["wss", "ws"] = None  # type: ignore[assignment]  # as above
    close_timer: TimerHandle | None = None
    close_timeout = 10.0
    ping_timer: TimerHandle | None = None
    pong_timer: TimerHandle | None = None
    ping_sent_at = last_ping_rtt = 0.0
    pending_ping_payload: bytes | None = None
    initial_response: tuple[int, list[tuple[str, str]], bytes] | None = None
    curr_msg_data_type: Literal["text", "bytes"] = "bytes"
    logger = logging.getLogger("uvicorn.error")
    writable = _WRITABLE

    take: Take | None = None
    _asked: handshake.Opening | None = None  # by a usual opening
    on_full: Callable[[bool], None] = staticmethod(_nothing)
    _rest = b""  # what has come and is not looked at yet: the beginning of a frame, or more
    _next_turn: asyncio.Handle | None = None  # when more of it is looked at, where it is more
    _is_split = True  # whether frames are told apart here
    _in_message = False  # whether uvicorn's parser waits for the rest of a message

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn's own, which makes websockets' side of each connection at once (`conn`)."""
        if config.ws_per_message_deflate:
            super().__init__(config, server_state, app_state, _loop)
            return
        self.config, self.app = config, config.loaded_app
        self.loop = _loop or asyncio.get_running_loop()
        self.root_path, self.asgi_version, self.app_state = config.root_path, config.asgi_version, app_state
        self.connections, self.tasks = server_state.connections, server_state.tasks
        self.default_headers = server_state.default_headers
        self.ping_interval, self.ping_timeout = config.ws_ping_interval, config.ws_ping_timeout
        self.queue = _Inbox()  # type: ignore[assignment]  # all of a queue that is asked for here and in uvicorn
        self.frames = []

    @cached_property
    def conn(self) -> ServerProtocol:  # type: ignore[override]  # there once it is looked at
        """websockets' side of the connection: for an unusual opening, a refusal, frames that are no whole texts, and a
        polite end. It takes a tenth of a handshake, and three kilobytes."""
        state = State.OPEN if self.handshake_complete else State.CONNECTING
        return ServerProtocol(extensions=[], state=state, max_size=self.config.ws_max_size, logger=self.logger)

    def take_over(self, http: WebProtocol, asked: handshake.Opening) -> None:
        """Goes on with the connection of `http`, which has read this opening."""
        self.connections.add(self)
        self.transport, self.server, self.client = http.transport, http.server, http.client
        self.scheme = "wss" if http.scheme == "https" else "ws"
        self._asked = asked
        self._ask(asked)

    async def run_asgi(self) -> None:
        self.scope["extensions"][EXTENSION] = {"protocol": self}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if self.transport.is_closing():  # it left before it was let in: no fault of the application
            raise ClientDisconnected
        is_accept = message["type"] == "websocket.accept" and self._is_unanswered
        if is_accept and self._asked is not None:
            self._accept(self._asked, message)
        else:
            await super().send(message)
        if is_accept:
            self._go_on()

    def start_keepalive(self) -> None:
        pass

    def hand_over(self, take: Take) -> None:
        """From now on whole text messages go to `take` at once: no queue, no task, no pause of reading for each.

        Only while nothing waits for the application's `receive()`, so that the order stays; asking again is free.
        """
        if self.queue.empty() and self.take is None:
            self.take = take
            self._forget_handshake()

    def _forget_handshake(self) -> None:
        """Its headers take more memory than all that the hub keeps of a client, and the parser holds them."""
        if self._asked is None:
            self.request.headers.clear()
            self.response.headers.clear()
        self._asked = None
        cast("list[Any]", self.scope["headers"]).clear()

    # Its opening ------------------------------------------------------------------------------------------------------

    @property
    def _is_unanswered(self) -> bool:
        return not self.handshake_complete and self.initial_response is None

    def _open(self, data: bytes) -> None:
        """What comes before the application has accepted: the head, from uvicorn's HTTP protocol, and whatever a client
        is too hasty with."""
        if self.handshake_initiated:
            self._rest += data
            self.transport.pause_reading()
            return
        self._asked = handshake.opening(data) if "conn" not in self.__dict__ else None
        if self._asked is not None:
            self._ask(self._asked)
            return
        super().data_received(data)
        if (
            self.conn.handshake_exc is not None and not self.handshake_initiated
        ):  # uvicorn would leave it without a word
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        early = self.conn.reader.buffer  # what the client says before it is answered
        self._rest = bytes(early)
        early.clear()

    def _ask(self, asked: handshake.Opening) -> None:
        """As uvicorn's `handle_connect` asks the application, which may as well refuse as it does everywhere."""
        self.handshake_initiated = True
        path, _, query = asked.target.partition("?")
        self.scope = {
            "type": "websocket",
            "asgi": {"version": self.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self.scheme,
            "server": self.server,
            "client": self.client,
            "root_path": self.root_path,
            "path": self.root_path + unquote(path),
            "raw_path": self.root_path.encode("ascii") + path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": asked.headers,
            "subprotocols": asked.subprotocols,
            "state": self.app_state.copy(),
            "extensions": {"websocket.http.response": {}},
        }
        self.queue.put_nowait({"type": "websocket.connect"})
        task = self.loop.create_task(self.run_asgi())
        task.add_done_callback(self.on_task_complete)
        self.tasks.add(task)

    def _accept(self, asked: handshake.Opening, message: Any) -> None:
        if self.logger.isEnabledFor(logging.INFO):
            where = get_client_addr(self.scope), get_path_with_query_string(self.scope)
            self.logger.info('%s - "WebSocket %s" [accepted]', *where)
        headers = [*self.default_headers, *message.get("headers", ())]
        self.handshake_complete = True
        self.transport.write(handshake.answer(asked, message.get("subprotocol"), headers))
        self.start_keepalive()

    # From the client --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_complete:
            self._open(data)
        elif self._next_turn is not None:  # uvicorn goes on reading when the application has taken a message
            self._rest += data
            self.transport.pause_reading()
        elif self._is_split:
            self._split(self._rest + data if self._rest else data)
        else:
            super().data_received(data)
        if self.transport.is_closing():
            self.on_full(True)  # it takes nothing any more

    def _go_on(self) -> None:
        """Looks at what has come and was not looked at, and reads on."""
        self._next_turn = None
        if self._rest and not self.transport.is_closing():
            if not self.read_paused:
                self.transport.resume_reading()
            data, self._rest = self._rest, b""
            self.data_received(data)

    def _split(self, data: bytes) -> None:
        """Hands on whole frames in `data` (RFC 6455, 5.2) and keeps the rest, for later if there are many."""
        place, size, frames = 0, len(data), 0
        while size - place >= 2 and frames < FRAMES_AT_ONCE and place < PIECE_BYTES:
            length, head = data[place + 1] & ~MASKED, place + 2
            if length == LENGTH_16:
                length, head = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            elif length == LENGTH_64:
                length, head = int.from_bytes(data[place + 2 : place + 10], "big"), place + 10
            if not data[place + 1] & MASKED or (head <= size and length > self.config.ws_max_size):
                self._is_split, self._rest = False, b""  # not a client's, or too long: the parser says so
                super().data_received(data[place:])
                return
            end = head + 4 + length
            if head + 4 > size or end > size:
                break
            self._take_frame(data, place, head, end)
            place = end
            frames += 1
        self._rest = data[place:]
        is_turn_over = frames == FRAMES_AT_ONCE or place >= PIECE_BYTES
        if is_turn_over and self._rest and not self.transport.is_closing():
            self.transport.pause_reading()
            self._next_turn = self.loop.call_soon(self._go_on)

    def _take_frame(self, data: bytes, place: int, head: int, end: int) -> None:
        """One frame: `data[place:end]`, its mask at `head`."""
        if data[place] == WHOLE_TEXT and self.take is not None and not self._in_message and not self.close_sent:
            try:
                text = apply_mask(data[head + 4 : end], data[head : head + 4]).decode()
            except UnicodeDecodeError:
                pass  # the parser says so
            else:
                self.take({"type": "websocket.receive", "text": text})
                return
        if not data[place] & CONTROL:
            self._in_message = not data[place] & LAST
        super().data_received(data[place:end])

    def send_receive_event_to_app(self) -> None:
        """uvicorn has a whole message in `self.frames`: one that came in parts."""
        if self.take is None or self.curr_msg_data_type != "text" or self.close_sent:
            super().send_receive_event_to_app()
            return
        try:
            text = b"".join(self.frames).decode()
        except UnicodeDecodeError:
            super().send_receive_event_to_app()
            return
        self.frames = []
        self.take({"type": "websocket.receive", "text": text})

    def handle_ping(self) -> None:
        """Answers one, unless the client does not take what was written: then it gets no more of it (RFC 6455, 5.5.3:
        the newest of several may be answered alone)."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def handle_cont(self, event: Any) -> None:
        """A further piece of a message: bounded, since each takes memory, also one of no byte."""
        if len(self.frames) < PIECES:
            super().handle_cont(event)
        else:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many pieces")
            self.handle_parser_exception()

    # From the transport -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        if self.writable is _WRITABLE:
            self.writable = asyncio.Event()
        super().pause_writing()
        self.on_full(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.on_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_full(True)
        self.take, self.on_full, self._rest = None, _nothing, b""
        if self._next_turn is not None:
            self._next_turn.cancel()
        super().connection_lost(exc)
