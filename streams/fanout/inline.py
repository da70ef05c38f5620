"""Kafka -> the hub of this process: tails all partitions of every topic it has opened."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.hub.hub import Hub
from streams.kafka import clients
from streams.kafka.clients import START_TIMEOUT_S
from streams.kafka.tail import Tail
from streams.wire.ranges import Batch, Status

# An assignment names all partitions, whatever changed, and takes its time where there are thousands: for so many times
# as long the next changes are gathered, while what is assigned is read.
GATHERED = 10


async def run_inline(hub: Hub, stop: asyncio.Event) -> None:
    """Tails every topic that the hub has opened, from the hub's positions, until `stop` is set. Raises what ends the
    consumer's life."""

    async def deliver(batches: list[Batch], statuses: list[Status]) -> None:
        hub.take(batches, statuses)

    consumer = clients.consumer(group_id=None)
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await consumer.start()
        while not stop.is_set():
            began = time.perf_counter()
            hub.changed.clear()
            tail = Tail(consumer, {name: topic_log.epoch for name, topic_log in hub.logs.items()}, deliver)
            if not _assign(consumer, hub, tail):
                await _first(hub.changed, stop)
                continue
            ended = time.perf_counter()
            due = ended + GATHERED * (ended - began)
            await tail.run(partial(_is_over, hub, stop, due))
    finally:
        await clients.stop_quietly(consumer)


def _assign(consumer: AIOKafkaConsumer, hub: Hub, tail: Tail) -> bool:
    """Assigns and seeks with no await in between, else aiokafka asks for positions of its own."""
    wanted = {
        TopicPartition(name, partition): position
        for name, topic_log in hub.logs.items()
        for partition, position in topic_log.positions.items()
    }
    if not wanted:
        return False
    consumer.assign(list(wanted))
    for tp, position in wanted.items():
        consumer.seek(tp, position)
    tail.positions = wanted
    return True


def _is_over(hub: Hub, stop: asyncio.Event, due: float) -> bool:
    """Whether to stop, or to assign anew. due: the time from which on changes count."""
    return stop.is_set() or (hub.changed.is_set() and time.perf_counter() >= due)


async def _first(*events: asyncio.Event) -> None:
    """Returns when one of the events is set."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
