"""The process that goes through topics, from the side of the web process: started when it is first needed, ended when
nobody needed it for a while, and followed by a new one when it was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncGenerator
from typing import NamedTuple

import orjson
from django.conf import settings

from streams import metrics
from streams.kafka import embedded
from streams.search.jobs import HEAD, Counts, Ended, Job
from streams.search.spans import Span

log = logging.getLogger(__name__)

IDLE_S = 60.0  # without a job
SILENCE_S = 30.0  # that a job may say nothing; what waits for Kafka there gives up sooner
STOP_S = 3.0  # for its end
READ_BYTES = 512 * 1024  # of a job that are read ahead


class Lost(Exception):
    """The process ended, or says nothing, while it had a job."""


class Told(NamedTuple):
    """A span that was looked at, with what was found in it, joined as the job's output wants it."""

    span: Span
    found: bytes
    counts: Counts
    is_lost: bool


class WorkerProcess:
    """One per web process, in its event loop. pid: of the process, None while there is none."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._jobs = 0
        self._was_lost = self._is_closed = False
        self._idle: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int | None:
        """The process's, None while there is none."""
        return None if self._process is None or self._process.returncode is not None else self._process.pid

    async def work(self, job: Job) -> AsyncGenerator[Told | Ended, None]:
        """What is told of a job, and its end as the last. Raises Lost.

        Whoever does not read to the end closes the iterator; then the job ends.
        """
        self._jobs += 1
        if self._idle is not None:
            self._idle.cancel()
        process: asyncio.subprocess.Process | None = None
        try:
            reader, writer = await self._begin(job)
            process = self._process
            try:
                async with contextlib.aclosing(_told(reader)) as told:
                    async for each in told:
                        yield each
            finally:
                writer.transport.abort()
        except Lost:
            self._was_lost |= self._process is process  # else a new one is there already
            raise
        finally:
            self._jobs -= 1
            if self._jobs == 0:
                self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end)

    async def close(self) -> None:
        """Ends the process; whoever has a job there, or wants one, is told that it is lost."""
        self._is_closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _begin(self, job: Job) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Hands the job to the process. Raises Lost."""
        ours, theirs = socket.socketpair()
        try:
            async with self._starting:
                control = await self._ready()
                try:
                    socket.send_fds(control, [b"j"], [theirs.fileno()])
                except OSError as error:  # it has just ended, or does not take jobs
                    self._end(now=True)
                    raise Lost from error
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=READ_BYTES)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        data = job.written()
        writer.write(HEAD.pack(len(data), 0) + data)
        return reader, writer

    async def _ready(self) -> socket.socket:
        """The way to the process, which is started when there is none. Raises Lost."""
        if self._is_closed:
            raise Lost
        if self._control is not None and self.pid is not None and not self._was_lost:
            return self._control
        if self._was_lost:
            metrics.SEARCH_WORKER_RESTARTS.inc()
            log.warning("The process that searches was lost, and is started again.")
        self._end(now=self._was_lost)
        self._was_lost = False
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        address = [] if settings.KAFKA_BOOTSTRAP_SERVERS else [embedded.address() or ""]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "streams.search.worker", str(theirs.fileno()), *address),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=settings.BASE_DIR,
                pass_fds=[theirs.fileno()],
            )
        except OSError as error:
            ours.close()
            log.exception("The process that searches did not start.")
            raise Lost from error
        finally:
            theirs.close()
        self._control = ours
        return ours

    def _end(self, *, now: bool = False) -> None:
        """Ends the process, politely unless `now`; its end is waited for by a task."""
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if process is not None:
            ending = asyncio.create_task(_ended(process, now=now))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


async def _ended(process: asyncio.subprocess.Process, *, now: bool) -> None:
    if not now:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.wait()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _told(reader: asyncio.StreamReader) -> AsyncGenerator[Told | Ended, None]:
    """What comes over a job's socket, up to the end. Raises Lost."""
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                head_size, size = HEAD.unpack(await reader.readexactly(HEAD.size))
                head = orjson.loads(await reader.readexactly(head_size))
                found = await reader.readexactly(size) if size else b""
        except (asyncio.IncompleteReadError, OSError) as error:  # a TimeoutError is one, too
            raise Lost from error
        if isinstance(head[0], str):
            yield Ended(*head)
            return
        span, counts, is_lost = head
        yield Told(Span(*span), found, Counts(**counts), is_lost)
