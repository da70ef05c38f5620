"""One board by another format: a stream of one's own, live and in the past, in a running product."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Iterator

import fastavro
import httpx
import pytest
from confluent_kafka import Producer

from tests.conftest import Install
from tests.support.client import Connection, Follower
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation, run_command
from tests.support.searching import search, searcher
from tests.support.services import Kafka, Postgres, Redis
from tests.support.waiting import until
from tests.support.wire import RECOVERY_SECONDS

TOPIC = "seen-otherwise"
SCHEMA = (
    '{"type": "record", "name": "shop.Order", "fields": [{"name": "n", "type": "long"},'
    ' {"name": "text", "type": "string"}]}'
)
BY_SCHEMA = f"UPDATE streams_topic SET value_format = 'avro', value_schema = '{SCHEMA}', formats_version = 'x'"
PARTITIONS = 3
HEX = {"value_format": "hex"}


def order(number: int) -> bytes:
    data = io.BytesIO()
    fastavro.schemaless_writer(data, json.loads(SCHEMA), {"n": number, "text": "x" * (number % 40)})
    return data.getvalue()


def produce(kafka: Producer, topic: str, numbers: range) -> None:
    for number in numbers:
        kafka.produce(topic, order(number), key=b"k%d" % number, partition=number % PARTITIONS)
    assert kafka.flush(CALL_SECONDS) == 0


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running embedded product, with a topic of Avro."""
    installation = make_installation(tmp_path_factory.mktemp("views"), None, {})
    installation.watch(TOPIC)
    installation.query(f"{BY_SCHEMA} WHERE name = '{TOPIC}'")
    yield installation, installation.web()
    installation.close()


