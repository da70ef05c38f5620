"""The two ways to one connection that the hub writes through: ASGI's `send()`, which every server has, and the
transport itself, where the server offers it (streams/server/live.py)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from types import CoroutineType
from typing import Any, Protocol

from streams.hub.sink import BACKLOG_BYTES
from streams.runtime.steps import Resumed
from streams.wire.frames import Frame

log = logging.getLogger(__name__)

PRIVATE_CODES = 3000  # close codes from here on are an application's own
CLOSE_AFTER_S = 5.0  # a closing connection has this long to take what was written before
GONE = (OSError, RuntimeError)  # what servers raise from `send()` once a client has gone or is being closed

EXTENSION = "streamboard.transport"  # in the ASGI scope's extensions, where the server lets us at the transport

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Transporting(Protocol):
    """What a server's WebSocket protocol offers under EXTENSION: streams.server.LiveProtocol.

    on_full: called with whether the transport's buffer is over its high-water mark, each time that changes.
    """

    transport: asyncio.Transport
    on_full: Callable[[bool], None]

    def hand_over(self, take: Callable[[dict[str, Any]], None]) -> None:
        """Has whole text messages given to `take` at once, as ASGI's `websocket.receive`, from now on."""

    async def send(self, message: Any) -> None:
        """ASGI's `send()` of this connection."""


def nobody(_is_full: bool) -> None:
    """Nobody wants to know whether a sink is full."""


async def _awaited(sending: Awaitable[None]) -> None:
    await sending


class AsgiSink:
    """Writes through ASGI's `send()`.

    Nearly every `send()` ends without waiting, so it is stepped on the spot: waking a task for each frame costs more
    than the frame. One that waits, for a slow client maybe for ever, goes on in a task, and what comes after it queues.
    start: makes a task that ends with the connection. abandon: called when the client did not even take the close; the
    consumer then leaves the application.
    """

    __slots__ = (
        "_abandon", "_bytes", "_close_code", "_closing", "_frames", "_gone", "_send", "_start", "_waiting", "is_full",
        "on_full",
    )  # fmt: skip
    frame_s = 1 / 25_000
    write_raw = None

    def __init__(
        self,
        send: Send,
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        abandon: Callable[[], None],
    ) -> None:
        self._send, self._start, self._abandon = send, start, abandon
        self._frames: deque[Frame] | None = None  # made only where something queues
        self._bytes = 0
        self._waiting = self._gone = False
        self._close_code: int | None = None
        self._closing: asyncio.TimerHandle | None = None
        self.is_full = False
        self.on_full: Callable[[bool], None] = nobody

    def backlog(self) -> int:
        """The bytes of the frames whose `send()` has not ended."""
        return self._bytes

    def write(self, frame: Frame) -> None:
        """Sends a frame, or queues it behind one that waits. Never waits itself."""
        if self._gone:
            return
        if self._waiting:
            self._queue(frame)
            return
        sending = self._send(frame.message)
        if type(sending) is not CoroutineType:
            sending = _awaited(sending)
        try:
            waited = sending.send(None)
        except StopIteration:
            return
        except GONE as error:
            self._lose(error)
        else:
            self._waiting = True
            self._bytes = len(frame.data)
            self._start(self._finish(Resumed(sending, waited), len(frame.data)))

    def _queue(self, frame: Frame) -> None:
        if self._frames is None:
            self._frames = deque()
        self._frames.append(frame)
        self._bytes += len(frame.data)
        if not self.is_full and self._bytes >= BACKLOG_BYTES:
            self._set_full(True)

    async def _finish(self, sending: Awaitable[None], size: int) -> None:
        """Waits for a `send()` that has begun, then sends what queued behind it, and the close."""
        try:
            await sending
            self._has_left(size)
            while self._frames:
                frame = self._frames.popleft()
                await self._send(frame.message)
                self._has_left(len(frame.data))
            self._waiting, self._frames = False, None
            if self._close_code is not None:
                await self._send_close(self._close_code)
        except GONE as error:
            self._lose(error)

    def _has_left(self, size: int) -> None:
        self._bytes -= size
        if self.is_full and self._bytes < BACKLOG_BYTES:
            self._set_full(False)

    def _set_full(self, is_full: bool) -> None:
        self.is_full = is_full
        self.on_full(is_full)

    def _lose(self, error: Exception) -> None:
        """The client has gone; its disconnect is on the way to the consumer."""
        log.debug("A client is not there any more: %r", error)
        self._gone, self._frames = True, None
        self._end()

    def close(self, code: int) -> None:
        """Sends the close behind what queues; after CLOSE_AFTER_S the connection is abandoned. Safe to call twice."""
        if self._gone or self._close_code is not None:
            return
        self._close_code = code
        self._closing = asyncio.get_running_loop().call_later(CLOSE_AFTER_S, self._abandon)
        if not self._waiting:
            self._start(self._close(code))

    async def _close(self, code: int) -> None:
        try:
            await self._send_close(code)
        except GONE as error:
            self._lose(error)

    async def _send_close(self, code: int) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code})
        except GONE:
            raise
        except Exception:
            if code >= PRIVATE_CODES:
                raise
            # Daphne's library refuses to send codes of RFC 6455 other than 1000, with a bare Exception.
            await self._send({"type": "websocket.close", "code": 1000})
        self._end()

    def _end(self) -> None:
        if self._closing is not None:
            self._closing.cancel()


class TransportSink:
    """Writes framed bytes to the transport."""

    __slots__ = ("_closing", "_protocol", "_transport", "is_full", "on_full", "write_raw")
    frame_s = 1 / 60_000

    def __init__(self, protocol: Transporting) -> None:
        self._protocol, self._transport = protocol, protocol.transport
        self._transport.set_write_buffer_limits(high=BACKLOG_BYTES)
        self.write_raw: Callable[[bytes], object] = self._transport.write
        self._closing: asyncio.Task[None] | None = None
        self.is_full = False
        self.on_full: Callable[[bool], None] = nobody
        protocol.on_full = self._set_full

    def _set_full(self, is_full: bool) -> None:
        self.is_full = is_full
        self.on_full(is_full)

    def backlog(self) -> int:
        """The bytes in the transport's own buffer."""
        return self._transport.get_write_buffer_size()

    def write(self, frame: Frame) -> None:
        """Writes a frame's bytes to the transport, unless that is being closed."""
        transport = self._transport
        if not transport.is_closing():
            transport.write(frame.framed)

    def close(self, code: int) -> None:
        """Sends the close; a client that does not take it within CLOSE_AFTER_S is cut off."""
        self._closing = asyncio.ensure_future(self._close(code))

    async def _close(self, code: int) -> None:
        """Closes politely; a client that takes nothing is cut off."""
        try:
            async with asyncio.timeout(CLOSE_AFTER_S):
                await self._protocol.send({"type": "websocket.close", "code": code, "reason": ""})
        except (TimeoutError, OSError, RuntimeError):
            self._transport.abort()
