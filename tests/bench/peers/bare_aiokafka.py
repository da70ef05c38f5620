"""aiokafka alone: how fast records come out of a topic, and go into one. Prints records a second.

python -m tests.bench.peers.bare_aiokafka consume BOOTSTRAP TOPIC COUNT
python -m tests.bench.peers.bare_aiokafka produce BOOTSTRAP TOPIC COUNT
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.source import value


async def consume(bootstrap: str, topic: str, count: int) -> float:
    """Timed from the first records on, which are not counted."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        seen, first, began = 0, 0, 0.0
        while seen < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                seen += len(records)
            if not began and seen:
                first, began = seen, time.perf_counter()
        return (seen - first) / (time.perf_counter() - began)


async def produce(bootstrap: str, topic: str, count: int) -> float:
    """Idempotent, 500 records under way, each with a key."""
    records = [(b"%d" % (number % 1000), value(number)) for number in range(count)]
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
        await producer.send_and_wait(topic, b"warm")
        began = time.perf_counter()
        for start in range(0, count, 500):
            sent = [await producer.send(topic, payload, key=key) for key, payload in records[start : start + 500]]
            await asyncio.gather(*sent)
        return count / (time.perf_counter() - began)


if __name__ == "__main__":
    what = {"consume": consume, "produce": produce}[sys.argv[1]]
    print(json.dumps(uvloop.run(what(sys.argv[2], sys.argv[3], int(sys.argv[4])))))
