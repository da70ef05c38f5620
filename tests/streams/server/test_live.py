"""Our protocol class for uvicorn, spoken to over TCP byte by byte: what RFC 6455 allows arrives whole and in order."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from streams.server.live import FRAMES_AT_ONCE, PIECE_BYTES, PIECES, LiveProtocol
from streams.socket.sinks import EXTENSION
from tests.support.serving import port_of, started

LIMIT = 64 * 1024
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x01\x80\xfe\x37"
WAIT_S = 30


def framed(payload: bytes, opcode: int = TEXT, *, final: bool = True, masked: bool = True) -> bytes:
    size, bit = len(payload), 0x80 if masked else 0
    length = (
        bytes([bit | size]) if size < 126
        else bytes([bit | 126]) + struct.pack("!H", size) if size < 65_536
        else bytes([bit | 127]) + struct.pack("!Q", size)
    )  # fmt: skip
    body = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(payload))
    return bytes([(0x80 if final else 0) | opcode]) + length + (MASK + body if masked else payload)


class Peer:
    """A client that sees every byte. taken: what the application took directly; received: what `receive()` gave it.
    told: whether the connection was said to be full.
    """

    def __init__(self) -> None:
        self.protocol: Any = None
        self.taken: list[str] = []
        self.received: list[dict[str, Any]] = []
        self.told: list[bool] = []
        self.moved = asyncio.Event()
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def application(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        self.protocol = protocol = scope["extensions"][EXTENSION]["protocol"]
        protocol.hand_over(self._take)
        protocol.on_full = self.told.append
        while True:
            message = await receive()
            self.received.append(message)
            self.moved.set()
            if message["type"] == "websocket.disconnect":
                return

    def _take(self, message: dict[str, Any]) -> None:
        self.taken.append(message["text"])
        self.moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self.moved.clear()
                await self.moved.wait()

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload."""
        async with asyncio.timeout(WAIT_S):
            first, size = await self.reader.readexactly(2)
            return first & 0x0F, await self.reader.readexactly(size)


@asynccontextmanager
async def connected(connection: bytes = b"Upgrade") -> AsyncIterator[Peer]:
    """connection: what the opening says under that name."""
    peer = Peer()
    options = {"ws_max_size": LIMIT, "ws_per_message_deflate": False}
    # A test that failed left its connection open, and nothing waits for that one.
    async with started(peer.application, ws=LiveProtocol, timeout_graceful_shutdown=1, **options) as server:
        peer.reader, peer.writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        peer.writer.write(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: " + connection + b"\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        async with asyncio.timeout(WAIT_S):
            assert b" 101 " in await peer.reader.readuntil(b"\r\n\r\n")
        yield peer
        peer.writer.close()
        await peer.until(lambda: bool(peer.received) and peer.received[-1]["type"] == "websocket.disconnect")
        await peer.writer.wait_closed()


async def test_a_connection_begins_with_all_that_uvicorns_own_begins_with() -> None:
    config = uvicorn.Config(Peer().application, interface="asgi3", ws_max_size=LIMIT, ws_per_message_deflate=False)
    config.load()
    ours, theirs = [kind(config, ServerState(), {}) for kind in (LiveProtocol, WebSocketsSansIOProtocol)]
    for mine, other in ((ours, theirs), (ours.conn, theirs.conn)):
        for name, value in vars(other).items():
            assert name == "queue" or type(getattr(mine, name)) is type(value), name
            if isinstance(value, (bool, int, float, str, bytes, list)):
                assert getattr(mine, name) == value, name
    assert len(vars(ours)) < 25, "a table of names for each"


async def test_a_connection_that_is_full_is_so_alone() -> None:
    config = uvicorn.Config(Peer().application, interface="asgi3", ws_per_message_deflate=False)
    config.load()
    full, other = [LiveProtocol(config, ServerState(), {}) for _ in range(2)]
    full.pause_writing()
    assert (full.writable.is_set(), other.writable.is_set()) == (False, True)
    full.resume_writing()
    assert full.writable.is_set()


async def test_messages_arrive_whole_and_in_order_however_they_are_cut() -> None:
    async with connected() as peer:
        texts = ["a", "b" * 125, "c" * 126, "ü" * 3000, "d" * 65_535]
        data = b"".join(framed(text.encode()) for text in texts[:3])
        for place in range(len(data)):
            peer.writer.write(data[place : place + 1])
            await peer.writer.drain()
        peer.writer.write(b"".join(framed(text.encode()) for text in texts[3:]))
        await peer.until(lambda: len(peer.taken) == len(texts))
        assert peer.taken == texts


async def test_a_message_in_parts_with_a_ping_between_stays_before_the_next() -> None:
    async with connected() as peer:
        parts = [
            framed(b"one ", final=False), framed(b"?", PING), framed(b"and ", 0, final=False), framed(b"all", 0),
            framed(b"two"),
        ]  # fmt: skip
        peer.writer.write(b"".join(parts))
        await peer.until(lambda: len(peer.taken) == 2)
        assert peer.taken == ["one and all", "two"]
        assert await peer.frame() == (PONG, b"?")


async def test_bytes_go_the_long_way() -> None:
    async with connected() as peer:
        peer.writer.write(framed(b"\xff", BINARY))
        await peer.until(lambda: bool(peer.received))
        assert peer.received[0]["bytes"] == b"\xff"
        assert not peer.taken


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed(b"\xc3\x28"), 1007),
        (framed(b"unmasked", masked=False), 1002),
        (framed(b"x" * (LIMIT + 1)), 1009),
        (framed(b"half ", final=False) + framed(b"a new one"), 1002),
        (framed(struct.pack("!H", 1000), CLOSE), 1000),
    ],
    ids=["not UTF-8", "not masked", "too large", "a message in a message", "goodbye"],
)
async def test_what_is_not_allowed_closes_with_its_code(data: bytes, code: int) -> None:
    async with connected() as peer:
        peer.writer.write(data)
        opcode, payload = await peer.frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, code)
        assert not peer.taken
        assert set(peer.told) == {True}  # it takes nothing any more


