"""Our protocol class for HTTP, where what uvicorn does by itself would leave an application without an answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from streams.server import LiveProtocol, WebProtocol, send_whole
from streams.server.web import REQUESTS_AHEAD
from tests.support.serving import port_of, served, started

WAIT_S = 30
PIECES = 5  # of 256 KB, which the system keeps for a connection at least
REQUEST = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_everybody_whose_client_has_gone_is_told_not_only_the_last_who_asked() -> None:
    """A browser has a whole answer, and asks again, before the application has said that this was its end."""
    told, is_answered = list[str](), asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})
        message = await receive()
        told.append(f"{scope['path']} {message['type']}")
        await send({"type": "http.response.body"})
        is_answered.set()

    async with started(application, http=WebProtocol, ws="none", timeout_graceful_shutdown=1) as server:
        async with asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
            writer.write(REQUEST % 1)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(REQUEST % 2)
            [connection] = server.server_state.connections
            while not connection.pipeline:  # type: ignore[union-attr]  # ours has one
                await asyncio.sleep(0.01)
            connection.transport.abort()
            await is_answered.wait()
            writer.close()
    assert told == ["/1 http.disconnect"]


async def test_who_asks_on_and_on_without_waiting_for_an_answer_is_sent_away() -> None:
    """A request takes 18 bytes, and a hundred times as much here; as many as had come waited for their turn."""
    asked, may_answer = list[str](), asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    options = {"http": WebProtocol, "ws": "none", "timeout_graceful_shutdown": 1}
    async with started(application, **options) as server, asyncio.timeout(WAIT_S):
        port = port_of(server)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(REQUEST % number for number in range(REQUESTS_AHEAD + 2)))
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1)
        writer.close()
        assert asked == ["/0"]
        may_answer.set()
        asked.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(REQUEST % number for number in range(REQUESTS_AHEAD)))
        for _ in range(REQUESTS_AHEAD):
            assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        assert asked == [f"/{number}" for number in range(REQUESTS_AHEAD)]


def test_a_client_that_sends_much_leaves_others_their_turns() -> None:
    """libuv reads 32 times from one socket before it looks at another: a million trailers in one go."""
    pieces_in_turn, turn = dict[int, int](), 0

    class Noting(WebProtocol):
        def data_received(self, data: bytes) -> None:
            pieces_in_turn[turn] = pieces_in_turn.get(turn, 0) + 1
            super().data_received(data)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def send_as_much_as_is_taken() -> None:
        async with started(application, http=Noting, ws="none") as server, asyncio.timeout(WAIT_S):
            with socket.create_connection(("127.0.0.1", port_of(server))) as client:
                client.setblocking(False)
                client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
                counting = asyncio.create_task(count_turns())
                with contextlib.suppress(BlockingIOError):
                    while True:  # the server's loop stands still meanwhile
                        client.send(b"a:b\r\n" * 10_000)
                while sum(pieces_in_turn.values()) < PIECES:
                    await asyncio.sleep(0)
                assert max(pieces_in_turn.values()) == 1
                counting.cancel()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(send_as_much_as_is_taken())


LETTERS = b"abc" * 40_000
ANSWERS: dict[str, tuple[int, list[tuple[str, str]], bytes]] = {
    "/usual": (201, [("Content-Type", "application/json"), ("ETag", '"1"'), ("Content-Length", "3")], LETTERS[:3]),
    "/again": (201, [("content-type", "application/json"), ("Vary", "Cookie"), ("Content-Length", "3")], LETTERS[:3]),
    "/latin": (200, [("X-Told", "\xe4"), ("Content-Length", "0")], b""),
    "/nothing": (304, [("Content-Length", "0")], b""),
    "/unknown": (299, [("Content-Length", "1")], b"x"),
    "/long": (200, [("Content-Length", str(len(LETTERS)))], LETTERS),
    "/unmeasured": (200, [("Content-Type", "text/plain")], b"as long as it is"),
    "/chunked": (200, [("Transfer-Encoding", "chunked")], b"in parts"),
    "/last": (200, [("Connection", "close"), ("Content-Length", "1")], b"x"),
}
WHOLE = {"/usual", "/again", "/latin", "/nothing", "/unknown"}
ASKED = {
    "a client that stays": b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n",
    "one that goes": b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "one of old": b"GET %b HTTP/1.0\r\nHost: a\r\n\r\n",
    "one who wants no body": b"HEAD %b HTTP/1.1\r\nHost: a\r\n\r\n",
    "one who waits for a word": b"POST %b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "one who asks twice at once": b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /usual HTTP/1.1\r\nHost: a\r\n\r\n",
}


class Telling:
    """Answers in one piece where that is possible, and with ASGI's messages elsewhere or if it is not `whole`."""

    def __init__(self, *, whole: bool) -> None:
        self.whole, self.sent_whole = whole, set[str]()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        await receive()
        status, headers, body = ANSWERS[path]
        if self.whole and send_whole(send, status, headers, body):
            self.sent_whole.add(path)
            return
        as_bytes = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": as_bytes})
        await send({"type": "http.response.body", "body": body})


