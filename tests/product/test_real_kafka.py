"""Watching topics of a real Kafka: whatever is in them, and whatever happens to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from tests.streams.kafka.test_undecodable import NotUtf8, undecodable_builder
from tests.support import services
from tests.support.attention import Attention
from tests.support.client import Connection, Follower
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation
from tests.support.services import Kafka
from tests.support.waiting import until

BIG = b"x" * 1_000_000


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running product for the tests of this file: each of them watches topics of its own."""
    kafka = services.kafka()
    settings = {"KAFKA_BOOTSTRAP_SERVERS": kafka.address, "KAFKA_ITEMS_TOPIC": kafka.create_topic()}
    installation = make_installation(tmp_path_factory.mktemp("real-kafka"), None, settings)
    yield installation, installation.web()
    installation.close()


@pytest.fixture
def installation(product: tuple[Installation, Process]) -> Installation:
    return product[0]


@pytest.fixture
def web(product: tuple[Installation, Process]) -> Process:
    return product[1]


def watched(installation: Installation, kafka: Kafka, **config: Any) -> str:
    topic = kafka.create_topic(**config)
    installation.watch(topic)
    return topic


async def test_the_newest_records_are_given_however_many_aborted_ones_lie_behind_them(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = watched(installation, kafka, partitions=1)
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic})
    producer.init_transactions(30)
    for commits, count in ((True, 10), (False, 300), (False, 300)):
        producer.begin_transaction()
        for number in range(count):
            producer.produce(topic, str(number).encode())
        producer.flush(30)
        if commits:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    async with Follower(web.url, installation.token, topic, {"last": 5}) as follower:
        await follower.until(lambda: len(follower.records) >= 5, "the newest five")
        assert [record["value"] for _, record in follower.records] == [5, 6, 7, 8, 9]


