"""The consumer at Kafka's live end: one that stands still is replaced."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

from django.test import SimpleTestCase, override_settings

from streams.fanout import inline
from streams.hub.hub import Hub
from streams.kafka import clients, tail
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import History
from streams.runtime.tasks import supervise
from tests.support import services
from tests.support.waiting import until

REPLACED_S = 15.0  # what is promised


def test_a_standstill_is_noticed_in_time() -> None:
    assert max(tail.STALLED_S, tail.POLL_TIMEOUT_S) + tail.STATUS_S + tail.ENDS_TIMEOUT_S < REPLACED_S


class StalledTests(SimpleTestCase):
    def setUp(self) -> None:
        self.kafka = services.kafka()
        self.topic = self.kafka.create_topic(partitions=1)
        self.consumers: list[Any] = []
        make = clients.consumer

        def made(**options: Any) -> Any:
            self.consumers.append(make(**options))
            return self.consumers[-1]

        self.enterContext(override_settings(KAFKA_BOOTSTRAP_SERVERS=[self.kafka.address]))
        self.enterContext(mock.patch.object(clients, "consumer", made))

    async def test_a_consumer_that_stands_still_while_records_wait_is_replaced(self) -> None:
        hub, stop = Hub(History()), asyncio.Event()
        await hub.open(TopicInfo(self.topic, (0,), "e"), "e")
        fanning = asyncio.create_task(supervise("fan-out", lambda: inline.run_inline(hub, stop), stop))
        try:
            await self.reads(hub, 5)
            [first] = self.consumers
            with mock.patch.object(tail, "STALLED_S", 1.0):
                # As when it ends by an error that aiokafka keeps to itself: polls go on, and bring nothing.
                first._fetcher._fetch_task.cancel()
                await self.reads(hub, 10)  # perhaps with the answer that was on its way
                await self.reads(hub, 15)
            assert len(self.consumers) > 1
        finally:
            stop.set()
            hub.changed.set()
            await fanning
            await hub.close()
            await hub.history.close()

    async def reads(self, hub: Hub, end: int) -> None:
        await asyncio.to_thread(self.kafka.produce, self.topic, [b"1"] * 5)
        await until(lambda: hub.logs[self.topic].positions == {0: end}, f"the hub is at {end}")


def test_few_records_go_on_quickly_and_many_gather_without_a_pause() -> None:
    assert tail.rest(0.0) == tail.SHORTEST_S
    assert tail.rest(0.004) == 0.004
    assert tail.rest(0.015) == tail.LONGEST_S - 0.015
    assert tail.rest(1.0) == 0.0
