"""What a client may ask for over its socket: each malformed frame is told, and nothing else comes of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine
from typing import Any
from unittest import TestCase, mock

import pytest

from streams.hub import rights_watch
from streams.hub.rights_watch import RightsWatch
from streams.kafka.history import Bounds
from streams.socket import requests
from streams.socket.requests import Requests
from streams.wire.ranges import Range
from tests.support.readers import Client, Table, opened
from tests.support.waiting import until

SUBSCRIBE = {"type": "subscribe", "id": 7, "topic": "t", "start": {"latest": True}}
ACK = {"type": "ack", "stream": "t", "positions": {"0": 1}}
MALFORMED: list[Any] = [
    {key: value for key, value in SUBSCRIBE.items() if key != "id"},
    {key: value for key, value in SUBSCRIBE.items() if key != "topic"},
    {key: value for key, value in SUBSCRIBE.items() if key != "start"},
    SUBSCRIBE | {"id": True},
    SUBSCRIBE | {"id": "7"},
    SUBSCRIBE | {"filter": 5},
    SUBSCRIBE | {"start": {}},
    SUBSCRIBE | {"start": {"latest": True, "last": 3}},
    SUBSCRIBE | {"start": {"last": 0}},
    SUBSCRIBE | {"start": {"last": 2001}},
    SUBSCRIBE | {"start": {"timestamp": -1}},
    SUBSCRIBE | {"start": {"cursor": {"epoch": "x"}}},
    SUBSCRIBE | {"start": {"cursor": {"epoch": "x", "positions": {"a": 1}}}},
    ACK | {"positions": 3},
    ACK | {"positions": {"0": -1}},
    ACK | {"positions": {"0": 1.5}},
    ACK | {"positions": {"0": True}},
    ACK | {"positions": {"first": 1}},
    ACK | {"stream": 5},
    {"type": "unsubscribe"},
    {"type": "unsubscribe", "stream": 5},
    {"type": "dance"},
    [],
]


class Asking:
    """A client of a hub with the topic `t`, and what its requests started."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.started: list[object] = []
        self._requests = Requests(client.hub, RightsWatch(client.hub), client.connection, self._start)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self.started.append(work)
        work.close()

    def send(self, text: str) -> list[dict[str, Any]]:
        """The frames that answer it."""
        before = len(self.client.frames)
        self._requests.handle({"type": "websocket.receive", "text": text})
        return self.client.frames[before:]


@pytest.mark.parametrize("frame", MALFORMED, ids=json.dumps)
async def test_what_cannot_be_understood_gets_one_error_and_starts_nothing(frame: Any) -> None:
    hub, _ = await opened({0: 10})
    asking = Asking(Client(hub))
    [error] = asking.send(json.dumps(frame))
    assert (error["type"], error["code"]) == ("error", "bad_request")
    assert error["message"]
    assert error.get("id") == (frame["id"] if isinstance(frame, dict) and type(frame.get("id")) is int else None)
    assert not asking.started
    assert asking.client.is_there()
    assert asking.send(json.dumps(SUBSCRIBE)) == []
    assert len(asking.started) == 1
    await hub.close()


@pytest.mark.parametrize("text", ["", "nonsense", "{", '{"type": "ack"', "3", "null"])
async def test_what_is_no_json_object_gets_an_error(text: str) -> None:
    hub, _ = await opened({0: 10})
    [error] = Asking(Client(hub)).send(text)
    assert (error["code"], "id" in error) == ("bad_request", False)
    await hub.close()


async def test_what_a_client_tells_of_jumps_does_not_fill_the_log() -> None:
    hub, _ = await opened({0: 10})
    asking = Asking(Client(hub))
    asking.client.connection.topics = {"t": "t"}
    told = SUBSCRIBE | {"jumps": 1}
    with TestCase().assertLogs("streams.socket.requests") as log:
        asking.send(json.dumps(told | {"topic": "nowhere\nERROR forged"}))
        for _ in range(10):
            asking.send(json.dumps(told))
    [line] = log.output
    assert "1 ranges of t that did not join" in line
    await hub.close()


async def test_a_topic_that_is_not_open_is_unknown_only_where_kafka_does_not_have_it() -> None:
    hub, _ = await opened({0: 10})
    client = Client(hub)
    client.connection.topics = {"u": "u"}
    tasks: list[asyncio.Task[None]] = []
    asking = Requests(hub, RightsWatch(hub), client.connection, lambda work: tasks.append(asyncio.create_task(work)))

    async def refused() -> tuple[str, int]:
        client.frames.clear()
        asking.handle({"type": "websocket.receive", "text": json.dumps(SUBSCRIBE | {"topic": "u"})})
        await asyncio.gather(*tasks)
        [error] = client.frames
        return error["code"], error["retry_after_ms"]

    assert await refused() == ("unavailable", requests.RETRY_OPENING_MS)
    hub.missing = frozenset({"u"})
    assert await refused() == ("unknown_topic", requests.RETRY_MISSING_MS)
    hub.set_link("down")
    assert await refused() == ("unavailable", requests.RETRY_AWAY_MS)
    await hub.close()


