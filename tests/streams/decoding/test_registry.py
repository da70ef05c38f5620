"""The schema registry as it is asked: once for each schema, remembered, and never waited for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from streams.decoding import registry as asked
from streams.decoding.schemas import Schema
from tests.support import services
from tests.support.serving import Connections, close

AVRO = '{"type": "record", "name": "shop.Order", "fields": [{"name": "n", "type": "long"}]}'
MONEY = 'syntax = "proto3"; package other; message Money { int64 units = 1; }'
PROTO = 'syntax = "proto3"; import "other/money.proto"; message Order { other.Money money = 1; }'

Answer = Callable[[str], Awaitable[tuple[int, bytes]] | tuple[int, bytes]]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still is no registry that does not answer, nor has it been left alone for long."""
    for name in ("WAIT_S", "LEARN_S", "AWAY_S"):
        monkeypatch.setattr(asked, name, 60.0)


class Odd:
    """A registry that answers as a test wants it to. asked: the paths, in order."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split()[1].decode()
                self.asked.append(path)
                found = self.answer(path)
                status, body = await found if isinstance(found, Awaitable) else found
                writer.write(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def odd(answer: Answer) -> AsyncIterator[tuple[asked.Registry, Odd]]:
    """What asks, and the one that is asked."""
    server = Odd(answer)
    connections = Connections(server.serve)
    listening = await asyncio.start_server(connections.accept, "127.0.0.1", 0)
    client = asked.Registry(asked.Access(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/api"))
    try:
        yield client, server
    finally:
        await client.close()
        await close(listening)
        await connections.end()
        await asyncio.sleep(0)  # a transport closes its socket in the round after


@asynccontextmanager
async def asking(url: str, **account: str) -> AsyncIterator[asked.Registry]:
    client = asked.Registry(asked.Access(url, **account))
    try:
        yield client
    finally:
        await client.close()


def schema(client: asked.Registry, schema_id: Any) -> Schema:
    found = client.known(schema_id)
    assert isinstance(found, Schema), found
    return found


def json(value: Any) -> tuple[int, bytes]:
    return 200, orjson.dumps(value)


# The real one -----------------------------------------------------------------------------------------------------


async def test_a_schema_is_had_by_its_id_with_its_subject_and_version(registry: services.Registry) -> None:
    number = registry.register("orders-value", AVRO)
    async with asking(registry.url) as client:
        assert client.known(number) is None
        await client.learn([number])
        found = schema(client, number)
        assert found.decode(b"\x0e") == ((b'{"n":7}', ""), "shop.Order")
        assert orjson.loads(found.told("shop.Order", "orders")) == {
            "id": number, "subject": "orders-value", "version": 1, "name": "shop.Order",
        }  # fmt: skip


async def test_a_schema_is_had_by_its_guid(registry: services.Registry) -> None:
    number = registry.register("by-guid-value", AVRO)
    async with httpx.AsyncClient(trust_env=False, timeout=services.CALL_SECONDS) as plain:
        guid = (await plain.get(f"{registry.url}/subjects/by-guid-value/versions/1")).json()["guid"]
    async with asking(registry.url) as client:
        await client.learn([UUID(guid), number])
        assert schema(client, UUID(guid)).decode(b"\x0e")[0].json == b'{"n":7}'


async def test_what_a_schema_names_is_fetched_with_it(registry: services.Registry) -> None:
    registry.register("money", MONEY, "PROTOBUF")
    proto = registry.register("proto-value", PROTO, "PROTOBUF", [("other/money.proto", "money")])
    registry.register("inner", '{"type": "record", "name": "a.Inner", "fields": [{"name": "n", "type": "int"}]}')
    registry.register(
        "middle", '{"type": "record", "name": "a.Middle", "fields": [{"name": "i", "type": "a.Inner"}]}',
        references=[("a.Inner", "inner")],
    )  # fmt: skip
    outer = registry.register(
        "outer", '{"type": "record", "name": "a.Outer", "fields": [{"name": "m", "type": "a.Middle"}]}',
        references=[("a.Middle", "middle")],
    )  # fmt: skip
    async with asking(registry.url) as client:
        await client.learn([proto, outer])
        assert schema(client, proto).decode(b"\x00\x0a\x02\x08\x05")[0].json == b'{"money":{"units":5}}'
        assert schema(client, outer).decode(b"\x0e")[0].json == b'{"m":{"i":{"n":7}}}'


async def test_what_it_does_not_have_is_said(registry: services.Registry) -> None:
    async with asking(registry.url) as client:
        await client.learn([999_999])
        assert client.known(999_999) == "Schema 999999 is unknown to the registry."
        assert await client.check() is None


async def test_it_is_asked_with_the_account(registry: services.Registry) -> None:
    guarded = services.Registry()
    guarded.authorization = "Bearer secret"
    guarded.start()
    try:
        number = guarded.register("guarded-value", AVRO)
        async with asking(guarded.url, token="secret") as client:
            await client.learn([number])
            assert schema(client, number).kind == "avro"
        async with asking(guarded.url, username="ada", password="x") as client:
            await client.learn([number])
            assert "does not let us in (403)" in str(client.known(number))
        async with asking(guarded.url) as client:
            await client.learn([number])
            assert "does not let us in (401)" in str(client.known(number))
    finally:
        guarded.close()


# Odd ones ---------------------------------------------------------------------------------------------------------


async def test_a_hundred_who_want_a_schema_ask_once_for_it() -> None:
    async with odd(lambda path: json([]) if path.endswith("versions") else json({"schema": AVRO})) as (client, server):
        await asyncio.gather(*(client.learn([1]) for _ in range(100)))
        await client.learn([1])
        assert schema(client, 1).kind == "avro"
        assert server.asked == ["/api/schemas/ids/1", "/api/schemas/ids/1/versions"]


async def test_what_it_does_not_have_is_not_asked_for_again_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with odd(lambda _: (404, b"")) as (client, server):
        await client.learn([1])
        await client.learn([1])
        assert server.asked == ["/api/schemas/ids/1"]
        monkeypatch.setattr("streams.decoding.registry.time.monotonic", lambda: 1e12)
        assert client.known(1) is None


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>Sign in</html>", "not JSON"),
        (200, b"[]", "no schema"),
        (200, b"{}", "no schema"),
        (302, b"", "answers 302"),
        (500, b"oh", "answers 500"),
        (401, b"", "does not let us in (401)"),
    ],
)
async def test_an_answer_that_is_none_leaves_it_alone_for_a_while(status: int, body: bytes, said: str) -> None:
    async with odd(lambda _: (status, body)) as (client, server):
        await client.learn([1])
        assert said in str(client.known(1))
        assert "is away since" in str(client.known(2))
        await client.learn([2, 3])
        assert len(server.asked) == 1


async def test_a_slow_one_holds_nobody_longer_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: str) -> tuple[int, bytes]:
        await asyncio.sleep(60)
        return 200, b""

    monkeypatch.setattr(asked, "WAIT_S", 0.05)
    async with odd(never) as (client, _):
        async with asyncio.timeout(30):
            await client.learn([1])
            while client.known(1) is None:
                await client.learn([1])
        assert "does not answer within" in str(client.known(1))
        assert str(await client.check()).startswith("down since")


async def test_it_is_used_again_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    down = True
    async with odd(
        lambda path: (503, b"") if down else json([] if "types" in path or "versions" in path else {"schema": AVRO})
    ) as (client, _):
        await client.learn([1])
        assert "away" in str(client.known(1))
        down = False
        assert await client.check() is None
        await client.learn([1])
        assert schema(client, 1).kind == "avro"


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"ids/1": {"schema": "{" * 9}}, "Schema 1 cannot be used. Its Avro schema is none."),
        ({"ids/1": {"schema": "x" * (asked.BODY + 1)}}, "larger than"),
        ({"ids/1": {"schema": AVRO, "schemaType": "THRIFT"}}, "none of Avro"),
        ({"ids/1": {"schema": AVRO, "references": [{"name": "a"}]}}, "nobody can follow"),
        (
            {"ids/1": {"schema": AVRO, "references": [{"name": "a", "subject": "s/t", "version": 3}]}},
            "refers to s/t 3, which",
        ),
        (
            {
                "ids/1": {"schema": AVRO, "references": [{"name": "a", "subject": "s", "version": 1}]},
                "subjects/s/versions/1": {"schema": AVRO, "references": [{"name": "a", "subject": "s", "version": 1}]},
            },
            "refers to itself, by way of s 1",
        ),
    ],
)
async def test_a_schema_that_cannot_be_used_says_why(answers: dict[str, Any], said: str) -> None:
    def answer(path: str) -> tuple[int, bytes]:
        found = [value for end, value in answers.items() if path.endswith(end)]
        return json(found[0]) if found else (404, b"")

    async with odd(answer) as (client, _):
        await client.learn([1])
        assert said in str(client.known(1))
        assert client.known(2) is None  # the registry itself is well


async def test_only_so_many_schemas_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "SCHEMAS", 3)
    async with odd(lambda path: json([]) if path.endswith("versions") else json({"schema": AVRO})) as (client, _):
        for number in range(5):
            await client.learn([number])
        assert [isinstance(client.known(number), Schema) for number in range(5)] == [False, False, True, True, True]
