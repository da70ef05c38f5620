"""A TCP proxy between two parts of the product, which tests cut and mend."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests.support.serving import Connections, close, settled
from tests.support.waiting import free_port

CHUNK = 65_536  # bytes


class Proxy:
    """Listens on a port of its own and passes bytes to `target` ("host:port"), from a thread with its own event loop.

    cut(): ends all connections and refuses new ones. freeze(): keeps connections and passes nothing, as a dead network
    does. mend(): both are over. lose_answer(word): the next message to the target that has the word arrives there, and
    the connection ends instead of bringing its answer. With Kafka, let the broker advertise the proxy's address.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.target = (host, int(port))
        self.port = free_port()
        self.connections = 0  # accepted so far
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._serving = Connections(self._serve)
        self._passing = asyncio.Event()
        self._passing.set()
        self._losing = b""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()
        self._call(self._listen())

    def cut(self) -> None:
        self._call(self._cut())

    def freeze(self) -> None:
        self._loop.call_soon_threadsafe(self._passing.clear)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._passing.set)
        self._call(self._listen())

    def lose_answer(self, word: bytes) -> None:
        self._losing = word

    def close(self) -> None:
        self._call(self._cut())
        self._call(settled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, work: asyncio.Future[None] | object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]

    async def _listen(self) -> None:
        if self._server is None:
            self._serving = Connections(self._serve)
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, reuse_address=True)

    async def _cut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await close(server)
        for writer in list(self._open):
            with contextlib.suppress(OSError):  # SO_LINGER 0: a reset, not a polite end
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        await self._serving.end()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._server is not None:
            self._open.add(writer)
        self._serving.accept(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends, ways = [writer], list[asyncio.Task[None]]()
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            ends.append(far_writer)
            self._open.add(far_writer)
            lost = asyncio.Event()
            ways = [
                asyncio.create_task(self._pass(reader, far_writer, lost)),
                asyncio.create_task(self._bring(far_reader, writer, lost)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            pass  # nobody is there; neither are we
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                end.transport.abort()
            self._open.difference_update(ends)
            await asyncio.gather(*ways, *(end.wait_closed() for end in ends), return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                if self._losing and self._losing in data:
                    self._losing = b""
                    lost.set()
                writer.write(data)
                await writer.drain()

    async def _bring(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event) -> None:
        """What comes back, up to the answer that is to be lost."""
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await self._passing.wait()
                if lost.is_set():
                    return
                writer.write(data)
                await writer.drain()