# In time ------------------------------------------------------------------------------------------------------------


class Deaf(Table):
    """A Kafka that does not answer, in one of several ways, until it is told to."""

    def __init__(self, way: str) -> None:
        super().__init__({0: 10})
        self.way, self.hears, self.is_asked = way, threading.Event(), False

    async def bounds(self, topic: str, partitions: Any) -> Bounds:
        await self._hang()
        return await super().bounds(topic, partitions)

    async def offsets_at(self, topic: str, bounds: Bounds, timestamp: int) -> dict[int, int]:
        await self._hang()
        return dict.fromkeys(bounds.ends, 0)

    async def page(self, *asked: Any, **how: Any) -> list[Range]:
        await self._hang()
        return await super().page(*asked, **how)

    async def _hang(self) -> None:
        self.is_asked = True
        try:
            while not self.hears.is_set():
                await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            if self.way == "stops":
                raise
            if self.way == "answers all the same":
                return
            while not self.hears.is_set():  # cleans up, and is cancelled again and again
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)


STARTS: list[dict[str, Any]] = [
    {"latest": True},
    {"last": 2000},
    {"timestamp": 0},
    {"cursor": {"epoch": "e", "positions": {"0": 3}}},
    {"cursor": {"epoch": "another", "positions": {}}},
]


@pytest.mark.parametrize("way", ["stops", "answers all the same", "never ends"])
@pytest.mark.parametrize("start", STARTS, ids=json.dumps)
async def test_a_subscribe_is_answered_in_time_whatever_kafka_does(start: dict[str, Any], way: str) -> None:
    """And so is the next one, as soon as Kafka is back: nothing is left of the first."""
    hub, _ = await opened({0: 10})
    deaf = Deaf(way)
    hub.history = deaf
    client = Client(hub)
    client.connection.topics = {"t": "t"}
    client.positions = {0: start.get("cursor", {}).get("positions", {}).get("0", 0)}
    tasks: list[asyncio.Task[None]] = []
    asking = Requests(hub, RightsWatch(hub), client.connection, lambda work: tasks.append(asyncio.create_task(work)))
    with mock.patch.object(requests, "SUBSCRIBE_TIMEOUT_S", 0.1):
        asking.handle({"type": "websocket.receive", "text": json.dumps(SUBSCRIBE | {"start": start})})
        await until(lambda: client.frames, "it is answered")
    [error] = client.frames
    assert (error["type"], error["id"], error["code"]) == ("error", 7, "unavailable")
    assert error["retry_after_ms"] > 0
    assert not client.connection.streams
    deaf.hears.set()
    asking.handle({"type": "websocket.receive", "text": json.dumps(SUBSCRIBE | {"id": 8, "start": start})})
    await until(lambda: len(client.frames) > 1, "it is answered once Kafka hears")
    assert (client.frames[1]["type"], client.frames[1]["id"]) == ("subscribed", 8)
    await asyncio.gather(*tasks)
    await hub.close()


async def test_a_right_that_is_taken_away_while_kafka_is_asked_delivers_nothing() -> None:
    hub, _ = await opened({0: 10})
    deaf = Deaf("stops")
    hub.history = deaf
    client = Client(hub)
    client.connection.topics = {"t": "t", "other": "other"}
    tasks: list[asyncio.Task[None]] = []
    asking = Requests(hub, RightsWatch(hub), client.connection, lambda work: tasks.append(asyncio.create_task(work)))
    asking.handle({"type": "websocket.receive", "text": json.dumps(SUBSCRIBE | {"start": {"last": 5}})})
    await until(lambda: deaf.is_asked, "Kafka is asked")
    rights_watch.tell(hub, client.connection, {"other": "other"})
    deaf.hears.set()
    await asyncio.gather(*tasks)
    assert [frame["type"] for frame in client.frames] == ["topics", "error"]
    assert client.frames[1]["code"] == "unknown_topic"
    assert not client.connection.streams
    await hub.close()


async def test_one_that_ends_late_takes_nothing_from_the_next_of_its_name() -> None:
    hub, _ = await opened({0: 10})
    first, second = Deaf("never ends"), Deaf("stops")
    hub.history = first
    client = Client(hub)
    client.connection.topics = {"t": "t"}
    tasks: list[asyncio.Task[None]] = []
    asking = Requests(hub, RightsWatch(hub), client.connection, lambda work: tasks.append(asyncio.create_task(work)))

    def ask(number: int) -> None:
        asking.handle({"type": "websocket.receive", "text": json.dumps(SUBSCRIBE | {"id": number})})

    with mock.patch.object(requests, "SUBSCRIBE_TIMEOUT_S", 0.1):
        ask(7)
        await until(lambda: client.frames, "it is answered that Kafka is away")
    hub.history = second
    ask(8)
    await until(lambda: second.is_asked, "the next is under way")
    first.hears.set()
    await tasks[0]
    ask(9)
    assert (client.frames[-1]["id"], client.frames[-1]["code"]) == (9, "duplicate")
    second.hears.set()
    await tasks[1]
    assert (client.frames[-1]["type"], client.frames[-1]["id"]) == ("subscribed", 8)
    await hub.close()
