"""The one place that touches private parts of aiokafka 0.14, and why it has to.

They were read in VERSION; a test holds that it is the one that is installed, and that nobody else touches such parts.
Whoever raises the version reads these parts again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
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


class Fetched(FetchResult):  # type: ignore[misc]  # aiokafka carries no types
    """A fetch of a partition, of which `getmany` takes many records at once: aiokafka would ask for each."""

    _partition_records: ReadableRecords | None

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Up to so many of the records that were not taken yet, as `Polled`."""
        is_wanted = self.check_assignment(self._topic_partition)  # else it drops them
        if not is_wanted or self._partition_records is None:
            return []
        found, is_all = self._partition_records.take(max_records)
        self._update_position()
        if is_all:
            self._partition_records = None
        return found


class ReadableRecords(PartitionRecords):  # type: ignore[misc]
    """A fetch's records, unpacked a batch at a time and given as aiokafka's reader in C makes them, with an
    `Undecodable` for the rest of each batch that cannot be decoded.

    aiokafka makes a second object of each record, in Python, which takes longer than all that is before.
    """

    next_fetch_offset: int

    def __init__(self, tp: Any, records: Any, *more: Any) -> None:
        super().__init__(tp, records, *more)
        # aiokafka's own iterator holds these records, and they hold it: a fetch that is not read to its end, 2 MiB with
        # each page of history, would stay until Python looks for cycles, which it seldom does here.
        self._records_iterator = None
        self._ready: list[Any] = []  # of the batch that was unpacked last
        self._behind = self.next_fetch_offset  # that batch

    def __next__(self) -> Any:
        found, _ = self.take(1)
        if not found:
            raise StopIteration
        return found[0]

    def take(self, most: int | None) -> tuple[list[Any], bool]:
        """Up to so many of what follows (None: all of it), and whether that was the rest. `next_fetch_offset` moves
        behind what was taken."""
        found: list[Any] = []
        while most is None or len(found) < most:
            if not self._ready and not self._unpack():
                return found, True
            wanted = len(self._ready) if most is None else most - len(found)
            if wanted < len(self._ready):
                found += self._ready[:wanted]
                del self._ready[:wanted]
                self.next_fetch_offset = found[-1].offset + 1  # an Undecodable is its batch's last
            else:
                found += self._ready
                self._ready = []
                self.next_fetch_offset = self._behind
        return found, False

    def _unpack(self) -> bool:
        """Makes the next batch with anything in it ready. Returns False when there is none."""
        while self._records.has_next():
            batch = self._records.next_batch()
            start, ready = self.next_fetch_offset, self._ready
            try:
                if not self._is_left_out(batch):
                    for record in batch:
                        ready.append(record)
            except Exception as error:
                lost = max(start, ready[-1].offset + 1) if ready else start
                if batch.next_offset <= lost:
                    raise
                log.error(
                    "%s %d: offsets %d to %d cannot be decoded, and are a gap: %r",
                    self._tp.topic, self._tp.partition, lost, batch.next_offset - 1, error,
                )  # fmt: skip
                metrics.UNDECODABLE.inc()
                ready.append(Undecodable(lost, batch.next_offset))
            if batch.base_offset < start:  # what lies before in its batch comes along
                self._ready = ready = [each for each in ready if each.offset >= start]
            self._behind = max(start, batch.next_offset)
            if ready:
                return True
            self.next_fetch_offset = self._behind
        return False

    def _is_left_out(self, batch: Any) -> bool:
        """Whether a batch has nothing for us: it marks the end of a transaction, or is of one that was aborted."""
        if self._check_crcs and not batch.validate_crc():
            raise CorruptRecordException(f"A batch of {self._tp} has a wrong checksum.")
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)


def install() -> None:
    """Has every consumer of this process read so. aiokafka offers no other place for it."""
    fetcher.PartitionRecords = ReadableRecords
    fetcher.FetchResult = Fetched
