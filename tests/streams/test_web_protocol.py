"""Our protocol class for HTTP, where what uvicorn does by itself would leave an application without an answer."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn

from streams.server import WebProtocol

WAIT_S = 30
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

    config = uvicorn.Config(
        application, interface="asgi3", port=0, http=WebProtocol, ws="none", lifespan="off", log_config=None,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        async with asyncio.timeout(WAIT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST % 1)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
            writer.write(REQUEST % 2)
            [connection] = server.server_state.connections
            while not connection.pipeline:  # type: ignore[union-attr]  # ours has one
                await asyncio.sleep(0.01)
            connection.transport.abort()
            await is_answered.wait()
            writer.close()
    finally:
        await server.shutdown()
    assert told == ["/1 http.disconnect"]
