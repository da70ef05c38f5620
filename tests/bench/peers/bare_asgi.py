"""The least that a fan-out through ASGI can do: a frame is made once a tick and sent to each socket, nothing else.

No sign-in, no acks, no positions, no slow readers: what uvicorn and the socket cost.

    python -m tests.bench.peers.bare_asgi     commands: `rate N`, `tick MS`
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from tests.bench.source import Source, steered

sends: set[Any] = set()
waiting: list[bytes] = []
tick_s = 0.05


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    sends.add(send)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        sends.discard(send)


async def deliver() -> None:
    while True:
        await asyncio.sleep(tick_s)
        if waiting:
            frame = {"type": "websocket.send", "text": (b"[" + b",".join(waiting) + b"]").decode()}
            waiting.clear()
            for send in list(sends):
                await send(frame)


async def main() -> None:
    source = Source(lambda _first, values: waiting.extend(values))

    def handle(words: list[str]) -> None:
        global tick_s
        if words[0] == "rate":
            source.set_rate(float(words[1]))
        else:
            tick_s = float(words[1]) / 1000

    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(
        application, ws="websockets-sansio", ws_per_message_deflate=False, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    steered(handle, listener.getsockname()[1])
    await asyncio.gather(serving, source.run(), deliver())


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
