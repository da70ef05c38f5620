"""A search that waited for its turn: whether whoever asked still may is looked at before anything is told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator

import pytest
from django.db import OperationalError

from streams.runtime import leaving
from streams.search import running, searching
from streams.search.jobs import Counts, Ended, Job
from streams.search.process import Told, WorkerProcess
from streams.search.running import Event, Running, Searching, Still, Stop, Stopped
from streams.search.spans import Span

JOB = Job("t", [Span(0, 0, 1)])
TOLD = Told(Span(0, 0, 1), b'{"offset":0}', Counts(scanned=1, matched=1), is_lost=False)


@pytest.fixture(autouse=True)
def stays() -> None:
    """Another test may have had a server in this process, and ended it."""
    leaving.stay()


class AtOnce(WorkerProcess):
    """A process that tells all of a job at once."""

    async def work(self, job: Job) -> AsyncGenerator[Told | Ended, None]:
        yield TOLD
        yield Ended("complete")


def still(said: Stop | Exception | None) -> Still:
    """Says that, or nothing for ever."""

    async def answer() -> Stop:
        if said is None:
            await asyncio.Event().wait()
        if isinstance(said, Exception):
            raise said
        return said or ""

    return answer


async def events(said: Stop | Exception | None, *, asked: float) -> list[Event]:
    """What a search tells whose rights are looked at so."""
    search = Running(AtOnce(), "search", JOB, still(said), asked=asked)
    return [event async for event in search.events()]


@pytest.mark.parametrize("reason", ["forbidden", "epoch"])
async def test_what_waited_for_its_turn_tells_nothing_where_nothing_may_be_told_any_more(reason: Stop) -> None:
    (end,) = await events(reason, asked=time.monotonic() - running.LOOK_S)
    assert isinstance(end, Stopped)
    assert (end.reason, end.message) == (reason, running.STOPPED[reason])


async def test_what_did_not_wait_begins_without_another_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LOOK_S", 60.0)  # nor is it looked at where the machine stands still
    assert await events("forbidden", asked=time.monotonic() + 60) == [TOLD, Ended("complete")]


@pytest.mark.parametrize("said", [OperationalError("away"), None], ids=["away", "silent"])
async def test_a_database_that_does_not_say_it_ends_no_search(
    said: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "ASK_S", 0.01)
    assert await events(said, asked=time.monotonic() - 60) == [TOLD, Ended("complete")]


async def test_a_turn_knows_since_when_it_was_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "PROGRESS_S", 0.05)
    monkeypatch.setattr(running, "LOOK_S", 0.05)
    here = Searching()
    here.process = AtOnce()
    first = here.searches.enter("ada")
    lines = searching.lines(here, "ada", JOB, "e", still("forbidden"))
    for _ in range(3):
        assert json.loads(await anext(lines))["type"] == "waiting"
    here.searches.leave(first)
    rest = [json.loads(line) async for line in lines]
    assert [line["type"] for line in rest] == ["begin", "end"]
    assert (rest[-1]["reason"], rest[-1]["scanned_ranges"]) == ("forbidden", [])
