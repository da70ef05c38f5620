"""The clients of a run: they follow the topic, leave and come back at random, often on the other web process. What each
ended with is compared with what Kafka holds."""

from __future__ import annotations

import asyncio
from array import array
from collections import defaultdict
from typing import Any

from tests.faults.stage import PARTITIONS, Stage
from tests.support.client import Follower
from tests.support.reading import records

STAY_SECONDS = (0.5, 8.0)  # between two partings of one client
AGAIN_SECONDS = 120.0  # for a client to be back, whatever is broken, before it leaves a second time
ONE_IN_FAR = 4  # clients whose way to the web leads through the proxies; all of them would keep a core busy

Held = dict[int, tuple["array[int]", "array[int]"]]  # partition -> offsets, and the numbers found there


def nothing() -> Held:
    return defaultdict(lambda: (array("q"), array("q")))


class Client(Follower):
    """A follower that remembers of each record its place and its number: a hundred thousand of them in 1.6 MB."""

    def __init__(self, stage: Stage, number: int, start: dict[str, Any]) -> None:
        urls = stage.far_urls if number % ONE_IN_FAR == 0 else stage.urls
        super().__init__(urls, stage.installation.token, stage.topic, start)
        self.name = f"client {number}"
        self.stage = stage
        self.held = nothing()

    def keep(self, partition: int, record: dict[str, Any]) -> None:
        offsets, numbers = self.held[partition]
        offsets.append(record["offset"])
        numbers.append(record["value"])

    def next_url(self) -> str:
        """More often than not the other web process: it does not know what this client had."""
        return super().next_url() if self.stage.dice.random() < 0.7 else self.stage.dice.choice(self.urls)

    def __str__(self) -> str:
        return f"{self.name}, {super().__str__()}"


async def come_and_go(client: Client) -> None:
    """Leaves without a word again and again, connected or not; one time in three twice, with nothing in between."""
    dice = client.stage.dice
    while True:
        await asyncio.sleep(client.stage.some(STAY_SECONDS))
        if dice.random() < 1 / 3:
            await client.until(lambda: client.stream, "it follows", AGAIN_SECONDS)
            begun = client.begun
            client.drop()
            await client.until(lambda n=begun: client.begun > n, "it is back", AGAIN_SECONDS)
        client.drop()


def starts(stage: Stage, epoch: str, count: int) -> list[dict[str, Any]]:
    """Most from the beginning; some from the end, or with the newest records."""
    beginning = {"cursor": {"epoch": epoch, "positions": {str(part): 0 for part in range(PARTITIONS)}}}
    return [
        stage.dice.choice([{"latest": True}, {"last": 500}]) if number % 5 == 4 else beginning
        for number in range(count)
    ]


def truth(stage: Stage) -> Held:
    """What Kafka holds in the end."""
    found = nothing()
    for record in records(stage.kafka.address, stage.topic):
        offsets, numbers = found[record.partition()]
        offsets.append(record.offset())
        numbers.append(int(record.value()))
    return found


def arrived(client: Client, ends: dict[int, int]) -> bool:
    return client.began is not None and all(client.positions.get(part, 0) >= end for part, end in ends.items())


def check(client: Client, held: Held) -> None:
    """Complete from where it began, in order, nothing twice, nothing given up."""
    story = f"{client}\n" + "\n".join(client.stage.told)
    assert not client.holes, story
    assert not client.gaps, f"{client.gaps[:3]} {story}"
    assert not client.unrecovered, story
    assert client.began is not None, story
    for partition, (offsets, numbers) in held.items():
        begin = next((n for n, offset in enumerate(offsets) if offset >= client.began.get(partition, 0)), len(offsets))
        mine, its_numbers = client.held[partition]
        if mine != offsets[begin:]:
            missing = sorted(set(offsets[begin:]) - set(mine))
            raise AssertionError(
                f"partition {partition} from {client.began.get(partition, 0)}: {len(missing)} records are missing "
                f"(first {missing[:5]}), or out of order, or doubled: {story}"
            )
        assert its_numbers == numbers[begin:], f"partition {partition}: wrong values: {story}"
