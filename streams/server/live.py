"""A WebSocket with a short way to the transport: `LiveProtocol`.

ASGI's `send()` costs a coroutine and a frame's encoding for each socket. Here a frame is framed once for all sockets,
and the hub writes those bytes to each transport in one loop a tick. What clients send goes to the consumer directly as
well: an ack through queue and tasks costs twice as much. The consumer learns of this through an extension in the ASGI
scope and works without it (streams/socket/sinks.py). Its opening is read and answered by streams/server/handshake.py.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, cast
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected, get_client_addr, get_path_with_query_string
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.utils import apply_mask

from streams.server import handshake
from streams.socket.sinks import EXTENSION

PIECE_BYTES = 64 * 1024  # after one that large the others have their turn
FRAMES_AT_ONCE = 64  # of one socket; then the others have their turn
PIECES = 1000  # of one message

Take = Callable[[dict[str, Any]], None]  # gets ASGI's `websocket.receive` messages

WHOLE_TEXT = 0x81  # first byte of a text frame that is a whole message
LAST = 0x80  # set in a message's last frame
MASKED = 0x80  # set in the second byte of every frame of a client
LENGTH_16, LENGTH_64 = 126, 127  # a second byte that says how long the length is
CONTROL = 0x08  # set in the opcodes of close, ping and pong


def _nothing(_is_full: bool) -> None:
    """Nobody wants to know yet whether the transport is full."""


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

    def take_over(self, http: HttpToolsProtocol, asked: handshake.Opening) -> None:
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
