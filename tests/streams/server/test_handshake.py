"""How a WebSocket opens: whatever a client sends, it is answered, and the application told, as uvicorn's own protocol
does it. And what comes before the answer arrives."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streams.server import LiveProtocol, WebProtocol, web
from streams.server.handshake import Headers, opening, opening_of
from streams.socket.sinks import EXTENSION
from tests.streams.server.test_live import CLOSE, WAIT_S, framed
from tests.support.serving import served

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
HOST = b"Host: a\r\n"
COMMON = HOST + UPGRADE + KEY + VERSION


def head(*lines: bytes, request: bytes = b"GET /ws/live/ HTTP/1.1\r\n") -> bytes:
    return request + b"".join(lines) + b"\r\n"


USUAL = {
    "bare": head(COMMON),
    "Chromium": head(
        HOST, b"Connection: Upgrade\r\nPragma: no-cache\r\n", b"User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n",
        b"Upgrade: websocket\r\nOrigin: http://a\r\n", VERSION, b"Accept-Language: de,en;q=0.5\r\n",
        b"Cookie: sessionid=abc; csrftoken=d\r\n", KEY,
        b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nSec-WebSocket-Protocol: a, b\r\n",
    ),
    "Firefox": head(HOST, b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", KEY, VERSION),
    "a proxy's": head(
        HOST, b"connection: upgrade\r\nupgrade: WebSocket\r\n", b"X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n", KEY, VERSION
    ),
    "a token": head(COMMON, b"Authorization: Bearer sb_x\r\nSec-WebSocket-Protocol: a\r\n"),
    "path and query": head(COMMON, request=b"GET /ws/l%C3%BCve/?a=%20&b=c?d HTTP/1.1\r\n"),
    "two of a kind": head(COMMON, b"X-A: 1\r\nX-A: 2\r\nX-Empty: \r\nX-Blanks: \t b\tc \r\nX-Latin: \xe4\r\n"),
}  # fmt: skip
UNUSUAL = {
    "no key": head(HOST, UPGRADE, VERSION),
    "a short key": head(HOST, UPGRADE, b"Sec-WebSocket-Key: dGhlIA==\r\n", VERSION),
    "a key that is none": head(HOST, UPGRADE, b"Sec-WebSocket-Key: ????????????????????????\r\n", VERSION),
    "two keys": head(COMMON, KEY),
    "no version": head(HOST, UPGRADE, KEY),
    "an old version": head(HOST, UPGRADE, KEY, b"Sec-WebSocket-Version: 8\r\n"),
    "two origins": head(COMMON, b"Origin: http://a\r\nOrigin: http://b\r\n"),
    "two empty origins": head(COMMON, b"Origin: \r\nOrigin: \r\n"),
    "an empty protocol": head(COMMON, b"Sec-WebSocket-Protocol: a,,b\r\n"),
    "a protocol that is none": head(COMMON, b"Sec-WebSocket-Protocol: a b\r\n"),
    "protocols in two lines": head(COMMON, b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n"),
    "more to connect than is known": head(HOST, b"Upgrade: websocket\r\nConnection: Upgrade, foo\r\n", KEY, VERSION),
    "POST": head(COMMON, request=b"POST /ws/live/ HTTP/1.1\r\n"),
}
HOPELESS = {
    "many headers": (head(COMMON, *(b"X-%d: 1\r\n" % number for number in range(130))), b" 431 "),
    "a long line": (head(COMMON, b"X-Long: " + b"x" * 9_000 + b"\r\n"), b" 431 "),
    "a body": (head(COMMON, b"Content-Length: 3\r\n"), b""),
}


class Application:
    """Waits until it `may_answer`; accepts, or refuses, and keeps what it is told."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []
        self.received: list[dict[str, Any]] = []
        self.accepts = True
        self.failure: BaseException | None = None
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.ended = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})
            return
        scope = dict(scope)
        scope["extensions"] = {name: value for name, value in scope["extensions"].items() if name != EXTENSION}
        self.scopes.append({name: value for name, value in scope.items() if name not in ("client", "server")})
        self.asked.set()
        assert (await receive())["type"] == "websocket.connect"
        await self.may_answer.wait()
        try:
            if not self.accepts:
                await send({"type": "websocket.close"})
                return
            headers = [(b"X-Told", b"\xe4"), (b"Set-Cookie", b"a=b")]
            protocol = next(iter(scope["subprotocols"]), None)
            await send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
            while (message := await receive())["type"] != "websocket.disconnect":
                self.received.append(message)
                await send({"type": "websocket.send", "text": "heard"})
        except BaseException as error:
            self.failure = error
            raise
        finally:
            self.ended.set()


async def answered(
    ws: type[asyncio.Protocol], sent: bytes, *, accepts: bool = True, http: type[asyncio.Protocol] = HttpToolsProtocol
) -> tuple[object, ...]:
    """The status line, the headers and what follows, each as far as it is no time of day; and what the application was
    told of it."""
    application = Application()
    application.accepts = accepts
    async with served(ws, application, http) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        status, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        if b" 101 " in status:
            writer.write(framed(b"\x03\xe8", CLOSE))
        rest = await reader.read()
        writer.close()
    parts = [line.partition(b": ") for line in lines]
    headers = sorted((name.lower(), value) for name, _, value in parts if name.lower() != b"date")
    return status, headers, rest, application.scopes


@pytest.mark.parametrize("name", [*USUAL, *UNUSUAL])
@pytest.mark.parametrize("http", [HttpToolsProtocol, WebProtocol])
async def test_every_opening_is_answered_and_told_as_uvicorn_does_it(name: str, http: type[asyncio.Protocol]) -> None:
    sent = (USUAL | UNUSUAL)[name]
    assert await answered(LiveProtocol, sent, http=http) == await answered(WebSocketsSansIOProtocol, sent)


