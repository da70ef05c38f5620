"""Everybody comes back at once: a restart is spread over time, and what all of them missed is read from Kafka once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import pytest

from streams.hub.hub import Hub
from streams.processes.web import WebProcess
from tests.conftest import Install
from tests.support.client import Follower
from tests.support.services import Kafka

pytestmark = pytest.mark.slow
CROWD = 200
PARTITIONS = 4
MISSED = 400  # records that are produced while everybody is away
RETURN_SECONDS = 90  # two hundred handshakes on a loaded machine


class Patient(Follower):
    """A follower that remembers how long it waited before it came back."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.waits: list[float] = []

    def _backoff(self, failures: int) -> float:
        self.waits.append(super()._backoff(failures))
        return self.waits[-1]


async def test_two_hundred_clients_return_spread_out_and_what_they_missed_is_read_once(
    install: Install, kafka: Kafka
) -> None:
    topic = kafka.create_topic(partitions=PARTITIONS)
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=topic)
    web = installation.web()
    async with contextlib.AsyncExitStack() as stack:
        crowd = [Patient(web.url, installation.token, topic) for _ in range(CROWD)]
        for follower in crowd:
            await stack.enter_async_context(follower)
        for follower in crowd:
            await follower.subscribed(RETURN_SECONDS)
            follower.waits.clear()
        web.terminate()
        assert await asyncio.to_thread(web.wait) in {0, -signal.SIGTERM}
        for partition in range(PARTITIONS):
            kafka.produce(topic, [b"1"] * (MISSED // PARTITIONS), partition=partition)
        await asyncio.to_thread(web.start)
        for follower in crowd:
            await follower.until(lambda f=follower: len(f.records) == MISSED, "what was missed", RETURN_SECONDS)
        assert not any(follower.gaps or follower.unrecovered or follower.broken for follower in crowd)
        told = sorted(follower.waits[0] for follower in crowd)
        most = max(sum(begin <= wait < begin + 1 for wait in told) for begin in told)
        # A long start adds tries of their own to these; the first ones are what the goodbye asked for.
        assert all(2 <= wait <= 4 for wait in told)
        assert most < CROWD * 0.7, f"{most} of {CROWD} return within one second"
        lines = web.get("/metrics").text.splitlines()
        counts = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[:1] != "#"}
        print(f"{most} of {CROWD} within the same second; {counts['streamboard_history_reads_total']:g} reads of Kafka")
        assert counts['streamboard_resumes_total{result="recovered"}'] >= CROWD
        assert counts["streamboard_history_reads_total"] <= 3 * PARTITIONS


async def test_the_more_there_are_the_longer_they_are_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    web, said = WebProcess(), list[int]()
    monkeypatch.setattr(Hub, "say_goodbye", lambda _, code, retry_after_ms: said.append(retry_after_ms))
    for connections in (10, 1000, 10_000):
        web.hub.connections = {object() for _ in range(connections)}  # type: ignore[misc]  # only counted
        web.say_goodbye()
    assert said == [2000, 2000, 20_000]
    await web._topics.close()
