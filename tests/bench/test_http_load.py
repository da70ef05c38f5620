"""The HTTP load client: what it sends, and which answers it counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httptools

from tests.bench import http_load

Respond = Callable[["Request"], bytes]


@dataclass
class Request:
    method: bytes
    path: str
    headers: dict[bytes, bytes]
    body: bytes
    connection: int


class Server(asyncio.Protocol):
    """Answers each request with what `respond` returns; b"": it closes the connection instead."""

    def __init__(self, respond: Respond, seen: list[Request], number: int) -> None:
        self.respond, self.seen, self.number = respond, seen, number
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.path, self.headers, self.body = "", dict[bytes, bytes](), b""

    def on_url(self, url: bytes) -> None:
        self.path = url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        request = Request(self.parser.get_method(), self.path, self.headers, self.body, self.number)
        self.seen.append(request)
        answer = self.respond(request)
        if answer:
            self.transport.write(answer)
        else:
            self.transport.close()


@contextlib.asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[tuple[int, list[Request]]]:
    """The port of a server, and the requests it has seen."""
    seen: list[Request] = []
    made: list[Server] = []

    def connected() -> Server:
        made.append(Server(respond, seen, len(made)))
        return made[-1]

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], seen
    finally:
        server.close()
        await server.wait_closed()


def answer(status: int, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Text", "Content-Length: 2", *headers, "", "{}"]).encode()


async def load(port: int, kind: str, **options: Any) -> dict[str, Any]:
    command = {"kind": kind, "port": port, "path": "/api/items/", "connections": 4, "warm": 0.05, "seconds": 0.2}
    return await http_load.load({**command, **options})


async def test_good_answers_are_the_rate_and_others_are_told_by_their_status() -> None:
    turns = iter([201, 503] * 1_000_000)

    async with serving(lambda _: answer(next(turns))) as (port, _seen):
        report = await load(port, "create")

    assert report["rate"] > 0
    assert set(report["bad"]) == {"503"}
    assert abs(report["bad"]["503"] - report["rate"] * 0.2) < 5  # one of two was refused
    assert 0 < report["p50"] <= report["p99"]


async def test_a_redirect_is_no_good_answer() -> None:
    async with serving(lambda _: answer(302, "Location: /accounts/login/")) as (port, _seen):
        report = await load(port, "get")

    assert report["rate"] == 0
    assert set(report["bad"]) == {"302"}


async def test_what_is_refused_before_the_time_that_counts_is_not_counted() -> None:
    loop = asyncio.get_running_loop()
    refuses_until = loop.time() + 0.5

    async with serving(lambda _: answer(503 if loop.time() < refuses_until else 200)) as (port, _seen):
        report = await load(port, "get", warm=1.0)

    assert report["bad"] == {}
    assert report["rate"] > 0


async def test_no_two_items_have_the_same_sku_or_key_and_headers_are_sent() -> None:
    async with serving(lambda _: answer(201)) as (port, seen):
        await load(port, "create once", headers={"Authorization": "Bearer secret"})
        await load(port, "create once", headers={"Authorization": "Bearer secret"})

    skus = [json.loads(request.body)["sku"] for request in seen]
    keys = [request.headers[b"idempotency-key"] for request in seen]
    assert len(set(skus)) == len(skus) > 8
    assert len(set(keys)) == len(keys)
    assert {request.headers[b"authorization"] for request in seen} == {b"Bearer secret"}
    assert {request.method for request in seen} == {b"POST"}


async def test_a_change_names_the_version_that_its_own_connection_read_last() -> None:
    versions: dict[int, int] = {}

    def respond(request: Request) -> bytes:
        number = request.connection
        if request.method == b"PATCH" and request.headers[b"if-match"] != b'"%d"' % versions[number]:
            return answer(412)
        versions[number] = versions.get(number, 0) + 1
        return answer(200, f'ETag: "{versions[number]}"', f"Location: /api/items/{number}")

    async with serving(respond) as (port, seen):
        report = await load(port, "change")

    changes = [request for request in seen if request.method == b"PATCH"]
    assert report["bad"] == {}
    assert len(changes) > 8
    assert {request.path for request in changes} == {f"/api/items/{number}" for number in range(4)}
    assert len({request.body for request in changes}) == len(changes)  # each of them changes something


async def test_a_connection_that_ends_without_an_answer_is_told_and_made_again() -> None:
    turns = iter([200, 200, 0] * 1_000_000)

    async with serving(lambda _: answer(status) if (status := next(turns)) else b"") as (port, seen):
        report = await load(port, "get")

    assert set(report["bad"]) == {"connection lost"}
    assert report["rate"] > 0
    assert max(request.connection for request in seen) > 4


async def test_a_server_that_nobody_reaches_is_told() -> None:
    async with serving(lambda _: answer(200)) as (port, _seen):
        pass

    report = await load(port, "get")

    assert report["rate"] == 0
    assert [what for what in report["bad"] if what.startswith("not connected")]
