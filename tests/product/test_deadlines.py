"""What never ends is ended: silent connections, half heads, bodies that do not come, answers that nobody takes; and
however many of them there are, others are served."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from project import body_limits
from streams.server import LiveProtocol, WebProtocol, web
from tests.conftest import Install
from tests.support.processes import BIN, CALL_SECONDS, UVICORN_OPTIONS
from tests.support.waiting import free_port, until

WAIT_S = 30
DAPHNE_S = 60 + WAIT_S
SHORT_S = 0.2
LARGE = b"x" * 40_000_000  # more than all the buffers between two processes


async def read_body(receive: Callable[[], Awaitable[Any]]) -> bytes | None:
    body = b""
    while True:
        message: dict[str, Any] = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message["body"])
        if not message["more_body"]:
            return body


async def application(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """Answers with the body that it got, or with a large one; closes sockets."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    body = await read_body(receive)
    if body is None:
        return
    if scope["path"] == "/large":
        body = LARGE
    if scope["path"] == "/headers":
        body = b"".join(name + b"\n" for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def running(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[uvicorn.Server]:
    for module, name in ((web, "HEAD_S"), (web, "STALLED_S"), (body_limits, "SILENCE_S")):
        monkeypatch.setattr(module, name, SHORT_S)
    config = uvicorn.Config(
        body_limits.BodyLimits(application), interface="asgi3", port=0, http=WebProtocol, ws=LiveProtocol,
        lifespan="off", log_config=None, timeout_keep_alive=WAIT_S * 10,
    )  # fmt: skip
    served = uvicorn.Server(config)
    config.load()
    served.lifespan = config.lifespan_class(config)
    await served.startup()
    yield served
    await served.shutdown()


@pytest.fixture
def port(running: uvicorn.Server) -> int:
    return int(running.servers[0].sockets[0].getsockname()[1])


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(port: int, *data: bytes) -> AsyncIterator[Pair]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"".join(data))
        yield reader, writer
    finally:
        writer.transport.abort()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """What the server said until it closed; a reset is an end, too."""
    said = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(WAIT_S):
            while piece := await reader.read(65_536):
                said += piece
    return said


HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"\r\n", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (HEAD + UPGRADE, b"HTTP/1.1 408 "),
        (HEAD + b"\r\n" + HEAD, b"HTTP/1.1 200 "),
        (POST + b"Content-Length: 10\r\n\r\nhalf", b"HTTP/1.1 408 "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", b"HTTP/1.1 408 "),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Never: e", b"HTTP/1.1 408 "),
    ],
    ids=["silence", "an empty line", "half a head", "half a handshake", "a second head", "half a body", "no last chunk",
         "endless trailers"],
)  # fmt: skip
async def test_what_does_not_come_ends_the_connection(port: int, sent: bytes, answer: bytes) -> None:
    async with connected(port, sent) as (reader, _):
        said = await to_the_end(reader)
    assert said.startswith(answer)
    assert bool(said) == bool(answer)


@pytest.mark.parametrize("has_asked", [True, False])
async def test_what_came_in_time_is_answered_by_a_process_that_stood_still(
    running: uvicorn.Server, port: int, monkeypatch: pytest.MonkeyPatch, has_asked: bool
) -> None:
    """Its event loop is told of the time first, and then of what lies in the socket."""
    monkeypatch.setattr(web, "HEAD_S", WAIT_S * 10)
    async with connected(port, *[HEAD + b"\r\n"] * has_asked) as (reader, writer):
        connections: Any = running.server_state.connections
        if has_asked:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        await until(lambda: connections, "the connection is there")
        (protocol,) = connections
        deadline = "timeout_keep_alive_task" if has_asked else "_deadline"
        await until(lambda: getattr(protocol, deadline), "it waits to be asked")
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        getattr(protocol, deadline)._run()
        assert (await to_the_end(reader)).startswith(b"HTTP/1.1 200 ")


async def test_a_head_without_end_is_too_large(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "HEAD_S", WAIT_S * 10)
    async with connected(port, HEAD) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for number in range(20):
                writer.write(b"X-%d: " % number + b"x" * 8_000 + b"\r\n")
                await writer.drain()
        assert (await to_the_end(reader)).startswith(b"HTTP/1.1 431 ")


async def test_a_body_in_trickles_ends_however_often_something_comes(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_limits, "SILENCE_S", 1.0)
    async with connected(port, POST, b"Content-Length: 60000\r\n\r\n") as (reader, writer):

        async def trickle() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.1)

        trickling = asyncio.create_task(trickle())
        assert (await to_the_end(reader)).startswith(b"HTTP/1.1 408 ")
        trickling.cancel()


