"""The consumer behind our own protocol class: what a client says is heard, in its order, whenever it says it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

from streams.hub import current
from streams.hub.hub import Hub
from streams.hub.rights_watch import RightsWatch
from streams.rights.credentials import Credentials, Known
from streams.server import LiveProtocol
from streams.socket import admission, routing
from streams.socket.sinks import EXTENSION
from tests.streams.server.test_live import WAIT_S, framed
from tests.support.readers import opened
from tests.support.serving import served as serve
from tests.support.waiting import until

OPENING = (
    b"GET /ws/live/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamboard.v1\r\n\r\n"
)


class Served:
    """One client of a consumer. may_enter: cleared, and nobody is let in. received: what `receive()` gave it."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.history, self.rights = hub, hub.history, RightsWatch(hub)
        self.may_enter = asyncio.Event()
        self.received: list[str] = []
        self.protocols: list[LiveProtocol] = []
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    def is_connecting(self) -> bool:
        return False

    async def admit(self, scope: Any) -> Known:
        await self.may_enter.wait()
        return Known("ada", Credentials(1), {"t": "t"})

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        async def noted() -> Any:
            message = await receive()
            self.received.append(message["type"])
            return message

        self.protocols.append(scope["extensions"][EXTENSION]["protocol"])
        await routing.application(scope, noted, send)

    def ask(self, *numbers: int) -> None:
        """Each of these has no `start`, so that the answer is an error, at once."""
        asked = [json.dumps({"type": "subscribe", "id": number, "topic": "t"}).encode() for number in numbers]
        self.writer.write(b"".join(map(framed, asked)))

    async def frame(self) -> dict[str, Any]:
        _, size = await self.reader.readexactly(2)
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        frame: dict[str, Any] = json.loads(await self.reader.readexactly(size))
        return frame

    async def frames(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The next so many of a type; others are passed over."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_S):
            while len(found) < count:
                frame = await self.frame()
                found += [frame] if frame["type"] == kind else []
        return found


@asynccontextmanager
async def connected() -> AsyncIterator[Served]:
    hub, _ = await opened({0: 10})
    served = Served(hub)
    try:
        async with serve(LiveProtocol, served.application) as port:
            current.put(served)
            with mock.patch.object(admission, "admit", served.admit):
                served.reader, served.writer = await asyncio.open_connection("127.0.0.1", port)
                served.writer.write(OPENING)
                async with asyncio.timeout(WAIT_S):
                    assert b" 101 " in await served.reader.readuntil(b"\r\n\r\n")
                yield served
                served.writer.close()
                await until(lambda: not hub.connections, "it left")
    finally:
        current.put(None)
        await hub.close()


async def test_what_a_client_says_before_its_welcome_and_behind_it_is_answered_in_order() -> None:
    async with connected() as served:
        served.ask(1, 2)
        await until(lambda: not served.protocols[0].queue.empty(), "the hasty ones are here")
        served.ask(3)
        served.may_enter.set()
        await served.frames("welcome", 1)
        served.ask(4, 5)
        assert [error["id"] for error in await served.frames("error", 5)] == [1, 2, 3, 4, 5]


async def test_who_waits_for_the_welcome_is_heard_without_a_queue_and_a_task_from_the_first_word_on() -> None:
    async with connected() as served:
        served.may_enter.set()
        [welcome] = await served.frames("welcome", 1)
        await served.frames("heartbeat", 1)
        assert (welcome["user"], welcome["topics"]) == ("ada", [{"name": "t", "label": "t"}])
        served.ask(1, 2)
        assert [error["id"] for error in await served.frames("error", 2)] == [1, 2]
        assert served.received == ["websocket.connect"]
