"""The product's two ways through Kafka, each alone and as fast as it goes. Prints records a second.

python -m tests.bench.paths fanout TOPIC COUNT     from a topic's beginning into one hub
python -m tests.bench.paths relay COUNT            from the outbox, which holds COUNT messages, into Kafka
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import django
import uvloop

django.setup()

from django.conf import settings

from streams.fanout import inline
from streams.hub.hub import Hub
from streams.hub.topic_log import TopicLog
from streams.kafka.history import History
from streams.outbox import messages, relay
from streams.runtime import interpreter

PARTITIONS = 4
POLL_S = 0.005


async def fan_out(topic: str, count: int) -> float:
    """Timed from the first records on, which are not counted."""
    hub, stop = Hub(History()), asyncio.Event()
    hub.logs[topic] = TopicLog(topic, "bench", dict.fromkeys(range(PARTITIONS), 0))
    running = asyncio.create_task(inline.run_inline(hub, stop))
    first, began, seen = 0, 0.0, 0
    while seen < count and not running.done():
        await asyncio.sleep(POLL_S)
        seen = sum(hub.logs[topic].positions.values())
        if not began and seen:
            first, began = seen, time.perf_counter()
    took = time.perf_counter() - began
    stop.set()
    await running
    await hub.close()
    return (seen - first) / took


async def relay_all(count: int) -> float:
    """The way to Kafka, without what starting and stopping takes."""
    read = messages.next_batch
    messages.next_batch = lambda limit: []
    began = time.perf_counter()
    await relay.drain(asyncio.Event())
    empty = time.perf_counter() - began
    messages.next_batch = read
    began = time.perf_counter()
    await relay.drain(asyncio.Event())
    return count / (time.perf_counter() - began - empty)


def main() -> None:
    assert settings.KAFKA_BOOTSTRAP_SERVERS
    interpreter.settle()  # as the web process and the bridge do
    if sys.argv[1] == "fanout":
        speed = uvloop.run(fan_out(sys.argv[2], int(sys.argv[3])))
    else:
        speed = uvloop.run(relay_all(int(sys.argv[2])))
    print(json.dumps(speed))


if __name__ == "__main__":
    main()
