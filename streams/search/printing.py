"""`manage.py search` and `manage.py tail`: what they have in common. They do the work in their own process, print rows
as an export has them, and stop politely.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import threading
from argparse import ArgumentTypeError
from collections.abc import Coroutine
from typing import Any, NamedTuple

from django.core.management.base import CommandError, CommandParser

from streams.decoding import carried, registry, stored
from streams.decoding.formats import BadFormat, Formats
from streams.decoding.named import NAMES
from streams.filters.bad_filter import BadFilter
from streams.filters.filters import filter_of
from streams.kafka.catalog import Catalog
from streams.kafka.history import Bounds, History
from streams.kafka.scanning import Sources
from streams.runtime.away import Unavailable, described
from streams.search.jobs import Counts
from streams.search.places import milliseconds
from streams.search.rows import BadColumn, Rows, column_names

FINISH_S = 3.0  # for connections to end, after the first signal


def add_arguments(parser: CommandParser) -> None:
    """The topic, and how its records are written."""
    parser.add_argument("topic", help="The topic's name in Kafka.")
    parser.add_argument(
        "--format", choices=["ndjson", "csv"], default="ndjson", help="A line a record: JSON (the default), or CSV."
    )
    parser.add_argument(
        "--columns",
        type=_columns,
        default=[],
        metavar="NAMES",
        help="Names as in a filter, with commas between: offset,key,value.name. Without: whole records.",
    )

    for part in ("value", "key"):
        parser.add_argument(
            f"--{part}-format",
            choices=NAMES,
            metavar="NAME",
            help=f"By which {part}s are read, instead of the topic's format: {', '.join(NAMES)}.",
        )


def formats_of(given: dict[str, Any]) -> Formats:
    """The formats that a command line names."""
    return Formats(given["value_format"], given["key_format"])


def filter_argument(text: str) -> str:
    """A filter of a command line, written in the one way."""
    try:
        return filter_of(text).normalised
    except BadFilter as error:
        raise ArgumentTypeError(f"{error} (at character {error.at + 1})") from error


def time_argument(text: str) -> int:
    """A time of a command line, in milliseconds since 1970."""
    try:
        return milliseconds(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _columns(text: str) -> list[str]:
    try:
        return column_names(text)
    except BadColumn as error:
        raise ArgumentTypeError(str(error)) from error


def not_told(counts: Counts) -> str:
    """Of which records it is not known whether they match, in a sentence; "" where there are none."""
    unknown = [
        f"the filter failed with {counts.failed:,}" if counts.failed else "",
        f"{counts.unchecked:,} were too large to be looked into" if counts.unchecked else "",
        f"{counts.undecodable:,} cannot be decoded" if counts.undecodable else "",
    ]
    said = ", ".join(each for each in unknown if each)
    return f"Of {counts.scanned:,} records {said}: they are not among what was printed." if said else ""


class Enough(Exception):
    """Nobody reads what is printed any more."""


class Printer:
    """Prints rows. head: what stands before the first of them.

    They go to the descriptor itself, by a thread of their own: whoever reads them may take as long as they want (a
    pager does), and meanwhile Kafka is answered, and a signal ends the command.
    """

    def __init__(self, head: bytes) -> None:
        self._head = head

    async def print(self, rows: bytes) -> None:
        """Prints some rows, and returns when they are taken. Raises Enough when nobody reads them."""
        out, data, self._head = _descriptor(), self._head + rows, b""
        if not data:
            return
        loop = asyncio.get_running_loop()
        written: asyncio.Future[OSError | None] = loop.create_future()

        def told(error: OSError | None) -> None:
            if not written.done():
                written.set_result(error)

        def write() -> None:
            error = _failure_to_write(out, data)
            with contextlib.suppress(RuntimeError):  # the command has ended meanwhile
                loop.call_soon_threadsafe(told, error)

        # A thread of a pool would be waited for at the end of the process: as long as the reader takes.
        threading.Thread(target=write, name="printing", daemon=True).start()
        error = await written
        if isinstance(error, BrokenPipeError):
            raise Enough from error
        if error is not None:
            raise error

    @staticmethod
    def look() -> None:
        """Raises Enough when nobody would read what is printed: who reads nothing for long would hear of it late."""
        looking = select.poll()
        looking.register(_descriptor(), 0)  # a reader that has gone is told in any case
        if any(events & (select.POLLERR | select.POLLHUP) for _, events in looking.poll(0)):
            raise Enough


def _descriptor() -> int:
    """Where rows go. Raises Enough where the command was begun without an output."""
    if sys.stdout is None:
        raise Enough
    return sys.stdout.fileno()


def _failure_to_write(out: int, data: bytes) -> OSError | None:
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(out, left) :]
    except OSError as error:
        return error
    return None


class Place(NamedTuple):
    """A topic in Kafka, and what reads it. bounds: its first and end offsets."""

    topic: str
    bounds: Bounds
    history: History
    sources: Sources
    printer: Printer


async def _with_topic(topic: str, form: str, columns: list[str], formats: Formats, work: Any) -> Any:
    catalog, history, sources = Catalog(), History(sources=1), Sources()
    try:
        found = (await catalog.topics([topic])).get(topic)
        if found is None:
            raise CommandError(f"Kafka has no topic {topic}.")
        await stored.look()
        carried.of(topic).check(formats)
        bounds = await history.bounds(topic, found.partitions)
        head = Rows(topic, "csv" if form == "csv" else "ndjson", columns).head()
        return await work(Place(topic, bounds, history, sources, Printer(head)))
    except BadFormat as error:
        raise CommandError(f"--{str(error).replace('_', '-', 1)}") from error
    except Unavailable as error:
        raise CommandError(described(error)) from error
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                await asyncio.gather(catalog.close(), history.close(), sources.close(), registry.close())


def run(topic: str, given: dict[str, Any], work: Any) -> Any:
    """Runs `work(place)` to its end, or until SIGINT, SIGTERM or the end of who reads it; then it returns None.

    given: the arguments of the command line.
    """
    return asyncio.run(_until_asked(_with_topic(topic, given["format"], given["columns"], formats_of(given), work)))


async def _until_asked(work: Coroutine[Any, Any, Any]) -> Any:
    working, asked = asyncio.create_task(work), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    stopping = asyncio.create_task(asked.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if asked.is_set():
        working.cancel()
    try:
        return await working
    except Enough:
        return None
    except asyncio.CancelledError:
        if asked.is_set():
            return None
        raise