async def test_the_largest_message_is_taken() -> None:
    async with connected() as peer:
        peer.writer.write(framed(b"x" * LIMIT))
        peer.writer.write(framed(b"y"))
        await peer.until(lambda: len(peer.taken) == 2)
        assert [len(text) for text in peer.taken] == [LIMIT, 1]


async def test_one_that_went_without_a_word_takes_nothing_any_more() -> None:
    async with connected() as peer:
        peer.writer.write(framed(b"here"))
        await peer.until(lambda: len(peer.taken) == 1)
        peer.writer.transport.abort()
        await peer.until(lambda: bool(peer.received))
        assert peer.told[-1]


@pytest.mark.parametrize(
    ("connection", "first"),
    [(b"Upgrade", b""), (b"Upgrade, x", b""), (b"Upgrade", b"x" * LIMIT)],
    ids=["usual", "unusual", "behind the largest message"],
)
async def test_a_client_of_many_frames_leaves_others_their_turns(connection: bytes, first: bytes) -> None:
    """libuv hands over 8 MB of one socket before it looks at another, which may be a million frames."""
    taken_in_turn, turn = dict[int, int](), 0

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async with connected(connection) as peer:
        peer.writer.write(framed(first))
        await peer.until(lambda: peer.taken == [first.decode()])
        take = peer.protocol.take

        def noted(message: dict[str, Any]) -> None:
            taken_in_turn[turn] = taken_in_turn.get(turn, 0) + 1
            take(message)

        peer.protocol.take = noted
        counting = asyncio.create_task(count_turns())
        texts = [str(number) for number in range(20 * FRAMES_AT_ONCE)]
        peer.writer.write(b"".join(framed(text.encode()) + framed(b"", PONG) for text in texts))
        await peer.until(lambda: len(peer.taken) == len(texts) + 1)
        assert peer.taken[1:] == texts
        assert max(taken_in_turn.values()) <= FRAMES_AT_ONCE

        taken_in_turn.clear()
        large = framed(b"x" * (PIECE_BYTES // 2))
        peer.writer.write(large * 40)
        await peer.until(lambda: len(peer.taken) == len(texts) + 41)
        counting.cancel()
        assert max(taken_in_turn.values()) <= 2


async def test_pings_of_a_client_that_takes_no_answer_do_not_pile_up() -> None:
    async with connected() as peer:
        # The sender's buffer alone: Linux stops for minutes where a receiver with hardly any memory drops what came.
        ours = peer.protocol.transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.writer.write(framed(b"x" * 125, PING) * 20_000 + framed(b"done"))
        await peer.until(lambda: bool(peer.taken))
        assert peer.protocol.transport.get_write_buffer_size() < 100_000
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert await peer.frame() == (PONG, b"x" * 125)


async def test_a_message_of_pieces_without_end_closes() -> None:
    async with connected() as peer:
        peer.writer.write(framed(b"", final=False) + framed(b"", 0, final=False) * (PIECES - 2) + framed(b"!", 0))
        await peer.until(lambda: peer.taken == ["!"])
        peer.writer.write(framed(b"", final=False) + framed(b"", 0, final=False) * PIECES)
        opcode, payload = await peer.frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1009)
