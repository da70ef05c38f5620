"""A client that reads but acknowledges nothing, on every kind of server: what is on the way to it stays bounded, it is
told what it missed, and a second time it has to go. The others notice nothing."""

from __future__ import annotations

import asyncio

import pytest

from streams.hub.connection import UNACKED_BYTES
from tests.conftest import Install
from tests.support.client import FRAME_BYTES, Connection, Follower, Frame
from tests.support.processes import Installation, Process
from tests.support.services import Kafka

VALUE = b'"' + b"x" * 8000 + b'"'
RECORDS = 3500  # 28 MB: more than the log keeps (16 MiB) and may be on the way (4 MiB) together

PART = 350  # 2.8 MB


@pytest.fixture
def installation(install: Install, kafka: Kafka) -> Installation:
    return install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())


@pytest.fixture(params=("transport", "uvicorn", "daphne"))
def web(request: pytest.FixtureRequest, installation: Installation) -> Process:
    if request.param == "daphne":
        return installation.daphne()
    return installation.web(ws="websockets-sansio" if request.param == "uvicorn" else None)


class Lazy:
    """Reads, and acknowledges only when told to. position: the next offset; size: bytes of all values."""

    def __init__(self, connection: Connection, topic: str) -> None:
        self.connection, self.topic = connection, topic
        self.stream = ""
        self.position = self.size = 0

    async def subscribe(self) -> None:
        self.stream = (await self.connection.subscribe(topic=self.topic, start={"latest": True}))["stream"]

    async def read_what_was_sent(self) -> None:
        """An error that is asked for comes behind it."""
        await self.connection.send(type="subscribe", id=99)
        while (frame := await self.connection.receive_type("records", "error"))["type"] == "records":
            self._apply(frame)

    async def acknowledge_until(self, kind: str) -> Frame:
        """Acknowledges what it has, and what still comes, up to the first frame of this type."""
        while True:
            await self.connection.send(type="ack", stream=self.stream, positions={"0": self.position})
            frame = await self.connection.receive_type("records", "gap", "goodbye")
            if frame["type"] == kind:
                return frame
            self._apply(frame)

    def _apply(self, frame: Frame) -> None:
        for part in frame["ranges"]:
            assert part["from"] == self.position
            self.position = part["to"]
            self.size += sum(record["size"] for record in part.get("records", ()))


async def flow(kafka: Kafka, topic: str, reader: Follower, slow: Connection) -> None:
    """RECORDS more, in parts that the reader has before the next comes: it is never slow itself.
    The other one shows all the while that it is there."""
    end = reader.positions[0] + RECORDS
    while reader.positions[0] < end:
        goal = reader.positions[0] + PART
        await slow.send(type="ack")
        await asyncio.to_thread(kafka.produce, topic, [VALUE] * PART)
        await reader.until(lambda goal=goal: reader.positions == {0: goal}, "all of it at the other client", 60)


async def test_a_client_that_acknowledges_nothing_is_told_and_then_sent_away(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = kafka.create_topic(partitions=1)
    installation.watch(topic)
    async with (
        Follower(web.url, installation.token, topic) as quick,
        Connection(web.url, token=installation.token, max_queue=None) as slow,  # its library reads on
    ):
        await quick.subscribed()
        lazy = Lazy(slow, topic)
        await lazy.subscribe()

        await flow(kafka, topic, quick, slow)
        await lazy.read_what_was_sent()
        assert 0 < lazy.size < UNACKED_BYTES + FRAME_BYTES
        gap = await lazy.acknowledge_until("gap")
        assert gap["reason"] == "slow"
        assert gap["ranges"] == [{"partition": 0, "from": lazy.position, "to": RECORDS}]
        assert lazy.size < UNACKED_BYTES + FRAME_BYTES

        lazy.position = RECORDS
        await flow(kafka, topic, quick, slow)
        await lazy.read_what_was_sent()
        assert (await lazy.acknowledge_until("goodbye"))["code"] == 4008
        assert await slow.close_code() == 4008
    assert not quick.gaps
