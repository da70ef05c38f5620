"""When and for which topics a client asks Kafka for metadata."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient

from streams.kafka.aiokafka_internals import AGAIN_S, ask_for_its_topics


class Asked:
    """A client of aiokafka's whose requests end here. answers: lets the next ones be answered."""

    def __init__(self) -> None:
        self.client = AIOKafkaClient(bootstrap_servers="127.0.0.1:9")
        self.times: list[float] = []
        self.names: list[list[str]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.client._metadata_update = self._update
        ask_for_its_topics(self.client)
        self.client._sync_task = asyncio.create_task(self.client._md_synchronizer())

    async def _update(self, _cluster: Any, topics: Any) -> bool:
        assert topics  # aiokafka asks for all topics otherwise
        self.names.append(sorted(topics))
        self.times.append(asyncio.get_running_loop().time())
        await self.answers.wait()
        return True


async def test_a_client_without_topics_asks_for_none_and_never_for_all() -> None:
    asked = Asked()
    await asked.client.force_metadata_update()
    await asked.client.set_topics(["a"])
    await asked.client.set_topics([])
    assert asked.names == [[], ["a"], []]
    await asked.client.close()


async def test_the_same_question_is_not_asked_again_at_once() -> None:
    asked = Asked()
    await asked.client.set_topics(["a"])
    for _ in range(3):
        await asked.client.force_metadata_update()
    assert all(later - earlier >= AGAIN_S * 0.9 for earlier, later in zip(asked.times, asked.times[1:], strict=False))
    await asked.client.set_topics(["a", "b"])
    assert asked.names[-1] == ["a", "b"]
    await asked.client.close()


async def test_topics_that_are_set_while_an_answer_is_under_way_are_asked_for_at_once() -> None:
    asked = Asked()
    await asked.client.set_topics(["a"])
    asked.answers.clear()
    # As its timer does: half a minute after the last answer, without anybody who waits for it.
    asked.client._md_update_waiter.set_result(None)
    while len(asked.names) < 2:
        await asyncio.sleep(AGAIN_S / 10)
    told = asked.client.set_topics(["b"])
    asked.answers.set()
    async with asyncio.timeout(20):
        await told
    assert asked.names[-1] == ["b"]
    await asked.client.close()
