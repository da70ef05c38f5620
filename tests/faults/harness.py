"""Numbered records and items through the whole product while things break; what each client ended with is compared with
what Kafka and the database hold.

A run: real Kafka, PostgreSQL and Redis, two web processes, two bridges; a producer of numbered records and a writer of
items; clients that join, leave and come back; one fault after another, in an order that the seed decides. Afterwards
every client must hold every record from where it began, each partition's in order, none twice, and no gap.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass

import httpx

from tests.faults import crowd
from tests.faults.breaking import FAULTS
from tests.faults.crowd import Client
from tests.faults.stage import PARTITIONS, Stage
from tests.support.client import Follower
from tests.support.wire import everything_arrived

CALM_SECONDS = (0.5, 3.0)  # between two faults
ARRIVAL_SECONDS = 240.0  # for the rest to arrive after the last fault
FAULT_SECONDS = 8.0  # within which a fault's share of the records is produced
PRODUCE_EVERY = 0.2  # s
WRITE_EVERY = 0.2  # s


@dataclass
class Result:
    """What a run saw, for the line at its end."""

    records: int
    items: int
    sockets: int
    duplicates: int
    faults: int
    seconds: float
    last_seconds: float  # from the last fault to the last record at the last client

    def __str__(self) -> str:
        return (
            f"{self.records} records and {self.items} items, {self.faults} faults, {self.sockets} sockets opened, "
            f"{self.duplicates} duplicate ranges ignored, {self.seconds:.0f} s, the last record arrived "
            f"{self.last_seconds:.1f} s after the last fault: nothing lost, doubled or out of order"
        )


async def run(stage: Stage, *, records: int, clients: int, faults: list[str]) -> Result:
    """One run. Raises AssertionError with the story when a client lost, doubled or reordered anything."""
    began = time.monotonic()
    epoch = await epoch_of(stage)
    followers = [Client(stage, number, start) for number, start in enumerate(crowd.starts(stage, epoch, clients))]
    watchers = [
        Follower(stage.urls[n:] + stage.urls[:n], stage.installation.token, stage.installation.items_topic)
        for n in (0, 1)
    ]
    async with contextlib.AsyncExitStack() as stack:
        for watcher in watchers:
            await stack.enter_async_context(watcher)
        for watcher in watchers:
            await watcher.subscribed(ARRIVAL_SECONDS)
        await break_things(stage, stack, followers, records, faults)
        mended = time.monotonic()
        held = await asyncio.to_thread(crowd.truth, stage)
        ends = {partition: offsets[-1] + 1 for partition, (offsets, _) in held.items()}
        for follower in followers:
            await follower.until(lambda f=follower: crowd.arrived(f, ends), "everything", ARRIVAL_SECONDS)
        last = time.monotonic() - mended
        for follower in followers:
            crowd.check(follower, held)
        await everything_arrived(stage.installation, *watchers, timeout=ARRIVAL_SECONDS)
        for watcher in watchers:
            assert not watcher.gaps, f"{watcher.gaps} {watcher}"
            assert not watcher.unrecovered, watcher
        return Result(
            records=sum(len(offsets) for offsets, _ in held.values()),
            items=len(stage.installation.committed()),
            sockets=sum(follower.sockets for follower in followers),
            duplicates=sum(follower.duplicates for follower in followers),
            faults=len(faults),
            seconds=time.monotonic() - began,
            last_seconds=last,
        )


async def break_things(
    stage: Stage, stack: contextlib.AsyncExitStack, followers: list[Client], records: int, faults: list[str]
) -> None:
    """The part with the faults: everybody works, half of the clients come and go, and some come late."""
    async with asyncio.TaskGroup() as tasks:
        progress = Progress(len(faults), FAULT_SECONDS * stage.pace)
        producing = tasks.create_task(produce(stage, records, progress))
        others = [tasks.create_task(write_items(stage))]
        late = len(followers) // 4
        for follower in followers[late:]:
            await stack.enter_async_context(follower)
        newcomers = tasks.create_task(arrive_late(stage, stack, followers[:late], progress.about * len(faults)))
        others += [tasks.create_task(crowd.come_and_go(follower)) for follower in followers[late::2]]
        for name in faults:
            progress.next_fault()
            await FAULTS[name](stage)
            await asyncio.sleep(stage.some(CALM_SECONDS))
        await producing
        await newcomers
        for task in others:
            task.cancel()


async def arrive_late(stage: Stage, stack: contextlib.AsyncExitStack, newcomers: list[Client], seconds: float) -> None:
    for follower in newcomers:
        await asyncio.sleep(stage.dice.uniform(0, seconds / len(newcomers)))
        await stack.enter_async_context(follower)


class Progress:
    """How far a run has come: what is produced keeps step with the faults, so that something flows in each of them."""

    def __init__(self, faults: int, about: float) -> None:
        self.faults, self.about = faults, about  # s, that one of them takes
        self.begun, self.since = 0, time.monotonic()

    def next_fault(self) -> None:
        self.begun, self.since = self.begun + 1, time.monotonic()

    @property
    def share(self) -> float:
        """Of the whole, from 0 to 1."""
        in_this_one = min(1.0, (time.monotonic() - self.since) / self.about)
        return (max(0, self.begun - 1) + in_this_one) / self.faults


async def produce(stage: Stage, records: int, progress: Progress) -> None:
    """Numbered records; what Kafka did not take is tried again."""
    number = 0
    while number < records:
        due = max(number + 1, min(records, int(records * progress.share)))
        values = [str(n).encode() for n in range(number, due)]
        partition = stage.dice.randrange(PARTITIONS)
        try:
            await asyncio.to_thread(stage.kafka.produce, stage.topic, values, partition=partition)
            number = due
        except AssertionError:  # Kafka is away: some of them may be in the topic all the same, and count
            pass
        await asyncio.sleep(PRODUCE_EVERY)


async def write_items(stage: Stage) -> None:
    """Items through the API of both web processes; what was committed, the database knows."""
    headers = {"Authorization": f"Bearer {stage.installation.token}"}
    async with httpx.AsyncClient(headers=headers, timeout=15) as client:
        for number in itertools.count():
            url = stage.urls[number % 2]
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
