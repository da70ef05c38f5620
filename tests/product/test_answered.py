"""A real Kafka that does not answer any more: each `subscribe` is answered all the same, in the time that
docs/protocol.md gives, and is honoured once Kafka is back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.conftest import Install
from tests.support.client import Connection, Frame
from tests.support.processes import Process
from tests.support.services import Kafka

pytestmark = [pytest.mark.slow, pytest.mark.kafka]

WITHIN_SECONDS = 10.0
LOADED_SECONDS = 5.0  # that a machine may stand still
BACK_SECONDS = 60.0
AT_ONCE = 3  # for each start: more than there are consumers to read history with
STARTS: list[Frame] = [
    {"latest": True},
    {"last": 1000},
    {"timestamp": 1},
    {"cursor": {"epoch": "another", "positions": {}}},
]


@pytest.mark.parametrize(("leave", "come_back"), [(Kafka.pause, Kafka.resume), (Kafka.kill, Kafka.start)])
async def test_every_subscribe_is_answered_in_time_while_kafka_is_away(
    leave: Callable[[Kafka], None], come_back: Callable[[Kafka], None], install: Install, kafka: Kafka
) -> None:
    topic = kafka.create_topic()
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    installation.watch(topic)
    kafka.produce(topic, [b"1"] * 100)
    web = installation.web()
    for start in STARTS:  # so that the consumers are there, and hang when Kafka does
        await honoured(web, installation.token, topic, start)
    await asyncio.to_thread(leave, kafka)
    try:
        for _ in range(2):  # the second time with what the first has left behind
            answers = await asyncio.gather(
                *(
                    answer(web, installation.token, topic, start, WITHIN_SECONDS + LOADED_SECONDS)
                    for start in STARTS * AT_ONCE
                )
            )
            assert {(each["type"], each.get("code")) for each in answers} == {("error", "unavailable")}
    finally:
        await asyncio.to_thread(come_back, kafka)
    for start in STARTS:
        assert (await honoured(web, installation.token, topic, start))["cursor"]["positions"].keys() == set("0123")


async def answer(web: Process, token: str, topic: str, start: Frame, seconds: float) -> Frame:
    """What a `subscribe` on a socket of its own is answered, within so many seconds."""
    async with Connection(web.url, token=token) as connection:
        await connection.receive_type("welcome")
        await connection.send(type="subscribe", id=1, topic=topic, start=start)
        return await connection.receive_type("subscribed", "error", timeout=seconds)


async def honoured(web: Process, token: str, topic: str, start: Frame) -> Frame:
    """Asks again as the errors say, until the stream begins."""
    deadline = time.monotonic() + BACK_SECONDS
    while (told := await answer(web, token, topic, start, WITHIN_SECONDS + LOADED_SECONDS))["type"] == "error":
        assert time.monotonic() < deadline, told
        await asyncio.sleep(told["retry_after_ms"] / 1000)
    return told
