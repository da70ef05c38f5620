"""The proxy that tests cut: bytes pass, a cut resets, a freeze holds, and mending ends both."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from tests.support.proxy import Proxy
from tests.support.waiting import accepts_connections


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


async def exchange(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], data: bytes) -> bytes:
    stream[1].write(data)
    async with asyncio.timeout(30):
        return await stream[0].read(1000)


async def test_cut_freeze_and_mend() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with Proxy(f"127.0.0.1:{port}") as proxy:
        first = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await exchange(first, b"one") == b"one"
        proxy.freeze()
        first[1].write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first[0].read(1000), 0.2)
        proxy.mend()
        assert await asyncio.wait_for(first[0].read(1000), 30) == b"two"
        await asyncio.to_thread(proxy.cut)
        with pytest.raises(ConnectionResetError):
            await exchange(first, b"three")
        assert not accepts_connections(proxy.port)
        proxy.mend()
        second = await asyncio.open_connection("127.0.0.1", proxy.port)
        assert await exchange(second, b"four") == b"four"
        assert proxy.connections == 2
        first[1].close()
        second[1].close()
    server.close()


@pytest.mark.filterwarnings("error")
def test_whoever_comes_while_it_closes_is_closed_as_well() -> None:
    for _ in range(3):
        with Proxy("127.0.0.1:9") as proxy:
            callers = [socket.create_connection(("127.0.0.1", proxy.port)) for _ in range(40)]
        for caller in callers:
            caller.close()
        del proxy
        gc.collect()  # a transport that nobody closed says so now
