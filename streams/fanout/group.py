"""Kafka -> every web process: bridges share the partitions in a consumer group and send over the Channels layer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from django.conf import settings

from streams.kafka import clients
from streams.kafka.clients import START_TIMEOUT_S
from streams.kafka.tail import Tail
from streams.wire import layer_message
from streams.wire.ranges import Batch, Status

log = logging.getLogger(__name__)
COMMIT_S = 1.0
COMMIT_TIMEOUT_S = 5.0
# Of the 8 s that a stop has. In the middle of a rebalance neither may be answered.
LAST_COMMIT_S, LEAVE_S = 1.0, 4.0
REACH_OFFSETS = 100_000  # a group's commit further behind the end is not worth starting at: hubs have dropped that part


# In a group: to every web process over the layer ----------------------------------------------------------------------


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, group: GroupTail) -> None:
        self._group = group

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._group.commit()
        self._group.tail.generation += 1
        self._group.tail.positions.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._group.tail.generation += 1
        self._group.tail.positions.clear()
        await self._group.place(list(assigned))
        self._group.assigned.set()


class GroupTail:
    """One membership in the consumer group. It commits what was delivered, never more.

    epochs: topic -> epoch. send: puts one message on the layer, waiting as long as that takes.
    """

    def __init__(self, epochs: dict[str, str], send: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        self.consumer = clients.consumer(
            group_id=settings.KAFKA_CONSUMER_GROUP,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            max_poll_interval_ms=24 * 3600 * 1000,  # while Redis is away it waits at its position
        )
        self.tail = Tail(self.consumer, epochs, self._deliver)
        self._send = send
        self._committed = 0.0
        self.assigned = asyncio.Event()

    async def start(self) -> None:
        """Connects and asks for its share; `assigned` is set once it has one. Raises KafkaError or TimeoutError."""
        async with asyncio.timeout(START_TIMEOUT_S):
            await self.consumer.start()
        self.consumer.subscribe(list(self.tail.epochs), listener=_Assignments(self))

    async def commit(self, within: float = COMMIT_TIMEOUT_S) -> None:
        """Commits the delivered positions of what is assigned now, within so many seconds. Raises nothing that Kafka
        causes: a failure only means duplicates."""
        assigned = self.consumer.assignment()
        offsets = {tp: position for tp, position in self.tail.positions.items() if tp in assigned}
        if not offsets:
            return
        try:
            async with asyncio.timeout(within):
                await self.consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            log.warning("Positions were not committed: %r", error)

    async def place(self, assigned: list[TopicPartition]) -> None:
        """Seeks what was assigned: to the group's commit, or to the end where the commit is more than REACH_OFFSETS
        behind. Raises KafkaError or TimeoutError."""
        if not assigned:
            return
        async with asyncio.timeout(START_TIMEOUT_S):
            ends = await self.consumer.end_offsets(assigned)
            for tp in assigned:
                committed = await self.consumer.committed(tp)
                is_near = committed is not None and ends[tp] - committed <= REACH_OFFSETS
                self.consumer.seek(tp, committed if is_near else ends[tp])

    async def _deliver(self, batches: list[Batch], statuses: list[Status]) -> None:
        for message in layer_message.messages(batches, statuses):
            await self._send(message)
        now = asyncio.get_running_loop().time()
        if batches and now - self._committed > COMMIT_S:
            self._committed = now
            await self.commit()

    async def stop(self) -> None:
        """Commits and leaves the group, within LAST_COMMIT_S and LEAVE_S."""
        try:
            await self.commit(LAST_COMMIT_S)
        finally:
            await clients.stop_quietly(self.consumer, LEAVE_S)


async def run_group(
    epochs: dict[str, str],
    send: Callable[[dict[str, Any]], Awaitable[None]],
    until: Callable[[], bool],
    *,
    once: bool = False,
) -> None:
    """Reads a share of the partitions and sends what it reads until `until()` says so. Raises what ends the consumer's
    life.

    epochs: topic -> epoch, of the topics to read. send: puts one message on the layer, waiting as long as that takes.
    once: reads up to the end offsets of now, no further.
    """
    group = GroupTail(epochs, send)
    try:
        await group.start()
        if once:
            async with asyncio.timeout(START_TIMEOUT_S):
                await group.assigned.wait()
            await group.tail.drain()
        else:
            await group.tail.run(until)
    finally:
        await group.stop()
