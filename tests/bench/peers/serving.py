"""How the HTTP peers are served: uvicorn with the product's options, in one process, on a free port."""

from __future__ import annotations

import socket
from typing import Any

import uvicorn

from tests.bench.source import steered


def serve(application: Any, lifespan: str = "on") -> None:
    """Serves until standard input ends; says the port first."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    config = uvicorn.Config(application, loop="uvloop", http="httptools", lifespan=lifespan, log_level="warning")

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            steered(lambda _words: None, listener.getsockname()[1])

    Server(config).run(sockets=[listener])