async def test_every_kind_of_record_is_shown_as_what_it_is(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = watched(installation, kafka, partitions=1)
    values: list[tuple[bytes | None, str]] = [
        (b'{"a": 1}', "json"),
        (b"not json", "text"),
        (b"\xff\xfe", "base64"),
        (None, "none"),
        (BIG, "text"),
        (b'{"a": NaN}', "text"),
        (b"[" * 4000 + b"]" * 4000, "text"),
        (b"", "text"),
    ]
    async with Follower(web.url, installation.token, topic, {"last": 100}) as follower:
        await follower.subscribed()
        for value, _ in values:
            kafka.produce(topic, [value], key=b"key")
        kafka.produce(topic, [b"1"])
        kafka.produce(topic, [b"2"], key=b"\xff\x00")
        kafka.produce(topic, [b"3"], headers=[(f"h{n}", b"value") for n in range(5000)])
        await follower.until(lambda: len(follower.records) == len(values) + 3, "all records")
        shown = [record for _, record in follower.records]
    assert [record["encoding"] for record in shown[: len(values)]] == [encoding for _, encoding in values]
    assert [record.get("truncated", False) for record in shown[: len(values)]] == [
        value is not None and len(value) > 8192 for value, _ in values
    ]
    assert shown[4]["size"] == len(BIG)
    assert shown[8]["key"] is None
    assert shown[9]["key_encoding"] == "base64"
    assert (shown[10]["headers"], shown[10]["truncated"]) == ({}, True)
    assert follower.sockets == 1
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        whole = (await client.get(f"/api/topics/{topic}/records/0/4")).json()
        assert len(whole["value"]) == len(BIG)
        headers = (await client.get(f"/api/topics/{topic}/records/0/10")).json()["headers"]
        assert len(headers) == 5000


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read_live_and_from_history(
    installation: Installation, web: Process, kafka: Kafka, codec: str
) -> None:
    topic = watched(installation, kafka, partitions=1)
    async with Follower(web.url, installation.token, topic, {"latest": True}) as follower:
        await follower.subscribed()
        kafka.produce(topic, [b"%d" % n for n in range(100)], compression=codec)
        await follower.until(lambda: len(follower.records) == 100, "all records, live")
        assert [record["value"] for _, record in follower.records] == list(range(100))
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        part = (await client.get(f"/api/topics/{topic}/records?partition=0&from=0&to=100")).json()
    assert [record["value"] for record in part["records"]] == list(range(100))


async def test_what_cannot_be_decoded_is_a_gap_and_stops_nothing(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic, other = watched(installation, kafka, partitions=1), watched(installation, kafka, partitions=1)
    async with (
        Follower(web.url, installation.token, topic, {"latest": True}) as follower,
        Follower(web.url, installation.token, other, {"latest": True}) as beside,
    ):
        await follower.subscribed()
        await beside.subscribed()
        kafka.produce(topic, [b"0"])
        await produce_undecodable(kafka, topic, 3)
        kafka.produce(topic, [b"4"])
        kafka.produce(other, [b"0"])
        await follower.until(lambda: len(follower.records) == 2, "what stands around it")
        await beside.until(lambda: len(beside.records) == 1, "the other topic goes on")
        assert [record["offset"] for _, record in follower.records] == [0, 4]
        assert told(follower) == [(1, 4, "unavailable")]
        assert follower.sockets == 1
    async with Follower(web.url, installation.token, topic, {"timestamp": 0}) as again:
        await again.until(lambda: len(again.records) == 2, "what stands around it, from history")
        assert told(again) == [(1, 4, "unavailable")]
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        assert (await client.get(f"/api/topics/{topic}/records/0/2")).status_code == 404
        part = (await client.get(f"/api/topics/{topic}/records?partition=0&from=0&to=5")).json()
    assert [record["offset"] for record in part["records"]] == [0, 4]


def told(follower: Follower) -> list[tuple[int, int, str]]:
    return [(part["from"], part["to"], gap["reason"]) for gap in follower.gaps for part in gap["ranges"]]


async def produce_undecodable(kafka: Kafka, topic: str, records: int) -> None:
    """One batch of records, each with a header whose name is not UTF-8."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.address)
    async with producer:
        batch = producer.create_batch()
        batch._builder = undecodable_builder()
        for number in range(records):
            assert batch.append(key=None, value=b"%d" % number, timestamp=None, headers=[(NotUtf8("name"), b"")])
        await (await producer.send_batch(batch, topic, partition=0))


async def test_what_retention_took_is_a_gap_with_its_offsets(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    # Produced before it is watched: what the hub has in memory, it gives without asking Kafka.
    topic = kafka.create_topic(partitions=1)
    kafka.produce(topic, [str(n).encode() for n in range(50)])
    installation.watch(topic)
    async with Follower(web.url, installation.token, topic, {"last": 50}) as follower:
        await follower.until(lambda: len(follower.records) == 50, "50 records")
        epoch = follower.epoch
    kafka.delete_records(topic, {0: 30})
    start = {"cursor": {"epoch": epoch, "positions": {"0": 10}}}
    async with Follower(web.url, installation.token, topic, start) as follower:
        await follower.until(lambda: len(follower.records) == 20, "the rest")
    assert follower.unrecovered == ["retention"]
    assert [frame["ranges"] for frame in follower.gaps] == [[{"partition": 0, "from": 10, "to": 30}]]
    assert [record["offset"] for _, record in follower.records] == list(range(30, 50))
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        assert (await client.get(f"/api/topics/{topic}/records/0/3")).status_code == 410
        part = {"partition": 0, "from": 3, "to": 40}
        assert (await client.get(f"/api/topics/{topic}/records", params=part)).status_code == 410


async def test_a_partition_added_is_read_from_its_beginning(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = watched(installation, kafka, partitions=1)
    async with Follower(web.url, installation.token, topic) as follower:
        await follower.subscribed()
        kafka.add_partitions(topic, 3)
        for partition in range(3):
            kafka.produce(topic, [b"1"] * 20, partition=partition)
        await follower.until(lambda: len(follower.records) == 60, "records of all partitions", 60)
    assert {partition for partition, _ in follower.records} == {0, 1, 2}
    assert not follower.gaps


@pytest.fixture
def attention(kafka: Kafka) -> Iterator[Attention]:
    with Attention(kafka) as attention:
        yield attention


async def test_a_deleted_topic_is_told_stays_away_and_begins_a_new_life_when_it_returns(
    installation: Installation, web: Process, kafka: Kafka, attention: Attention
) -> None:
    topic = watched(installation, kafka, partitions=1)
    kafka.produce(topic, [b"1"] * 5)
    async with (
        Follower(web.url, installation.token, installation.items_topic) as neighbour,
        Connection(web.url, token=installation.token) as connection,
    ):
        await neighbour.until(lambda: "live" in neighbour.links, "the link is live")
        await connection.receive_type("welcome")
        await subscribe(connection, topic)
        kafka.delete_topic(topic)
        gone = await connection.receive_type("unsubscribed", timeout=60)
        assert gone["reason"] == "topic_gone"
        await connection.send(type="subscribe", id=2, topic=topic, start={"latest": True})
        assert (await connection.receive_type("error"))["code"] == "unknown_topic"
        # Two rounds of everybody's metadata later it is still away: nobody creates it by asking.
        assert topic not in kafka.admin().list_topics(timeout=10).topics
        kafka.create_topic(topic, partitions=1)
        kafka.produce(topic, [b"2"])
        answer = await subscribe(connection, topic)
        assert answer["cursor"]["positions"] == {"0": 0}
        assert "down" not in neighbour.links[neighbour.links.index("live") :] or attention.was_silent


async def test_a_topic_made_anew_under_a_reader_is_a_reset_or_a_new_stream(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = watched(installation, kafka, partitions=1)
    kafka.produce(topic, [b"old"] * 5)
    async with Follower(web.url, installation.token, topic, {"last": 5}) as follower:
        await follower.until(lambda: len(follower.records) == 5, "the old records")
        before = follower.epoch
    kafka.delete_topic(topic)
    kafka.create_topic(topic, partitions=1)
    kafka.produce(topic, [b"new"] * 2)
    start = {"cursor": {"epoch": before, "positions": {"0": 5}}}
    async with Follower(web.url, installation.token, topic, start) as follower:
        await follower.until(lambda: len(follower.records) == 2, "the new records", 60)
    assert follower.epoch != before
    assert follower.unrecovered == ["epoch"] or follower.resets


async def test_a_topic_that_kafka_lacks_is_not_created_by_watching_it(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    installation.manage("addtopic", "mistyped-topic")
    async with Connection(web.url, token=installation.token) as connection:
        await connection.receive_type("welcome")

        async def known() -> bool:
            await connection.send(type="subscribe", id=1, topic="mistyped-topic", start={"latest": True})
            return "yet" in (await connection.receive_type("error"))["message"]

        await until(lambda: "mistyped-topic" in topics_of(web, installation), "the topic is watched")
        await until(known, "the server has looked, and says so")
    assert "mistyped-topic" not in kafka.admin().list_topics(timeout=10).topics


async def subscribe(connection: Connection, topic: str) -> dict[str, Any]:
    """Subscribes as soon as the server knows the topic."""
    async with asyncio.timeout(60):
        while True:
            start = {"last": 10}
            await connection.send(type="subscribe", id=1, topic=topic, start=start)
            answer = await connection.receive_type("subscribed", "error")
            if answer["type"] == "subscribed":
                return answer
            await asyncio.sleep(0.2)


def topics_of(web: Process, installation: Installation) -> str:
    headers = {"Authorization": f"Bearer {installation.token}"}
    return json.dumps(httpx.get(f"{web.url}/api/topics/", headers=headers, timeout=CALL_SECONDS).json())


async def test_what_retention_takes_while_the_fan_out_stands_still_is_told_to_live_readers(
    installation: Installation, web: Process, kafka: Kafka
) -> None:
    topic = watched(installation, kafka, partitions=1)
    async with Follower(web.url, installation.token, topic) as follower:
        await follower.subscribed()
        kafka.produce(topic, [b"1"] * 5)
        await follower.until(lambda: len(follower.records) == 5, "the first records")
        web.pause()
        try:
            kafka.produce(topic, [b"2"] * 50)
            kafka.delete_records(topic, {0: 40})
        finally:
            web.resume()
        await follower.until(lambda: follower.positions == {0: 55}, "everything, or told", 60)
    told = {offset for gap in follower.gaps for part in gap["ranges"] for offset in range(part["from"], part["to"])}
    seen = {record["offset"] for _, record in follower.records}
    assert told | seen == set(range(55))
    assert told <= set(range(5, 40))
