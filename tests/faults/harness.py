"""Numbered records and items through the whole product while its parts break, and clients that hold every frame against
docs/protocol.md.

A run: real Kafka, PostgreSQL and Redis, two web processes, two bridges (or less, see tests/faults/stage.py); a producer
of numbered records and a writer of items; clients that stay, with two implementations of the protocol, and newcomers
all the time, some of all of them with filters; searches, again and again; one fault after another. It fails when one
frame breaks the page, whether the client can mend that or not, and when what any client was given, or found, is not
what Kafka holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from confluent_kafka import Producer

from tests.faults import truth as truths
from tests.faults.breaking import FAULTS
from tests.faults.crowd import Crowd, Items, has_arrived
from tests.faults.findings import Findings
from tests.faults.stage import PARTITIONS, Stage
from tests.faults.truth import Truth
from tests.support.client import Follower
from tests.support.waiting import until
from tests.support.wire import everything_arrived

CALM_SECONDS = (0.5, 3.0)  # between two faults
ARRIVAL_SECONDS = 240.0  # for the rest to arrive after the last fault
SHOWN = 30  # of what clients held against the server
KEYS = 1000
PRODUCE_EVERY = 0.02  # s
FLUSH_SECONDS = 120.0
WRITE_EVERY = 0.2  # s
TELL_EVERY = 60.0  # s


@dataclass
class Result:
    """What a run saw, for the line at its end, and the row in docs/faults.md."""

    records: int
    items: int
    deliveries: int
    filtered: int  # of those, to who has a filter
    joins: int
    searches: int  # that were answered to the end
    found: int  # records, by those
    sockets: int
    jumps: int
    duplicates: int
    faults: int
    seconds: float
    last_seconds: float  # from the last fault to the last record at the last client

    def __str__(self) -> str:
        return (
            f"{self.records:,} records and {self.items:,} items, {self.deliveries:,} deliveries "
            f"({self.filtered:,} by filters), {self.joins:,} joins ({self.joins / self.seconds:.1f} a second), "
            f"{self.searches:,} searches found {self.found:,}, {self.faults} faults, {self.sockets:,} sockets of those "
            f"that stayed, jumps {self.jumps}, {self.duplicates:,} duplicate ranges ignored, {self.seconds:.0f} s, the "
            f"last record arrived {self.last_seconds:.1f} s after the last fault: nothing lost, doubled or out of order"
        )


class Run:
    """One run. Raises AssertionError with the story when a client was sent what breaks the protocol, or not all."""

    def __init__(
        self, stage: Stage, *, clients: int, rate: float, joins: float, faults: Iterable[str], exploring: bool = False
    ) -> None:
        self.stage, self.clients, self.rate, self.joins, self._faults = stage, clients, rate, joins, faults
        self.exploring = exploring
        self.findings = Findings()
        self.faults = 0
        self.began = time.monotonic()

    async def run(self) -> Result:
        stage, token = self.stage, self.stage.installation.token
        numbers = Numbers(stage, self.rate)
        numbers.produce(1)  # which makes the topic, where that is how topics are made
        epoch = await epoch_of(stage)
        with Truth(stage.kafka_address, stage.topic, PARTITIONS) as truth:
            crowd = Crowd(stage, truth, self.findings, epoch, self.clients, exploring=self.exploring)
            watchers = [Items(stage.urls[n:] + stage.urls[:n], token, stage.items_topic) for n in (0, 1)]
            async with contextlib.AsyncExitStack() as stack:
                for watcher in watchers:
                    await stack.enter_async_context(watcher)
                for watcher in watchers:
                    await watcher.subscribed(ARRIVAL_SECONDS)
                try:
                    await self._break_things(stack, crowd, numbers)
                except Exception as error:
                    error.add_note(self._story(crowd))
                    raise
                mended = time.monotonic()
                await self._arrive(crowd, truth)
                last = time.monotonic() - mended
                await everything_arrived(stage.installation, *watchers, timeout=ARRIVAL_SECONDS)
                for watcher in watchers:
                    assert [watcher.gaps, watcher.unrecovered] == [[], []], watcher
                self._check(crowd)
            return Result(
                records=truth.records,
                items=len(stage.installation.committed()),
                deliveries=self.findings.deliveries,
                filtered=self.findings.filtered["deliveries"],
                joins=self.findings.joins,
                searches=self.findings.searches,
                found=self.findings.found,
                sockets=crowd.sockets,
                jumps=crowd.jumps,
                duplicates=crowd.duplicates,
                faults=self.faults,
                seconds=time.monotonic() - self.began,
                last_seconds=last,
            )

    async def _break_things(self, stack: contextlib.AsyncExitStack, crowd: Crowd, numbers: Numbers) -> None:
        """The part with the faults: records flow, half of the clients come and go, and newcomers all the time."""
        stage, early = self.stage, len(crowd.all) * 3 // 4
        self.began = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(work)
                for work in (
                    numbers.keep_producing(), write_items(stage), crowd.keep_looking(), crowd.keep_coming(self.joins),
                    self._keep_telling(crowd),
                )
            ]  # fmt: skip
            for client in crowd.all[:early]:
                await stack.enter_async_context(client)
            for searcher in crowd.searchers:
                await stack.enter_async_context(searcher)
            others += [tasks.create_task(crowd.wander(client)) for client in crowd.all[:early:2]]
            others += [tasks.create_task(crowd.keep_changing(witness)) for witness in crowd.changing]
            late = iter(crowd.all[early:])
            for name in self._faults:
                for client in itertools.islice(late, 2):
                    await stack.enter_async_context(client)
                self.faults += 1
                await FAULTS[name](stage)
                await asyncio.sleep(stage.some(CALM_SECONDS))
            for client in late:
                await stack.enter_async_context(client)
            for task in others:
                task.cancel()
            for searcher in crowd.searchers:
                searcher.finish()
        await asyncio.to_thread(numbers.finish)

    async def _arrive(self, crowd: Crowd, truth: Truth) -> None:
        """Waits until every client that stayed is at Kafka's end, every search at its own, and all is compared."""
        ends = await asyncio.to_thread(truth.final_ends)
        assert await asyncio.to_thread(truths.read_up_to, truth, ends, ARRIVAL_SECONDS), f"{truth.ends} of {ends}"
        try:
            await until(lambda: all(has_arrived(client, ends) for client in crowd.all), "everything", ARRIVAL_SECONDS)
        except AssertionError:
            behind = "\n".join(str(client) for client in crowd.all if not has_arrived(client, ends))
            raise AssertionError(f"not everything arrived, of {ends}, at:\n{behind}\n{self._story(crowd)}") from None
        searchers = crowd.searchers
        try:
            await until(lambda: all(each.ended for each in searchers), "the searches end", ARRIVAL_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[str(each) for each in searchers]}\n{self._story(crowd)}") from None
        assert crowd.look(), f"a client is beyond Kafka's end\n{self._story(crowd)}"

    def _check(self, crowd: Crowd) -> None:
        assert next(crowd.broken(), None) is None, self._story(crowd)
        assert self.findings.joins > 0, "nobody could join"
        if self.exploring:
            assert self.findings.filtered["deliveries"] > 0, "no filter let anything through"
            assert self.findings.searches > 0, "nobody could search"

    def _story(self, crowd: Crowd) -> str:
        return "\n".join([*itertools.islice(crowd.broken(), SHOWN), *self.stage.told[-SHOWN:]])

    async def _keep_telling(self, crowd: Crowd) -> None:
        shown = 0
        while True:
            await asyncio.sleep(TELL_EVERY)
            for text in self.findings.told[shown:]:
                print(f"  BROKEN {text}", flush=True)
            shown = len(self.findings.told)
            seconds, seen = time.monotonic() - self.began, self.findings
            told = {kind: count for kind, count in seen.broken.items() if kind != "jump"}
            print(
                f"{seconds / 60:.0f} min: {seen.deliveries:,} deliveries, {seen.joins:,} joins "
                f"({seen.joins / seconds:.1f} a second), {self.faults} faults, jumps {crowd.jumps}, "
                f"{crowd.duplicates:,} duplicates, {seen.refused:,} refused, {seen.searches:,} searches, "
                f"{len(crowd.visitors)} newcomers there, "
                f"otherwise broken: {told or 0}; {memory_mib():.0f} MiB",
                flush=True,
            )