async def test_an_answer_that_nobody_takes_ends(running: uvicorn.Server, port: int) -> None:
    async with connected(port, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n") as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        connections = running.server_state.connections
        await until(lambda: len(connections) == 1, "the connection is there")
        await until(lambda: not connections, "the connection has ended")
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert len(await to_the_end(reader)) < len(LARGE)


async def test_a_slow_reader_gets_all_of_it(
    running: uvicorn.Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes: whenever the deadline comes here, a part of the answer was taken since the last one."""
    monkeypatch.setattr(web, "STALLED_S", 10 * WAIT_S)
    async with connected(port, b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as (reader, _):
        connections = running.server_state.connections
        await until(lambda: any(each.transport.get_write_buffer_size() for each in connections), "it waits to be taken")
        protocol: Any = next(iter(connections))
        taken = looks = 0
        left = len(LARGE)
        async with asyncio.timeout(WAIT_S):
            while piece := await reader.read(400_000):
                taken += len(piece)
                before, left = left, protocol.transport.get_write_buffer_size()
                if 0 < left < before:
                    protocol._look_at_answer()
                    looks += 1
    assert taken > len(LARGE)
    assert looks > 1


async def test_what_follows_a_body_is_no_header(port: int) -> None:
    data = b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Forwarded-For: b\r\n\r\n"
    async with connected(port, data) as (reader, _):
        said = await to_the_end(reader)
    assert b"transfer-encoding\n" in said
    assert b"x-forwarded-for\n" not in said


async def test_requests_in_one_go_are_all_answered(port: int) -> None:
    async with connected(port, (HEAD + b"\r\n") * 3, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n") as (reader, _):
        assert (await to_the_end(reader)).count(b"HTTP/1.1 200") == 4


async def test_over_the_most_only_probes_are_answered(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "most_connections", lambda: 0)
    for sent, answer in (
        (HEAD + b"\r\n", b"HTTP/1.1 503 "),
        (HEAD + UPGRADE + b"\r\n", b"HTTP/1.1 503 "),
        (b"GET /healthz?x HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 "),
    ):
        async with connected(port, sent) as (reader, _):
            assert (await to_the_end(reader)).startswith(answer), sent


async def test_1100_silent_connections_with_1024_files_shut_nobody_out(install: Install) -> None:
    installation = install()
    port = free_port()
    words = [BIN / "uvicorn", "project.asgi:application", "--port", port, *UVICORN_OPTIONS, "--log-level", "warning"]
    command = f"ulimit -n 1024; exec {' '.join(map(str, words))}"
    web = installation._add("web", ["sh", "-c", command], port, start=True, extra={})
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(1_100)]
    try:
        for _, writer in idle[::2]:
            writer.write(HEAD)
        headers = {"Authorization": f"Bearer {installation.token}"}
        async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/api/items/", headers=headers)).status_code == 200
        assert "may open 1024 files" in web.log()
        assert "streams.server:WebProtocol" not in web.log()
    finally:
        for _, writer in idle:
            writer.transport.abort()


async def test_the_command_line_of_before_still_works_and_bounds_bodies(install: Install) -> None:
    installation = install()
    port = free_port()
    options = [option for option in UVICORN_OPTIONS if option not in {"--http", "streams.server:WebProtocol"}]
    assert len(options) == len(UVICORN_OPTIONS) - 2
    command = [str(BIN / "uvicorn"), "project.asgi:application", "--port", str(port), *options]
    web = installation._add("web", command, port, start=True, extra={})
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS) as client:
        assert (await client.get("/api/items/", headers=headers)).status_code == 200
        assert (await client.post("/healthz", content=b"x" * 70_000)).status_code == 413
    assert "--http streams.server:WebProtocol" in web.log()


@pytest.mark.slow(60)
@pytest.mark.waits
async def test_daphne_ends_what_is_silent_for_a_minute(install: Install) -> None:
    """Twisted's own deadline, which docs/security.md speaks of."""
    daphne = await asyncio.to_thread(install().daphne)
    halves = (b"", HEAD, HEAD + UPGRADE, POST + b"Content-Length: 10\r\n\r\nhalf")
    async with contextlib.AsyncExitStack() as stack:
        readers = [(await stack.enter_async_context(connected(daphne.port, half)))[0] for half in halves]
        async with asyncio.timeout(DAPHNE_S):
            said = await asyncio.gather(*(reader.read() for reader in readers))
    assert said == [b""] * len(halves)
