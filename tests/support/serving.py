"""Servers that tests run in an event loop of their own, and their connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Connections:
    """For `asyncio.start_server(connections.accept, …)`. Holds the tasks: an event loop does so but weakly."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_over = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_over:  # the system had it before the server was closed
            writer.transport.abort()
            return
        task = asyncio.create_task(self._run(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer)

    async def end(self) -> None:
        """Cancels what serves them, and returns when it has ended. Who comes after that is sent away."""
        self._is_over = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def close(server: asyncio.Server) -> None:
    """Listens no more. asyncio loses a connection (its socket stays open) that it had accepted, but not yet made a
    transport of, when its server is closed; so these get their turn first."""
    for listening in server.sockets:
        server.get_loop().remove_reader(listening.fileno())
    for _ in range(3):
        await asyncio.sleep(0)
    server.close()


async def settled() -> None:
    """Returns when nothing else runs in this loop: connections that were just being accepted have been sent away, and
    those that were aborted are closed. To be asked before the loop is stopped."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)
    await asyncio.sleep(0)  # a transport closes its socket in the round after


@asynccontextmanager
async def started(application: Any, **options: Any) -> AsyncIterator[uvicorn.Server]:
    """An ASGI application in this loop's own uvicorn, at a free port. options: of uvicorn.Config, beside the usual."""
    config = uvicorn.Config(application, interface="asgi3", port=0, lifespan="off", log_config=None, **options)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield server
    finally:
        await server.shutdown()


def port_of(server: uvicorn.Server) -> int:
    """Where a server that was started listens."""
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port


@asynccontextmanager
async def served(
    ws: type[asyncio.Protocol], application: Any, http: type[asyncio.Protocol] = HttpToolsProtocol
) -> AsyncIterator[int]:
    """An application, with these classes for connections; gives its port."""
    async with started(application, http=http, ws=ws, ws_per_message_deflate=False) as server:
        yield port_of(server)