class Numbers:
    """Produces 0, 1, 2 … to the topic's partitions in turn, past all proxies."""

    def __init__(self, stage: Stage, rate: float) -> None:
        self.stage, self.rate = stage, rate
        self._made = 0
        self._producer = self._new_producer()

    def _new_producer(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self.stage.kafka_address, "log_level": 0, "linger.ms": 5,
                "enable.idempotence": True, "queue.buffering.max.messages": 1_000_000,
                "reconnect.backoff.max.ms": 500,
            }
        )  # fmt: skip

    def produce(self, count: int) -> None:
        for number in range(self._made, self._made + count):
            key = str(number % KEYS)
            self._producer.produce(
                self.stage.topic, str(number), key=key, partition=number % PARTITIONS, on_delivery=self._delivered
            )
        self._made += count
        self._producer.poll(0)

    def _delivered(self, error: Any, _: object) -> None:
        """What Kafka did not take may be in the topic or not; it counts as far as Kafka holds it."""
        if error is not None:
            self.stage.say(f"a record was not taken: {error}")
            if error.fatal():
                self._producer = self._new_producer()

    async def keep_producing(self) -> None:
        began, first = time.monotonic(), self._made
        while True:
            await asyncio.sleep(PRODUCE_EVERY)
            self.produce(int((time.monotonic() - began) * self.rate) + first - self._made)

    def finish(self) -> None:
        """Blocks until everything is in Kafka."""
        left = self._producer.flush(FLUSH_SECONDS)
        assert left == 0, f"{left} records were not produced within {FLUSH_SECONDS:g} s"


def endless(stage: Stage, names: list[str], seconds: float) -> Iterator[str]:
    """All of these faults again and again, in an order of its own each time, for so long."""
    end = time.monotonic() + seconds
    while True:
        deck = names.copy()
        stage.dice.shuffle(deck)
        for name in deck:
            if time.monotonic() > end:
                return
            yield name


async def write_items(stage: Stage) -> None:
    """Items through the API of each web process; what was committed, the database knows."""
    headers = {"Authorization": f"Bearer {stage.installation.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=15) as client:
        for number in itertools.count():
            url = stage.urls[number % len(stage.urls)]
            with contextlib.suppress(httpx.HTTPError):
                made = await client.post(f"{url}/api/items/", json={"name": f"item {number}", "price": "1"})
                if made.is_success:
                    item = made.json()["item"]["id"]
                    await client.patch(f"{url}/api/items/{item}", json={"price": "2"})
            await asyncio.sleep(WRITE_EVERY)


async def epoch_of(stage: Stage) -> str:
    """The topic's epoch, as soon as it can be watched on every web process."""
    epochs = set()
    for url in stage.urls:
        async with Follower(url, stage.installation.token, stage.topic) as follower:
            await follower.subscribed(ARRIVAL_SECONDS)
            assert follower.epoch is not None
            epochs.add(follower.epoch)
    assert len(epochs) == 1, f"the epoch is not the same in every process: {epochs}"
    return epochs.pop()


def memory_mib() -> float:
    """What this process takes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024