async def heard(application: Telling, request: bytes) -> list[bytes]:
    """All lines of the answers to what a client sends, which goes then, but the time of day."""
    async with served(LiveProtocol, application, WebProtocol) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request + b"GET /last HTTP/1.1\r\nHost: a\r\n\r\n")
        lines = (await reader.read()).split(b"\r\n")
        writer.close()
    return [line for line in lines if not line.startswith(b"date: ")]


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("path", ANSWERS)
async def test_an_answer_in_one_piece_is_what_uvicorn_makes_of_its_messages(path: str, asked: str) -> None:
    request = ASKED[asked] % path.encode()
    whole, parts = Telling(whole=True), Telling(whole=False)
    assert await heard(whole, request) == await heard(parts, request)
    stays = asked not in ("one that goes", "one of old")
    also = {"/usual"} if asked == "one who asks twice at once" and path != "/last" else set()
    wanted = {path} & WHOLE if stays and asked != "one who wants no body" else set()
    assert whole.sent_whole == wanted | also


async def test_a_header_that_would_be_two_is_refused_and_one_that_is_wrapped_is_not_sent_whole() -> None:
    async def refused(scope: Any, receive: Any, send: Any) -> None:
        async def between(message: Any) -> None:
            await send(message)

        assert not send_whole(between, 200, [("Content-Length", "0")], b"")
        send_whole(send, 200, [("X-A", "b\r\nX-C: d"), ("Content-Length", "0")], b"")

    async with served(LiveProtocol, refused, WebProtocol) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST % 1)
        answer = await reader.read()
        writer.close()
    assert b" 500 " in answer.partition(b"\r\n")[0]
    assert b"x-c" not in answer.lower()


async def test_a_connection_begins_with_all_that_uvicorns_own_begins_with() -> None:
    config = uvicorn.Config(Telling(whole=True), interface="asgi3")
    config.load()
    ours, theirs = [kind(config, ServerState(), {}) for kind in (WebProtocol, HttpToolsProtocol)]
    for name, value in vars(theirs).items():
        assert type(getattr(ours, name)) is type(value), name
        if value is None or isinstance(value, (bool, int, float, str, dict, set)):
            assert getattr(ours, name) == value, name
    assert len(vars(WebProtocol(config, ServerState(), {}))) < 15, "a table of names for each"


async def test_the_application_is_told_who_speaks_to_whom_as_by_uvicorn() -> None:
    told: list[tuple[Any, ...]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        told.append((scope["client"], scope["server"], scope["scheme"]))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    for http in (WebProtocol, HttpToolsProtocol):
        async with served(LiveProtocol, application, http) as port, asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
            writer.write(REQUEST % 1)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
        assert told.pop() == (here, there, "http")
