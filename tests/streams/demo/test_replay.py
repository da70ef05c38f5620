"""The demonstration's stream goes into the embedded broker, at a pace that is pleasant to watch."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Any

import orjson
import pytest
from django.test import override_settings

from streams.decoding import avro
from streams.demo import replay
from streams.kafka import embedded
from streams.runtime.away import Unavailable
from tests.support.reading import records
from tests.support.waiting import until


def test_the_file_holds_a_week_with_what_people_look_at() -> None:
    earthquakes = replay.load()
    assert len(earthquakes) == 1707
    assert len({quake["id"] for quake in earthquakes}) == 1707
    times = [quake["properties"]["time"] for quake in earthquakes]
    assert times == sorted(times)
    assert 6.5 < (times[-1] - times[0]) / 86_400_000 < 7.5
    assert all(quake["properties"].keys() >= {"mag", "place", "time", "type", "url"} for quake in earthquakes)
    assert replay.FILE.stat().st_size < 500_000


def test_the_pace_is_varied_and_three_to_four_a_second() -> None:
    pauses = [pause for _, _, pause in islice(replay.endless(replay.load()), 1707)]
    assert 3 < len(pauses) / sum(pauses) < 4
    assert min(pauses) == replay.SHORTEST_S
    assert max(pauses) == replay.LONGEST_S
    assert len(set(pauses)) > 1000


def test_it_goes_round_and_round_from_anywhere() -> None:
    keys = [key for key, _, _ in islice(replay.endless(replay.load(), 1705), 4)]
    all_keys = [quake["id"].encode() for quake in replay.load()]
    assert keys == [*all_keys[1705:], *all_keys[:2]]


async def test_it_publishes_until_it_is_stopped() -> None:
    broker = await asyncio.to_thread(embedded.start)
    try:
        stop = asyncio.Event()
        running = asyncio.create_task(replay.run(stop))

        async def found() -> list[object]:
            return await asyncio.to_thread(records, broker.address, replay.TOPIC)

        await until(found, "a record")
        stop.set()
        async with asyncio.timeout(30):
            await running
        record = (await asyncio.to_thread(records, broker.address, replay.TOPIC))[0]
        assert orjson.loads(record.value())["id"] == record.key().decode()
        packed = (await asyncio.to_thread(records, broker.address, replay.AVRO_TOPIC))[0]
        assert packed.key() == record.key()
        assert packed.value() == replay.as_avro(replay.load())[record.key()]
    finally:
        await asyncio.to_thread(embedded.stop)


async def test_it_begins_with_the_hour_before_as_if_it_had_run_so_long() -> None:
    broker = await asyncio.to_thread(embedded.start)
    try:
        began = time.time()
        place = await asyncio.to_thread(replay.publish_past, broker)
        ended = time.time()
        past = await asyncio.to_thread(records, broker.address, replay.TOPIC)
        times = sorted(record.timestamp()[1] / 1000 for record in past)
        assert began - replay.PAST_S - replay.LONGEST_S <= times[0] <= ended - replay.PAST_S + 1
        assert times[-1] < ended
        assert 3 < len(past) / (times[-1] - times[0]) < 4
        for partition in {record.partition() for record in past}:
            own = [record.timestamp()[1] for record in past if record.partition() == partition]
            assert own == sorted(own)
        assert {tuple(record.headers()) for record in past} == {tuple(replay.HEADERS)}
        packed = await asyncio.to_thread(records, broker.address, replay.AVRO_TOPIC)
        assert sorted(record.timestamp()[1] / 1000 for record in packed) == times

        stop = asyncio.Event()
        running = asyncio.create_task(replay.run(stop, place))

        async def gone_on() -> Any:
            found = await asyncio.to_thread(records, broker.address, replay.TOPIC)
            fresh = sorted(found, key=lambda record: record.timestamp()[1])[len(past) :]
            return fresh if len(fresh) > 2 else None

        fresh = await until(gone_on, "live records")
        stop.set()
        async with asyncio.timeout(30):
            await running
        keys = [quake["id"].encode() for quake in replay.load()]
        last = max(past, key=lambda record: record.timestamp()[1])
        assert keys.index(last.key()) == (place - 1) % len(keys)
        assert [record.key() for record in fresh] == [keys[(place + n) % len(keys)] for n in range(len(fresh))]
        homes = {record.key(): record.partition() for record in past}
        assert [record.partition() for record in fresh] == [homes[record.key()] for record in fresh]
        assert {tuple(record.headers()) for record in fresh} == {tuple(replay.HEADERS)}
    finally:
        await asyncio.to_thread(embedded.stop)


def test_every_earthquake_is_there_as_avro_too_with_what_it_says() -> None:
    earthquakes = replay.load()
    packed = replay.as_avro(earthquakes)
    schema = avro.parse(replay.SCHEMA.read_text())
    assert len(packed) == 1707
    for quake in earthquakes:
        found = orjson.loads(schema.decode(packed[quake["id"].encode()]).json)
        assert (found["magnitude"], found["felt_by"]) == (quake["properties"]["mag"], quake["properties"]["felt"])
        assert [*found["where"].values()] == quake["geometry"]["coordinates"]
        assert found["time"].startswith("2018-0")


async def test_it_never_publishes_into_a_real_kafka() -> None:
    with pytest.raises(Unavailable):
        await replay.run(asyncio.Event())
    broker = await asyncio.to_thread(embedded.start)
    try:
        with override_settings(KAFKA_BOOTSTRAP_SERVERS=[broker.address]), pytest.raises(Unavailable):
            await replay.run(asyncio.Event())
    finally:
        await asyncio.to_thread(embedded.stop)
