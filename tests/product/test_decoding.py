"""Records that name a schema, through a whole web process with a registry beside it."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import fastavro
import httpx
from confluent_kafka import Producer

from tests.conftest import Install
from tests.support.client import Connection, Follower
from tests.support.processes import CALL_SECONDS, SESSION_COOKIE, USERS, Installation, Process, session_of
from tests.support.services import Registry
from tests.support.waiting import until

TOPIC = "decoded"
AVRO = '{"type": "record", "name": "shop.Order", "fields": [{"name": "n", "type": "long"}]}'
LONG = (
    '{"type": "record", "name": "shop.Long", "fields": [{"name": "n", "type": "long"},'
    ' {"name": "text", "type": "string"}]}'
)


def order(number: int, size: int) -> bytes:
    """A value by LONG, with a text of so many characters."""
    data = io.BytesIO()
    fastavro.schemaless_writer(data, json.loads(LONG), {"n": number, "text": "x" * size})
    return data.getvalue()


def producer(web: Process) -> Producer:
    """A producer to the embedded broker of a process, whose log names its address."""
    return Producer({"bootstrap.servers": web.broker(), "log_level": 0})


def produce(web: Process, *values: bytes) -> None:
    kafka = producer(web)
    for value in values:
        kafka.produce(TOPIC, value, key=b"k", partition=0)
    assert kafka.flush(CALL_SECONDS) == 0


def framed(number: int, data: bytes) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + data


async def get(installation: Installation, web: Process, path: str) -> Any:
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        headers = {"Authorization": f"Bearer {installation.token}"}
        return await client.get(f"{web.url}{path}", headers=headers)


async def test_a_record_arrives_decoded_and_tells_its_bytes_and_schema(install: Install, registry: Registry) -> None:
    number = registry.register(f"{TOPIC}-value", AVRO)
    installation = install(SCHEMA_REGISTRY_URL=registry.url)
    installation.watch(TOPIC)
    web = installation.web()
    await until(lambda: "registry: ok\n" in web.readyz(), "the registry is there")
    async with Follower(web.url, installation.token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        produce(web, framed(number, b"\x0e"), b'{"n": 1.50}', framed(number, b"\x0e\x00"))
        await follower.until(lambda: len(follower.records) == 3, "three records")
        first, second, third = (record for _, record in follower.records)
    assert (first["value"], first["encoding"], first["format"]) == ({"n": 7}, "json", "avro")
    assert first["schema"] == {"id": number, "subject": f"{TOPIC}-value", "version": 1, "name": "shop.Order"}
    assert second.keys() == {"offset", "timestamp", "key", "headers", "size", "encoding", "value"}
    assert "1 bytes are left over" in third["problem"]
    whole = (await get(installation, web, f"/api/topics/{TOPIC}/records/0/0")).json()
    assert (whole["value"], whole["raw"], whole["key_raw"]) == (
        {"n": 7},
        base64.b64encode(framed(number, b"\x0e")).decode(),
        "aw==",
    )
    by_bytes = f"/api/topics/{TOPIC}/records/0/0?value_format=hex&key_format=base64"
    read = (await get(installation, web, by_bytes)).json()
    assert (read["value"], read["format"], read["key"]) == (framed(number, b"\x0e").hex(), "hex", "aw==")
    assert (await get(installation, web, f"/api/topics/{TOPIC}/records/0/0?value_format=xml")).status_code == 422
    assert (await get(installation, web, f"/api/topics/{TOPIC}/records/0/0")).json() == whole  # nobody else sees it so
    schema = (await get(installation, web, f"/api/topics/{TOPIC}/records/0/0/schema")).json()
    assert (schema["format"], schema["text"], schema["schema"]["id"]) == ("avro", AVRO, number)
    for path in ("0/1/schema", "0/0/schema?part=key", "0/99/schema"):
        assert (await get(installation, web, f"/api/topics/{TOPIC}/records/{path}")).status_code == 404


async def test_without_the_registry_records_come_and_say_why(install: Install, registry: Registry) -> None:
    installation = install(SCHEMA_REGISTRY_URL="http://127.0.0.1:9")
    installation.watch(TOPIC)
    web = installation.web()
    ready = await get(installation, web, "/readyz")
    assert ready.status_code == 200
    assert "registry: down since" in ready.text
    async with Follower(web.url, installation.token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        produce(web, framed(1, b"\x0e"), b"{}")
        await follower.until(lambda: len(follower.records) == 2, "both records")
        assert "registry is away since" in follower.records[0][1]["problem"]


async def test_filters_look_into_decoded_values_live_and_when_tried_however_long_they_are(install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    installation.query(
        f"UPDATE streams_topic SET value_format = 'avro', value_schema = '{LONG}', formats_version = 'x'"
        f" WHERE name = '{TOPIC}'"
    )
    web = installation.web()
    chosen = 'format == "avro" && value.n >= 8 && value.text.startsWith("x")'
    async with Connection(web.url, token=installation.token) as connection:
        await connection.subscribe(topic=TOPIC, start={"latest": True}, filter=chosen)
        produce(web, *(order(n, size) for n, size in ((7, 1), (8, 1), (9, 20_000), (7, 20_000), (10, 1))))
        found: list[int] = []
        while 4 not in found:
            frame = await connection.receive_type("records")
            found += [record["offset"] for part in frame["ranges"] for record in part["records"]]
        assert found == [1, 2, 4]
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        tried = await client.post(
            f"{web.url}/api/filters/check",
            json={"filter": chosen, "topic": TOPIC},
            headers={"Authorization": f"Bearer {installation.token}"},
        )
    assert [tried.json()[name] for name in ("records", "matched", "failed", "unchecked")] == [5, 3, 0, 0]


async def test_formats_that_are_not_saved_yet_are_tried_on_the_newest_records(install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        produce(web, b"\x0e")
        await follower.until(lambda: len(follower.records) == 1, "the record")
    [(number,)] = installation.query(f"SELECT id FROM streams_topic WHERE name = '{TOPIC}'")
    token = "c" * 32
    cookies = {SESSION_COOKIE: session_of(USERS[0]), "csrftoken": token}
    form = {"name": TOPIC, "value_format": "avro", "value_schema": AVRO, "key_format": "hex"}
    async with httpx.AsyncClient(base_url=web.url, cookies=cookies, timeout=CALL_SECONDS) as browser:
        address = f"/admin/streams/topic/{number}/preview/"
        answer = await browser.post(address, data=form, headers={"X-CSRFToken": token})
    assert answer.status_code == 200
    assert "avro / hex" in answer.text
    assert "&quot;n&quot;: 7" in answer.text
    assert installation.query(f"SELECT value_format FROM streams_topic WHERE name = '{TOPIC}'") == [("auto",)]


async def test_a_format_that_is_set_while_people_watch_is_seen_within_seconds(install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        produce(web, b"\x0e")
        installation.query(
            f"UPDATE streams_topic SET value_format = 'hex', formats_version = 'x' WHERE name = '{TOPIC}'"
        )

        def as_hex() -> bool:
            produce(web, b"\x0e")
            return bool(follower.records) and follower.records[-1][1]["value"] == "0e"

        await until(as_hex, "the new format")
        offsets = [record["offset"] for _, record in follower.records]
        assert offsets == list(range(len(offsets)))
        assert not follower.gaps
