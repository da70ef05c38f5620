"""The one place that touches private parts of aiokafka 0.14, and why it has to.

They were read in VERSION; a test holds that it is the one that is installed, and that nobody else touches such parts.
Whoever raises the version reads these parts again.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.structs import TopicPartition

from streams import metrics
from streams.kafka.undecodable import Undecodable

log = logging.getLogger(__name__)

VERSION = "0.14.0"


# Clients --------------------------------------------------------------------------------------------------------------


def ask_for_all_topics(client: AIOKafkaClient) -> None:
    """Makes the client's metadata requests name no topic (aiokafka 0.14 has no option against creating by asking)."""
    update = client._metadata_update

    async def update_all(cluster_metadata: Any, _topics: Any) -> Any:
        return await update(cluster_metadata, None)

    client._metadata_update = update_all


def client_of(consumer: AIOKafkaConsumer) -> AIOKafkaClient:
    """The consumer's connections, and the task that keeps its metadata. `stop()` leaves them when it fails."""
    return consumer._client


def position_of(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    """The next offset that the consumer gives of a partition; None while it has no position, or is not assigned it.

    `consumer.position()` would wait, and ask Kafka where there is none.
    """
    subscription = consumer._subscription.subscription
    if subscription is None or subscription.assignment is None or tp not in subscription.assignment.tps:
        return None
    state = subscription.assignment.state_value(tp)
    return state.position if state is not None and state.has_valid_position else None


def is_rebalancing(consumer: AIOKafkaConsumer) -> bool:
    """Whether the consumer waits for its share of the partitions. `getmany` then waits too, whatever its timeout is."""
    return bool(consumer._subscription.reassignment_in_progress)


def has_stopped_fetching(consumer: AIOKafkaConsumer) -> bool:
    """Whether the consumer's fetch task has ended. An error that is not Kafka's ends it in silence, and `getmany` then
    gives nothing for ever."""
    return bool(consumer._fetcher._fetch_task.done())


# Producers ------------------------------------------------------------------------------------------------------------


def is_closed(producer: AIOKafkaProducer) -> bool:
    """Whether the producer was stopped, or cut off."""
    return bool(producer._closed)


def take_no_more(producer: AIOKafkaProducer) -> bool:
    """Has the producer refuse further batches. Returns whether none is under way: then `stop()` ends."""
    producer._message_accumulator._closed = True
    return not (producer._message_accumulator._batches or producer._message_accumulator._pending_batches)


def give_up_sending(producer: AIOKafkaProducer) -> asyncio.Task[None] | None:
    """Cancels the producer's sender, so that it opens no new connection, and counts the producer as closed.

    Returns the sender's task, None when the producer was never started. `stop()` of an idempotent producer would wait
    for ever for what the broker did not acknowledge.
    """
    producer._closed = True
    task: asyncio.Task[None] | None = producer._sender.sender_task
    if task is not None:
        task.remove_done_callback(producer._sender._fail_all)  # it knows transactions only
        task.cancel()
    return task


# Reading --------------------------------------------------------------------------------------------------------------


class _Batches:
    """A fetch's batches. current: the one that was taken last."""

    current: Any = None

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.has_next = batches.has_next

    def next_batch(self) -> Any:
        self.current = self._batches.next_batch()
        return self.current


class ReadableRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka carries no types
    """A fetch's records, with an `Undecodable` for the rest of each batch that cannot be decoded."""

    next_fetch_offset: int

    def __init__(self, tp: Any, records: Any, *more: Any) -> None:
        super().__init__(tp, _Batches(records), *more)
        # aiokafka's own iterator holds these records, and they hold it: a fetch that is not read to its end, 2 MiB with
        # each page of history, would stay until Python looks for cycles, which it seldom does here.
        unpack: Callable[[Any], Iterator[Any]] = ReadableRecords._unpack_records
        self._records_iterator = unpack(weakref.proxy(self))

    def _unpack_records(self) -> Iterator[Any]:
        while True:
            try:
                yield from super()._unpack_records()
            except Exception as error:
                batch, start = self._records.current, self.next_fetch_offset
                if batch is None or batch.next_offset <= start:
                    raise
                log.error(
                    "%s %d: offsets %d to %d cannot be decoded, and are a gap: %r",
                    self._tp.topic, self._tp.partition, start, batch.next_offset - 1, error,
                )  # fmt: skip
                metrics.UNDECODABLE.inc()
                self.next_fetch_offset = batch.next_offset
                yield Undecodable(start, batch.next_offset)
            else:
                return


def install() -> None:
    """Has every consumer of this process read so. aiokafka offers no other place for it."""
    fetcher.PartitionRecords = ReadableRecords
