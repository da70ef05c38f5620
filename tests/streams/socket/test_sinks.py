"""The ASGI sink, over a `send()` that waits when it is told to, as a server's does for a slow client."""

from __future__ import annotations

import asyncio
from typing import Any

from streams.hub.sink import BACKLOG_BYTES
from streams.socket.sinks import AsgiSink
from streams.wire.frames import Frame


class Server:
    """An ASGI server's side of one connection. room: clear, and `send()` waits."""

    def __init__(self) -> None:
        self.room = asyncio.Event()
        self.room.set()
        self.sent: list[dict[str, Any]] = []
        self.gone = self.abandoned = False
        self.tasks: list[asyncio.Task[None]] = []
        self.told: list[bool] = []
        self.sink = AsgiSink(self.send, self.start, self.abandon)
        self.sink.on_full = self.told.append

    async def send(self, message: dict[str, Any]) -> None:
        await self.room.wait()
        if self.gone:
            raise OSError("The client has gone.")
        self.sent.append(message)

    def start(self, coroutine: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self.tasks.append(task)
        return task

    def abandon(self) -> None:
        self.abandoned = True

    def write(self, *texts: str) -> None:
        for text in texts:
            self.sink.write(Frame(text.encode()))

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    async def ended(self) -> None:
        async with asyncio.timeout(30):
            await asyncio.gather(*self.tasks)


async def test_what_a_server_takes_at_once_needs_no_task() -> None:
    server = Server()
    server.write("1", "2", "3")
    assert server.texts == ["1", "2", "3"]
    assert not server.tasks
    assert server.sink.backlog() == 0


async def test_what_comes_while_one_waits_follows_it_in_order_and_is_counted() -> None:
    server = Server()
    server.write("1")
    server.room.clear()
    server.write("2", "3", "4")
    assert server.sink.backlog() == 3
    assert server.texts == ["1"]
    server.room.set()
    await server.ended()
    server.write("5")
    assert server.texts == ["1", "2", "3", "4", "5"]
    assert server.sink.backlog() == 0


async def test_it_says_that_it_is_full_and_when_that_is_over() -> None:
    server = Server()
    server.room.clear()
    server.write("1", "x" * BACKLOG_BYTES)
    assert (server.sink.is_full, server.told) == (True, [True])
    server.room.set()
    await server.ended()
    assert (server.sink.is_full, server.told) == (False, [True, False])


async def test_a_close_comes_after_what_was_written() -> None:
    server = Server()
    server.room.clear()
    server.write("1", "2")
    server.sink.close(4008)
    server.room.set()
    await server.ended()
    assert [message["type"] for message in server.sent] == ["websocket.send", "websocket.send", "websocket.close"]
    assert server.sent[-1]["code"] == 4008
    assert not server.abandoned


async def test_a_client_that_goes_while_something_waits_ends_it_quietly() -> None:
    server = Server()
    server.room.clear()
    server.write("1", "2")
    server.gone = True
    server.room.set()
    await server.ended()
    server.write("3")
    server.sink.close(4001)
    assert not server.sent
    assert all(task.done() for task in server.tasks)


async def test_a_cancelled_wait_ends_inside_the_server_too() -> None:
    server = Server()
    server.room.clear()
    server.write("1")
    (task,) = server.tasks
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert not server.room._waiters  # the coroutine was not left hanging
