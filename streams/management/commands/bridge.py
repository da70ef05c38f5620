"""`manage.py bridge`: the bridge between outbox, Kafka and the web processes, or one half of it, as its own process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from argparse import ArgumentTypeError
from collections.abc import Iterator
from functools import partial
from typing import Any

import uvicorn
import uvloop
from aiokafka.errors import KafkaError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import OperationalError
from redis.exceptions import RedisError

from streams.health.neighbours import KafkaCheck
from streams.health.probes import bridge_app
from streams.outbox import relay
from streams.processes.bridge import fan_out_once, run_bridge
from streams.runtime import interpreter
from streams.runtime.away import Unavailable
from streams.runtime.database import ask_database
from streams.runtime.digits import whole_number

FINISH_S = 8.0  # for the batch under way, after the first stop signal; below the 10 s of container engines
HEALTH_STOP_S = 2.0  # for the health server to end

# What one neighbour being away looks like: a sentence, no traceback.
NEIGHBOUR_AWAY = (Unavailable, KafkaError, DatabaseError, RedisError, OSError, TimeoutError, relay.AnotherRelayLeads)


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT` (`[::1]:9000` for IPv6) as host and port."""
    host, _, port = text.rpartition(":")
    number = whole_number(port, 5)
    if not host or number is None or number > 65535:
        raise ArgumentTypeError(f"{text!r} cannot be used: write HOST:PORT, for example 127.0.0.1:9000.")
    return host.strip("[]"), number


class Command(BaseCommand):
    help = "Runs the bridge: the relay (outbox to Kafka) and the fan-out (Kafka to the web processes)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("half", nargs="?", choices=["relay", "fanout"], help="Only this half.")
        parser.add_argument("--once", action="store_true", help="Send what is there now, then end.")
        parser.add_argument(
            "--listen",
            type=address,
            metavar="HOST:PORT",
            help="Serve /healthz, /readyz and /metrics there. They tell no secrets; /metrics wants METRICS_TOKEN or "
            "loopback.",
        )

    def handle(self, *_: Any, half: str | None, once: bool, listen: tuple[str, int] | None, **__: Any) -> None:
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError(
                "KAFKA_BOOTSTRAP_SERVERS is not set: the embedded broker lives in the web process, and so does its "
                "bridge. Set KAFKA_BOOTSTRAP_SERVERS to run a bridge of its own."
            )
        if half == "fanout" and not settings.REDIS_URL:
            raise CommandError(
                "REDIS_URL is not set: without Redis each web process reads Kafka itself, and there is nobody to fan "
                "out to. Set REDIS_URL, or run `bridge relay`."
            )
        try:
            ask_database()
        except OperationalError as error:
            raise CommandError(f"The database that DATABASE_URL names does not answer: {error}") from error
        fans_out = half != "relay" and bool(settings.REDIS_URL)
        if half is None and not fans_out:
            self.stderr.write("REDIS_URL is not set: the web processes read Kafka themselves; this is the relay only.")
        work = partial(self._once if once else self._run, relays=half != "fanout", fans_out=fans_out)
        interpreter.settle()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve(work, listen))

    async def _run(self, stop: asyncio.Event, *, relays: bool, fans_out: bool) -> None:
        await run_bridge(relay=relays, fanout=fans_out, stop=stop)

    async def _once(self, stop: asyncio.Event, *, relays: bool, fans_out: bool) -> None:
        try:
            if relays and (parked := await relay.drain(stop)):
                raise CommandError(
                    f"Everything else was sent, but Kafka refused {parked} item event(s); they are parked in the "
                    "outbox, which the admin shows with the reasons."
                )
            if fans_out and not stop.is_set():
                await fan_out_once()
        except NEIGHBOUR_AWAY as error:
            raise CommandError(f"Not everything could be sent: {str(error) or repr(error)}") from error
        if stop.is_set():
            raise CommandError("Stopped before everything was sent.")

    async def _serve(self, work: Any, listen: tuple[str, int] | None) -> None:
        """Works until done or asked to stop, answering about its health meanwhile."""
        stop = asyncio.Event()
        _listen_to_signals(stop)
        async with contextlib.AsyncExitStack() as stack:
            working = asyncio.create_task(work(stop), name="bridge")
            tasks = {working}
            if listen is not None:
                tasks.add(await stack.enter_async_context(_health_server(listen)))
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({*tasks, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set() and not working.done():
                working.cancel()
                raise CommandError("The health server ended by itself.")
            stopping.cancel()
            await self._finish(working)

    async def _finish(self, working: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({working}, timeout=FINISH_S)
        if done:
            return working.result()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise CommandError(
            f"The batch under way was not finished within {FINISH_S:g} s; it goes again at the next start."
        )


def _listen_to_signals(stop: asyncio.Event) -> None:
    """The first SIGTERM or SIGINT asks to finish, the second ends the process at once."""

    def asked(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked, number)


class _Server(uvicorn.Server):
    """Leaves the signals to the command."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _health_server(listen: tuple[str, int]) -> Any:
    host, port = listen
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.create_server((host, port), family=family)
    except OSError as error:
        raise CommandError(f"--listen {host}:{port} cannot be used: {error}") from error
    kafka = KafkaCheck()
    server = _Server(uvicorn.Config(bridge_app(kafka), log_level="warning", lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[bound]), name="health")
    try:
        yield serving
    finally:
        server.should_exit = True
        _, late = await asyncio.wait({serving}, timeout=HEALTH_STOP_S)
        for task in late:
            task.cancel()
        await kafka.close()
