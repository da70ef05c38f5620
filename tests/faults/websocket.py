"""One WebSocket of a witness, framed by RFC 6455 itself: no code in common with the server or with other clients."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import time
from collections.abc import Callable

PROTOCOL = "streamboard.v1"  # from docs/protocol.md
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Wire(asyncio.Protocol):
    """One WebSocket. made: called with it once it can be written to, before anything is received. text: called with
    each frame's payload. broke: called with what breaks RFC 6455 or the page.

    ended: done when it is over; its result is the close code, or None where none came.
    """

    transport: asyncio.Transport  # there before anything is received

    def __init__(
        self,
        head: list[str],
        made: Callable[[Wire], None],
        text: Callable[[bytes], None],
        broke: Callable[[str], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[int] = loop.create_future()  # the status of the answer
        self.ended: asyncio.Future[int | None] = loop.create_future()
        self.heard_at = time.monotonic()
        self.received = 0  # bytes
        self._key = base64.b64encode(os.urandom(16))
        self._head, self._made, self._text, self._broke = head, made, text, broke
        self._rest = b""
        self._code: int | None = None
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # uvloop's is none by class
        self._made(self)
        lines = [
            *self._head, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {self._key.decode()}", f"Sec-WebSocket-Protocol: {PROTOCOL}",
        ]  # fmt: skip
        self.transport.write("\r\n".join([*lines, "", ""]).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_result(0)
        if not self.ended.done():
            self.ended.set_result(self._code)

    def data_received(self, data: bytes) -> None:
        self.heard_at = time.monotonic()
        self.received += len(data)
        data = self._rest + data if self._rest else data
        if not self._is_open:
            data = self._shake_hands(data)
            if not self._is_open:
                return
        place = 0
        while (frame := cut_out(data, place)) is not None and not self.transport.is_closing():
            first, payload, place = frame
            self._take(first, payload)
        self._rest = data[place:]

    def _shake_hands(self, data: bytes) -> bytes:
        """Reads the answer to the handshake; returns what follows it."""
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found:
            self._rest = data
            return b""
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if status == 101:
            accept = base64.b64encode(hashlib.sha1(self._key + MAGIC).digest()).decode()
            if fields.get("sec-websocket-accept") != accept:
                self._broke("the handshake is not ours")
            if fields.get("sec-websocket-protocol") != PROTOCOL:
                self._broke(f"the subprotocol is {fields.get('sec-websocket-protocol')}")
            self._is_open = True
        else:
            self.transport.abort()
        self._rest = b""
        if not self.opened.done():  # whoever waited for it has been cancelled meanwhile
            self.opened.set_result(status)
        return rest

    def _take(self, first: int, payload: bytes) -> None:
        opcode = first & 0x0F
        if first & 0x70 or not first & 0x80:
            self._broke(f"a frame begins with {first:#x}")
        if opcode == TEXT:
            self._text(payload)
        elif opcode == PING:
            self.send(payload, PONG)
        elif opcode == CLOSE:
            self._code = int.from_bytes(payload[:2], "big") if len(payload) >= 2 else 1005
            self.send(payload[:2], CLOSE)
            self.transport.close()
        elif opcode != PONG:
            self._broke(f"a frame of the kind {opcode}")

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        if self.transport.is_closing():
            return
        size, mask = len(payload), os.urandom(4)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        masked = (
            (int.from_bytes(payload, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")) if size else 0
        )
        self.transport.write(bytes([0x80 | opcode]) + length + mask + masked.to_bytes(size, "big"))

    def close(self) -> None:
        """Politely."""
        self.send((1000).to_bytes(2, "big"), CLOSE)

    def abort(self) -> None:
        """Without a word."""
        self.transport.abort()


def cut_out(data: bytes, place: int) -> tuple[int, bytes, int] | None:
    """The whole frame at this place: its first byte, its payload, and where it ends."""
    size = len(data)
    if place + 2 > size:
        return None
    first, length, head = data[place], data[place + 1], 2
    if length >= 0x80:
        raise ConnectionError("a server's frame is masked")
    if length == 126:
        length, head = int.from_bytes(data[place + 2 : place + 4], "big"), 4
    elif length == 127:
        length, head = int.from_bytes(data[place + 2 : place + 10], "big"), 10
    end = place + head + length
    if place + head > size or end > size:
        return None
    return first, data[place + head : end], end