@pytest.mark.parametrize("name", HOPELESS)
@pytest.mark.parametrize("http", [HttpToolsProtocol, WebProtocol])
async def test_one_that_cannot_be_understood_ends_the_connection(name: str, http: type[asyncio.Protocol]) -> None:
    sent, answer = HOPELESS[name]
    application = Application()
    async with served(LiveProtocol, application, http) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert answer in (await reader.read()).partition(b"\r\n")[0]
        writer.close()
    assert application.scopes == []


async def test_a_refusal_is_answered_as_uvicorn_does_it() -> None:
    ours, theirs = [await answered(ws, USUAL["bare"], accepts=False) for ws in (LiveProtocol, WebSocketsSansIOProtocol)]
    assert ours == theirs
    assert b" 403 " in ours[0]  # type: ignore[operator]


def lower(sent: bytes) -> bytes:
    """As uvicorn hands it over, with names in lower case."""
    lines = [line.partition(b": ") for line in sent.split(b"\r\n")]
    return b"\r\n".join([b"".join(lines[0]), *(name.lower() + colon + rest for name, colon, rest in lines[1:])])


def test_usual_ones_take_the_short_way_and_all_others_the_general_one() -> None:
    assert {name for name, sent in USUAL.items() if opening(lower(sent)) is None} == set()
    unusual = UNUSUAL | {name: sent for name, (sent, _) in HOPELESS.items()}
    assert {name for name, sent in unusual.items() if opening(lower(sent)) is not None} == set()
    assert opening(lower(USUAL["bare"])[:-1]) is None
    assert opening(lower(USUAL["bare"]) + b"x") is None


def test_names_are_understood_in_any_case() -> None:
    for sent in [*USUAL.values(), *UNUSUAL.values(), *(sent for sent, _ in HOPELESS.values())]:
        assert opening(sent) == opening(lower(sent)), sent
    assert opening(USUAL["bare"].replace(b"GET /", b"GET ")) is None
    assert opening(USUAL["bare"].replace(b"GET /", b"GET /{}")) is None


async def test_a_usual_opening_alone_needs_no_parser_and_is_refused_where_there_is_no_room() -> None:
    begun, came = list[bytes](), list[bytes]()

    class Watched(WebProtocol):
        def data_received(self, data: bytes) -> None:
            came.append(data)
            super().data_received(data)

        def on_message_begin(self) -> None:
            begun.append(b"a request")
            super().on_message_begin()

    async def status_of(*pieces: bytes) -> bytes:
        begun.clear()
        came.clear()
        async with served(LiveProtocol, Application(), Watched) as port, asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number, piece in enumerate(pieces, 1):
                writer.write(piece)
                while len(came) < number:
                    await asyncio.sleep(0.01)
            status = await reader.readline()
            writer.close()
        return status

    usual = USUAL["Chromium"]
    assert b" 101 " in await status_of(usual)
    assert not begun
    with mock.patch.object(web, "most_connections", return_value=0):
        assert b" 503 " in await status_of(usual)
    assert b" 101 " in await status_of(usual[:50], usual[50:])
    assert begun


def test_a_head_that_was_taken_apart_already_asks_for_the_same() -> None:
    def apart(sent: bytes) -> tuple[bytes, Headers]:
        request, *lines = sent.split(b"\r\n")[:-2]
        parts = [line.partition(b": ") for line in lines]
        return request.split(b" ")[1], [(name.lower(), value) for name, _, value in parts]

    heads = [*USUAL.values(), *UNUSUAL.values(), *(sent for sent, _ in HOPELESS.values())]
    for sent in heads:
        if sent.startswith(b"GET"):
            assert opening_of(*apart(sent)) == opening(lower(sent)), sent
    target, headers = apart(USUAL["bare"])
    assert opening_of(target, headers) is not None
    assert opening_of(target + b"\xfc", headers) is None
    assert opening_of(target, [*headers, (b"x-folded", b"a\r\n b")]) is None


@pytest.mark.parametrize("http", [HttpToolsProtocol, WebProtocol])
async def test_what_a_client_says_before_it_is_answered_arrives_afterwards(http: type[asyncio.Protocol]) -> None:
    application = Application()
    application.may_answer.clear()
    async with served(LiveProtocol, application, http) as port, asyncio.timeout(WAIT_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(USUAL["bare"])
        await application.asked.wait()
        said = framed(b"hasty") + framed(b"and more")
        for part in (said[:3], said[3:12], said[12:]):
            writer.write(part)
            await asyncio.sleep(0.01)
        application.may_answer.set()
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        for _ in range(2):
            assert await reader.readexactly(7) == b"\x81\x05heard"
        writer.close()
        await application.ended.wait()
    assert [message["text"] for message in application.received] == ["hasty", "and more"]


async def test_one_that_leaves_before_it_is_answered_ends_the_application() -> None:
    application = Application()
    application.may_answer.clear()
    left = asyncio.Event()
    lose = LiveProtocol.connection_lost

    def lost(self: LiveProtocol, exc: Exception | None) -> None:
        lose(self, exc)
        left.set()

    watched = mock.patch.object(LiveProtocol, "connection_lost", lost)
    async with served(LiveProtocol, application) as port, asyncio.timeout(WAIT_S):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(USUAL["bare"])
        await application.asked.wait()
        with watched:
            writer.transport.abort()
            await left.wait()
        application.may_answer.set()
        await application.ended.wait()
    assert isinstance(application.failure, ClientDisconnected)
    assert application.received == []