@pytest.fixture
async def client(product: tuple[Installation, Process]) -> AsyncIterator[httpx.AsyncClient]:
    installation, web = product
    async with Follower(web.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
    async with searcher(web, installation.token) as made:
        yield made


def check(plain: Follower, other: Follower, numbers: range) -> None:
    """Both have every record once, in the order of its partition; one as orders, the other as their bytes."""
    for follower, shown in ((plain, lambda number: json.loads(json.dumps({"n": number, "text": "x" * (number % 40)}))),
                            (other, lambda number: order(number).hex())):  # fmt: skip
        for partition in range(PARTITIONS):
            values = [record["value"] for place, record in follower.records if place == partition]
            assert values == [shown(number) for number in numbers if number % PARTITIONS == partition]
        assert not follower.gaps
        assert not follower.duplicates


async def test_two_watch_one_topic_by_two_formats_and_nothing_is_missing_or_twice(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    kafka = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
    async with (
        Follower(web.url, installation.tokens["alice"], TOPIC) as plain,
        Follower(web.url, installation.tokens["bob"], TOPIC, view=HEX) as other,
    ):
        await plain.subscribed()
        await other.subscribed()
        assert plain.stream == TOPIC
        assert str(other.stream).startswith(f"{TOPIC}?")
        begun = len(plain.records)
        for start in range(0, 600, 50):
            await asyncio.to_thread(produce, kafka, TOPIC, range(start, start + 50))
            if start == 300:
                other.drop()  # it goes on with its cursor, from the past
        for follower in (plain, other):
            await follower.until(lambda follower=follower: len(follower.records) == 600, "all records")
        assert begun == 0
        check(plain, other, range(600))
        assert {record["format"] for _, record in other.records} == {"hex"}
        assert {record["format"] for _, record in plain.records} == {"avro"}


async def test_a_filter_sees_what_the_format_shows_and_the_past_joins(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    kafka = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
    await asyncio.to_thread(produce, kafka, TOPIC, range(6))
    chosen = f'value == "{order(3).hex()}" && format == "hex"'
    async with Connection(web.url, token=installation.token) as connection:
        begun = await connection.subscribe(topic=TOPIC, start={"last": 1}, filter=chosen, **HEX, key_format="base64")
        assert [begun[name] for name in ("filter", "value_format", "key_format")] == [chosen, "hex", "base64"]
        assert begun["last"]["records"] == 1
        await asyncio.to_thread(produce, kafka, TOPIC, range(6))
        keys: list[str] = []
        while len(keys) < 2:
            frame = await connection.receive_type("records")
            keys += [record["key"] for part in frame["ranges"] for record in part["records"]]
        assert keys == ["azM="] * 2


async def test_what_cannot_be_read_so_is_refused_with_the_field(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    said = f"key_format avro: There is no schema registry, and {TOPIC} has no avro schema of its own for its keys."
    async with Connection(web.url, token=installation.token) as connection:
        for asked, begin in (({"value_format": "xml"}, "subscribe: value_format must be one of auto"),
                             ({"key_format": "avro"}, f"subscribe: {said}")):  # fmt: skip
            await connection.send(type="subscribe", id=7, topic=TOPIC, start={"latest": True}, **asked)
            frame = await connection.receive_type("error", "subscribed")
            assert (frame["id"], frame["code"]) == (7, "bad_format")
            assert frame["message"].startswith(begin)
    asked = {"value_format": "hex", "key_format": "avro"}
    for answer in (
        await client.get(f"/api/topics/{TOPIC}/newest", params=asked),
        await client.get(f"/api/topics/{TOPIC}/records", params={"partition": 0, "from": 0, "to": 5, **asked}),
        await client.post(f"/api/topics/{TOPIC}/search", json=asked),
        await client.post("/api/filters/check", json={"filter": "true", "topic": TOPIC, **asked}),
    ):
        assert answer.status_code == 422, answer.text
        [problem] = answer.json()["detail"]
        assert problem["loc"][1] == "key_format"
        assert problem["msg"].startswith(said)
    assert (await client.get(f"/api/topics/{TOPIC}/newest?value_format=xml")).status_code == 422


async def test_the_past_is_read_searched_tried_and_exported_by_the_same_formats(
    product: tuple[Installation, Process], client: httpx.AsyncClient
) -> None:
    installation, web = product
    kafka = Producer({"bootstrap.servers": web.broker(), "log_level": 0})
    await asyncio.to_thread(produce, kafka, TOPIC, range(12))
    wanted = order(11).hex()
    chosen = f'value == "{wanted}"'
    own = (await client.get(f"/api/topics/{TOPIC}/newest?limit=12")).json()
    newest = (await client.get(f"/api/topics/{TOPIC}/newest", params={"limit": 12, **HEX})).json()
    pairs = [
        (record, other)
        for part, others in zip(own["ranges"], newest["ranges"], strict=True)
        for record, other in zip(part["records"], others["records"], strict=True)
    ]
    assert len(pairs) == 12
    assert all(other["value"] == order(record["value"]["n"]).hex() for record, other in pairs)
    assert own == (await client.get(f"/api/topics/{TOPIC}/newest?limit=12")).json()  # nobody else sees it so
    assert {record["format"] for part in own["ranges"] for record in part["records"]} == {"avro"}

    part = newest["ranges"][0]
    place = {name: part[name] for name in ("partition", "from", "to")}
    page = await client.get(f"/api/topics/{TOPIC}/records", params={**place, **HEX})
    assert page.json()["records"] == part["records"]

    found = await search(client, TOPIC, filter=chosen, limit=1, **HEX)
    assert [record["value"] for record in found.found.values()] == [wanted]
    tried = (await client.post("/api/filters/check", json={"filter": chosen, "topic": TOPIC, **HEX})).json()
    assert tried["matched"] >= 1
    assert tried["examples"]["matched"][0]["record"]["value"] == wanted

    installation.query("UPDATE auth_user SET is_superuser = 1")
    lines = (await client.get(f"/api/topics/{TOPIC}/export", params={"filter": chosen, **HEX, "key_format": ""})).text
    *rows, end = [json.loads(line) for line in lines.splitlines()]
    assert end["reason"] == "complete"
    assert {row["value"] for row in rows} == {wanted}


@pytest.mark.slow
async def test_with_bridges_a_view_gets_what_the_topic_gets_while_one_of_them_dies(
    install: Install, kafka: Kafka, postgres: Postgres, redis: Redis
) -> None:
    topic = await asyncio.to_thread(kafka.create_topic, partitions=PARTITIONS)
    installation = install(
        postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic(), REDIS_URL=redis.url()
    )
    installation.watch(topic)
    installation.query(f"{BY_SCHEMA} WHERE name = '{topic}'")
    web = installation.web(start=False)
    bridges = [installation.bridge(start=False) for _ in range(2)]
    for process in (web, *bridges):
        process.start(wait=False)
    for process in (web, *bridges):
        process.wait_healthy()
    producer = Producer({"bootstrap.servers": kafka.address, "log_level": 0})
    async with (
        Follower(web.url, installation.tokens["alice"], topic) as plain,
        Follower(web.url, installation.tokens["bob"], topic, view=HEX) as other,
    ):
        await plain.subscribed()
        await other.subscribed()
        for start in range(0, 600, 50):
            await asyncio.to_thread(produce, producer, topic, range(start, start + 50))
            if start == 200:
                bridges[0].kill()
            if start == 300:
                other.drop()
        for follower in (plain, other):
            await follower.until(lambda f=follower: len(f.records) == 600, "all records", RECOVERY_SECONDS)
        check(plain, other, range(600))

    # The commands read Kafka by themselves.
    command = ["manage.py", "search", topic, "offset == 0", "--columns", "value", "--value-format"]
    done = await asyncio.to_thread(run_command, [*command, "hex"], installation.env)
    assert {json.loads(line)["value"] for line in done.stdout.splitlines()} == {order(n).hex() for n in range(3)}
    refused = await asyncio.to_thread(run_command, [*command, "protobuf"], installation.env)
    assert refused.returncode == 1
    assert "--value-format protobuf: There is no schema registry" in refused.stderr
    await until(lambda: web.answers("/healthz"), "it goes on")
