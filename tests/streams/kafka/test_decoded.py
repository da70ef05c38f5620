"""Records of topics with formats on their way to a hub: none is lost, none holds up another topic's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer

from streams.decoding import carried, parts
from streams.decoding import registry as asked
from streams.decoding.carried import Carried
from streams.decoding.schemas import Id, Schema, make
from streams.fanout import inline
from streams.hub.hub import Hub
from streams.kafka import embedded
from streams.kafka.catalog import TopicInfo
from streams.kafka.history import History
from streams.runtime.tasks import supervise
from tests.support.waiting import until

AVRO = '{"type": "record", "name": "A", "fields": [{"name": "n", "type": "long"}]}'
TOPICS = ("avro", "plain")


class Slow(asked.Registry):
    """A registry that answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(asked.Access("http://127.0.0.1:1"))
        self.answered = asyncio.Event()
        self.schema: Schema | None = None

    def known(self, schema_id: Id) -> Schema | str | None:
        return self.schema

    async def learn(self, ids: Any) -> None:
        await self.answered.wait()


class Stage:
    """A hub that is fed by the embedded broker."""

    def __init__(self, hub: Hub, producer: Producer) -> None:
        self.hub, self._producer = hub, producer

    def produce(self, topic: str, *values: bytes) -> None:
        for value in values:
            self._producer.produce(topic, value, key=b"k", partition=0)
        assert self._producer.flush(20) == 0

    def records(self, topic: str) -> list[dict[str, Any]]:
        _, kept = self.hub.logs[topic].newest(1000, 10_000_000)
        return [json.loads(record.data) for part in kept.get(0, []) for record in part.records]

    def has_more(self, topic: str, than: int) -> bool:
        return len(self.records(topic)) > than

    async def until(self, topic: str, holds: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        await until(lambda: holds(self.records(topic)), f"the hub has what was produced to {topic}")
        return self.records(topic)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    broker = embedded.start()
    hub, stop = Hub(History()), asyncio.Event()
    try:
        for name in TOPICS:
            await asyncio.to_thread(broker.create_topic, name)
            await hub.open(TopicInfo(name, (0,), "e"), "e")
        fanning = asyncio.create_task(supervise("fan-out", lambda: inline.run_inline(hub, stop), stop))
        yield Stage(hub, Producer({"bootstrap.servers": broker.address, "log_level": 0}))
        stop.set()
        hub.changed.set()
        await fanning
    finally:
        stop.set()
        carried.forget()
        await hub.close()
        await hub.history.close()
        embedded.stop()


@pytest.fixture(autouse=True)
def _forget() -> None:
    carried.forget()


def offsets(records: list[dict[str, Any]]) -> list[int]:
    return [record["offset"] for record in records]


async def test_a_slow_registry_holds_up_what_needs_it_and_nothing_else() -> None:
    async with stage() as on:
        slow = Slow()
        carried.put(Carried("avro", asked=slow))
        on.produce("avro", b"\x00\x00\x00\x00\x01\x0e", b'{"n": 0}', b"{}")
        on.produce("plain", b"1")
        await on.until("plain", lambda records: len(records) == 1)
        on.produce("avro", b"\x00\x00\x00\x00\x01\x10")
        on.produce("plain", b"2")
        await on.until("plain", lambda records: len(records) == 2)
        assert on.records("avro") == []
        slow.schema = make("avro", AVRO, id=1)
        slow.answered.set()
        records = await on.until("avro", lambda records: len(records) == 4)
        assert offsets(records) == [0, 1, 2, 3]
        assert [record["value"] for record in records] == [{"n": 7}, {"n": 0}, {}, {"n": 8}]


async def test_what_a_registry_does_not_tell_in_time_comes_undecoded() -> None:
    async with stage() as on:
        slow = Slow()
        slow.answered.set()  # it was waited for, and did not answer
        carried.put(Carried("avro", asked=slow))
        on.produce("avro", b"\x00\x00\x00\x00\x01\x0e", b"{}")
        records = await on.until("avro", lambda records: len(records) == 2)
        assert "not known yet" in records[0]["problem"]
        assert offsets(records) == [0, 1]


async def test_a_format_that_changes_while_records_come_loses_none() -> None:
    async with stage() as on:
        formats = [Carried("avro", parts.form("avro", AVRO, ""), version="1"), Carried("avro", version="2")]
        for number in range(20):
            carried.put(formats[number % 2])
            on.produce("avro", *[b"\x0e"] * 25)
            await until(partial(on.has_more, "avro", 25 * number), "the next of them")
        records = await on.until("avro", lambda records: len(records) == 500)
        assert offsets(records) == list(range(500))
        assert {str(record["value"]) for record in records} == {"{'n': 7}", "\x0e"}


async def test_history_is_read_by_the_format_of_now() -> None:
    async with stage() as on:
        on.produce("avro", b"\x0e")
        await on.until("avro", lambda records: len(records) == 1)
        for format_, value in ((parts.form("avro", AVRO, ""), {"n": 7}), (parts.form("hex", "", ""), "0e")):
            carried.put(Carried("avro", format_, version=format_.name))
            [part] = await on.hub.history.page("avro", 0, 0, 1)
            assert json.loads(part.records[0].data)["value"] == value
        record = json.loads((await on.hub.history.record("avro", 0, 0)).data)
        assert (record["value"], record["raw"], record["key_raw"]) == ("0e", "Dg==", "aw==")
