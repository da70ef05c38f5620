"""How the commands print: whoever reads may take their time, or go."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from streams.search import printing
from streams.search.printing import Enough, Printer
from tests.support.waiting import until

ROWS = b"a row\n" * 100_000  # more than a pipe holds
WRITING_S = 20.0  # to notice that nobody reads


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The end of a pipe at which standard output is read; without it, nobody reads."""
    end, out = os.pipe()
    ends = [end]
    with os.fdopen(out, "w") as stdout:
        monkeypatch.setattr(printing, "sys", SimpleNamespace(stdout=stdout))  # pytest has a standard output of its own
        yield ends
        for each in ends:
            os.close(each)
        for thread in threading.enumerate():  # one that was left writing would go on in the next test's pipe
            if thread.name == "printing":
                thread.join(WRITING_S)
                assert not thread.is_alive()


def read_all(end: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += os.read(end, size)
    return found


async def test_a_slow_reader_holds_up_nothing_but_what_is_printed(reading: list[int]) -> None:
    printer = Printer(b"head\n")
    printer.look()
    under_way = asyncio.create_task(printer.print(ROWS))
    turns = 0

    def others() -> bool:
        nonlocal turns
        turns += 1
        return turns > 10

    await until(others, "others have their turns")
    assert not under_way.done()
    expected = b"head\n" + ROWS
    assert await asyncio.to_thread(read_all, reading[0], len(expected)) == expected
    await under_way
    await printer.print(b"more\n")
    assert os.read(reading[0], 100) == b"more\n"


async def test_what_nobody_takes_can_be_given_up(reading: list[int]) -> None:
    under_way = asyncio.create_task(Printer(b"").print(ROWS))
    assert await asyncio.to_thread(os.read, reading[0], 1)
    under_way.cancel()
    with pytest.raises(asyncio.CancelledError):
        await under_way


async def test_a_reader_that_has_gone_is_noticed_also_where_nothing_is_printed(reading: list[int]) -> None:
    os.close(reading.pop())
    with pytest.raises(Enough):
        Printer(b"").look()
    with pytest.raises(Enough):
        await Printer(b"").print(b"a row\n")


async def test_without_an_output_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "sys", SimpleNamespace(stdout=None))
    with pytest.raises(Enough):
        Printer(b"").look()
    with pytest.raises(Enough):
        await Printer(b"").print(b"a row\n")
