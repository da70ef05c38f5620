"""The demonstration's streams: a real week of earthquakes, again and again, into the embedded broker, nowhere else.

As JSON and, in a topic of its own, as Avro whose schema the topic carries: so that decoding is seen at first sight. The
embedded broker begins empty, and a board of the last minutes with it: so the hour before the start is put there first,
as if this had run all the while. A header of each record says that it is replayed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import orjson
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from django.conf import settings

from streams.kafka import embedded
from streams.kafka.clients import client_options, end_within
from streams.runtime.away import Unavailable
from streams.runtime.tasks import pause

log = logging.getLogger(__name__)

TOPIC = "realtime-events"
AVRO_TOPIC = "realtime-events-avro"
FILE = Path(__file__).parent / "earthquakes.ndjson"  # its source and licence: README.md
SCHEMA = FILE.with_name("earthquake.avsc")
BOARD = Path(__file__).parent / "board.json"  # the board that the demonstration opens with
PAGE = "https://earthquake.usgs.gov/earthquakes/eventpage/"  # the file leaves it out: 87 KB
COMPRESSION = 1_200.0  # the week's spacing, 354 s on average, becomes 0.3 s: 3 to 4 a second
SHORTEST_S, LONGEST_S = 0.04, 1.5  # quiet hours and swarms stay pleasant to watch
HEADERS: list[tuple[str, Any]] = [("source", b"USGS, 31 January to 7 February 2018, replayed")]
PAST_S = 3_600.0  # before the start: the longest window that a board offers at a press
PAST_BATCH = 500  # records: the embedded broker gives a batch at a time, and as many are read at once
PAST_SENT_S = 10.0  # for all of it to be acknowledged; it takes a tenth of a second
SEND_S = 10.0  # for one record to be acknowledged
START_S = 10.0
STOP_S = 2.0  # for its polite end, and for the other one


async def run(stop: asyncio.Event, begin: int = 0) -> None:
    """Replays from the earthquake at `begin` on until `stop` is set. Raises Unavailable without the embedded broker,
    KafkaError or TimeoutError."""
    broker = embedded.current()
    if broker is None or settings.KAFKA_BOOTSTRAP_SERVERS:
        raise Unavailable("The demonstration is replayed into the embedded broker only.")
    for topic in (TOPIC, AVRO_TOPIC):
        await asyncio.to_thread(broker.create_topic, topic)
    earthquakes, packed = await asyncio.to_thread(_week)
    producer = AIOKafkaProducer(**client_options())
    try:
        async with asyncio.timeout(START_S):
            await producer.start()
        loop = asyncio.get_running_loop()
        due = loop.time()
        for key, value, spacing in endless(earthquakes, begin):
            async with asyncio.timeout(SEND_S):
                await producer.send_and_wait(TOPIC, value, key=key, headers=HEADERS)
                await producer.send_and_wait(AVRO_TOPIC, packed[key], key=key, headers=HEADERS)
            # Sending counts, else it would be slower than its past; what a standstill held up is not made up for.
            due = max(due, loop.time() - LONGEST_S) + spacing
            await pause(stop, max(0.0, due - loop.time()))
            if stop.is_set():
                return
    finally:
        if not await end_within(producer.stop(), STOP_S):
            await end_within(producer.client.close(), STOP_S)


def publish_past(broker: embedded.EmbeddedBroker) -> int:
    """Puts into an empty broker what would be there, had this run for PAST_S, with the times that it would have.
    Returns the place at which it goes on. Blocks for some tenths of a second: call it before anybody reads a topic, to
    whom all of it would be new."""
    earthquakes, packed = _week()
    begin = secrets.randbelow(len(earthquakes))
    records, lasts = list[tuple[bytes, bytes, float]](), 0.0  # key, value, seconds after the first
    for key, value, spacing in endless(earthquakes, begin):
        records.append((key, value, lasts))
        lasts += spacing
        if lasts >= PAST_S:
            break
    began = time.time() - lasts
    # A key lives in one partition: that of librdkafka's own choice is another than aiokafka's.
    producer = Producer(
        {
            "bootstrap.servers": broker.address,
            "partitioner": "murmur2_random",
            "batch.num.messages": PAST_BATCH,
            "linger.ms": 5,
            "log_level": 0,
        }
    )
    for key, value, after in records:
        timestamp = int((began + after) * 1000)
        producer.produce(TOPIC, value, key, headers=HEADERS, timestamp=timestamp)
        producer.produce(AVRO_TOPIC, packed[key], key, headers=HEADERS, timestamp=timestamp)
    if left := producer.flush(PAST_SENT_S):
        log.warning("The demonstration begins without %d records of its past.", left)
    return (begin + len(records)) % len(earthquakes)


@cache
def _week() -> tuple[list[dict[str, Any]], dict[bytes, bytes]]:
    """The earthquakes, and each as Avro by its key: for the past, and for what follows it."""
    earthquakes = load()
    return earthquakes, as_avro(earthquakes)


def load() -> list[dict[str, Any]]:
    """The earthquakes, oldest first."""
    earthquakes = [orjson.loads(line) for line in FILE.read_bytes().splitlines()]
    for quake in earthquakes:
        quake["properties"]["url"] = PAGE + quake["id"]
    return earthquakes


def as_avro(earthquakes: list[dict[str, Any]]) -> dict[bytes, bytes]:
    """Key -> the earthquake as Avro, by SCHEMA."""
    schema = fastavro.parse_schema(orjson.loads(SCHEMA.read_bytes()))
    packed = {}
    for quake in earthquakes:
        properties, (longitude, latitude, depth) = quake["properties"], quake["geometry"]["coordinates"]
        data = BytesIO()
        fastavro.schemaless_writer(
            data,
            schema,
            {
                "id": quake["id"],
                "magnitude": properties["mag"],
                "place": properties["place"],
                "time": properties["time"],
                "status": properties["status"],
                "significance": properties["sig"],
                "felt_by": properties["felt"],
                "tsunami": bool(properties["tsunami"]),
                "where": {"longitude": longitude, "latitude": latitude, "depth_km": depth},
            },
        )
        packed[quake["id"].encode()] = data.getvalue()
    return packed


def endless(earthquakes: list[dict[str, Any]], begin: int = 0) -> Iterator[tuple[bytes, bytes, float]]:
    """Key, value and the pause after it in seconds, from `begin` on, round and round."""
    encoded = [(quake["id"].encode(), orjson.dumps(quake)) for quake in earthquakes]
    times = [quake["properties"]["time"] / 1000 for quake in earthquakes]
    place = begin
    while True:
        following = (place + 1) % len(encoded)
        spacing = (times[following] - times[place]) / COMPRESSION
        yield *encoded[place], min(LONGEST_S, max(SHORTEST_S, spacing))
        place = following
