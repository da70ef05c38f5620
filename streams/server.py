"""uvicorn's WebSocket protocol with a short way to the transport, for `uvicorn --ws streams.server:LiveProtocol`.

ASGI's `send()` costs a coroutine and a frame's encoding for each socket. Here a frame is framed once for all sockets,
and the hub writes those bytes to each transport in one loop a tick. What clients send goes to the consumer directly as
well: an ack through queue and tasks costs twice as much. The consumer learns of this through an extension
in the ASGI scope and works without it (streams/socket/sinks.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.utils import apply_mask

from streams.socket.sinks import EXTENSION

Take = Callable[[dict[str, Any]], None]  # gets ASGI's `websocket.receive` messages

WHOLE_TEXT = 0x81  # first byte of a text frame that is a whole message
LAST = 0x80  # set in a message's last frame
MASKED = 0x80  # set in the second byte of every frame of a client
LENGTH_16, LENGTH_64 = 126, 127  # a second byte that says how long the length is
CONTROL = 0x08  # set in the opcodes of close, ping and pong


def _nothing(_is_full: bool) -> None:
    """Nobody wants to know yet whether the transport is full."""


class LiveProtocol(WebSocketsSansIOProtocol):
    """Offers itself to the application. Frames that it writes stand in order with uvicorn's own: one transport.

    uvicorn's parser gets whole frames only, so that it always stands between two of them, and whole text messages need
    not go through it. WebSocket's own pings are not sent: the live protocol's heartbeats do the same.
    """

    take: Take | None = None
    on_full: Callable[[bool], None] = staticmethod(_nothing)
    _rest = b""  # the beginning of a frame
    _is_split = True  # whether frames are told apart here
    _in_message = False  # whether uvicorn's parser waits for the rest of a message

    async def run_asgi(self) -> None:
        self.scope["extensions"][EXTENSION] = {"protocol": self}
        await super().run_asgi()

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
        self.request.headers.clear()
        self.response.headers.clear()
        cast("list[Any]", self.scope["headers"]).clear()

    # From the client --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self.handshake_complete:
            super().data_received(data)
            self._is_split = not self.conn.reader.buffer  # else a client spoke before it was answered
        elif self._is_split:
            self._split(self._rest + data if self._rest else data)
        else:
            super().data_received(data)
        if self.transport.is_closing():
            self.on_full(True)  # it takes nothing any more

    def _split(self, data: bytes) -> None:
        """Hands on the whole frames in `data` (RFC 6455, 5.2) and keeps the rest."""
        place, size = 0, len(data)
        while size - place >= 2:
            length, head = data[place + 1] & ~MASKED, place + 2
            if length == LENGTH_64 or not data[place + 1] & MASKED:
                self._is_split, self._rest = False, b""  # too long, or not a client's: the parser says so
                super().data_received(data[place:])
                return
            if length == LENGTH_16:
                length, head = int.from_bytes(data[place + 2 : place + 4], "big"), place + 4
            end = head + 4 + length
            if head + 4 > size or end > size:
                break
            self._take_frame(data, place, head, end)
            place = end
        self._rest = data[place:]

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

    # From the transport -----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        super().pause_writing()
        self.on_full(True)

    def resume_writing(self) -> None:
        super().resume_writing()
        self.on_full(False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_full(True)
        self.take, self.on_full, self._rest = None, _nothing, b""
        super().connection_lost(exc)
