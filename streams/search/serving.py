"""Jobs of a web process, each over a socket of its own: what the process that goes through topics does all its life."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket

import orjson

from streams.kafka.scanning import Sources
from streams.search.jobs import HEAD, Ended, Job, Part
from streams.search.scan import Scan

log = logging.getLogger(__name__)

JOB_BYTES = 8 * 1024 * 1024  # of a job: two schemas of a topic's own, and what is small
SENT_BYTES = 512 * 1024  # that wait for the web process to take them, of one job


async def serve(control: socket.socket) -> None:
    """Takes jobs until the web process closes its end."""
    sources, ended = Sources(), asyncio.Event()
    jobs: set[asyncio.Task[None]] = set()

    def take() -> None:
        try:
            data, files, *_ = socket.recv_fds(control, 1, 1)
        except BlockingIOError:
            return
        if not data:
            ended.set()
            return
        for file in files:
            task = asyncio.create_task(_one(sources, socket.socket(fileno=file)))
            jobs.add(task)
            task.add_done_callback(jobs.discard)

    loop = asyncio.get_running_loop()
    control.setblocking(False)
    loop.add_reader(control, take)
    await ended.wait()
    loop.remove_reader(control)
    for task in jobs:
        task.cancel()
    await asyncio.gather(*jobs, return_exceptions=True)
    await sources.close()


async def _one(sources: Sources, connection: socket.socket) -> None:
    """One job. Ends early when the web process closes its socket."""
    reader, writer = await asyncio.open_unix_connection(sock=connection)
    try:
        size, _ = HEAD.unpack(await reader.readexactly(HEAD.size))
        if size > JOB_BYTES:
            return
        working = asyncio.create_task(_work(sources, await reader.readexactly(size), writer))
        listening = asyncio.create_task(reader.read(1))
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in (working, listening):
            task.cancel()
        await asyncio.gather(working, listening, return_exceptions=True)
    except (asyncio.IncompleteReadError, OSError):
        pass  # the web process wants it no more
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _work(sources: Sources, data: bytes, writer: asyncio.StreamWriter) -> None:
    job = Job.read(data)
    joint = b"," if job.output == "records" else b""
    writer.transport.set_write_buffer_limits(high=SENT_BYTES)

    async def tell(part: Part) -> None:
        found = joint.join([record.data for record in part.found])
        head = orjson.dumps([tuple(part.span), part.counts.told(), part.is_lost])
        writer.write(HEAD.pack(len(head), len(found)) + head + found)
        await writer.drain()

    try:
        ended = await Scan(sources, job, tell).run()
    except OSError:
        return  # the web process has gone
    except Exception:
        log.exception("A search of %s failed.", job.topic)
        ended = Ended("away", "The search failed; the reason was logged.")
    head = orjson.dumps(tuple(ended))
    writer.write(HEAD.pack(len(head), 0) + head)
    await writer.drain()
