"""The one place that touches private parts of aiokafka 0.14, and why it has to.

They were read in VERSION; a test holds that it is the one that is installed, and that nobody else touches such parts.
Whoever raises the version reads these parts again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import client as client_module
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import TopicPartition

from streams import metrics
from streams.kafka.undecodable import Undecodable

log = logging.getLogger(__name__)

VERSION = "0.14.0"

AGAIN_S = 0.25  # until a client asks for the metadata of the same topics again
NO_LEADER = -1


# Clients --------------------------------------------------------------------------------------------------------------


class _NoTopics(tuple[str, ...]):
    """No topics, where aiokafka would take an empty list for all of them."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return True


NO_TOPICS = _NoTopics()


def ask_for_its_topics(client: AIOKafkaClient, *, is_quiet: bool = True) -> None:
    """Has the client ask for the metadata of its topics alone (none, while it has none), and create none of them by
    that (docs/decisions/0006). is_quiet: a topic that Kafka does not have, or does not show us, is not there, which is
    no error."""
    client.cluster.need_all_topic_metadata = is_quiet  # else the errors of single topics are raised and logged
    update = client._metadata_update
    last: tuple[frozenset[str], float] = frozenset(), float("-inf")  # what was asked last, and when

    async def update_its(cluster_metadata: Any, topics: Any) -> Any:
        nonlocal last
        if cluster_metadata is not client.cluster:
            return await update(cluster_metadata, topics or NO_TOPICS)
        # An assigned partition without a leader has the fetcher ask again as soon as it was answered.
        loop, names = asyncio.get_running_loop(), frozenset(topics or ())
        if names == last[0] and (early := last[1] + AGAIN_S - loop.time()) > 0:
            await asyncio.sleep(early)
        last = names, loop.time()
        told = await update(cluster_metadata, topics or NO_TOPICS)
        # Topics that were set meanwhile would be asked for with the next refresh, half a minute later.
        if client._topics - names and not client._md_update_waiter.done():
            client._md_update_waiter.set_result(None)
        return told

    client._metadata_update = update_its


async def hear_of(consumer: AIOKafkaConsumer, topic: str, others: Iterable[str] = ()) -> None:
    """Has a consumer that is assigned nothing know a topic before it is asked about its offsets: aiokafka would try,
    fail and wait instead, and never forget the topic. others: what it will be asked about next; what is in neither is
    forgotten."""
    if topic not in consumer._client._topics:
        await consumer._client.set_topics({topic, *others})


def without_leader(consumer: AIOKafkaConsumer, tps: Iterable[TopicPartition]) -> set[TopicPartition]:
    """Those of the partitions of which Kafka said that nobody leads them, or said nothing yet."""
    leader = consumer._client.cluster.leader_for_partition
    return {tp for tp in tps if leader(tp) in {None, NO_LEADER}}


def is_without_leader(consumer: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    """Whether Kafka said that nobody leads the partition."""
    return bool(consumer._client.cluster.leader_for_partition(tp) == NO_LEADER)


async def partitions_of(client: AIOKafkaClient, names: Iterable[str]) -> dict[str, set[int]]:
    """The partitions of those of the named topics that Kafka has and shows us. Raises KafkaError."""
    metadata = ClusterMetadata()
    metadata.need_all_topic_metadata = True
    if not await client._metadata_update(metadata, list(names)):
        raise KafkaError("None of the brokers tells its metadata.")
    return {name: metadata.partitions_for_topic(name) or set() for name in metadata.topics()}


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
    """Has every consumer of this process read so, and every client create no topic by asking for it: aiokafka's
    requests can say that, and its clients do not. It offers no other place for either."""
    fetcher.PartitionRecords = ReadableRecords
    fetcher.FetchResult = Fetched
    client_module.MetadataRequest = partial(MetadataRequest, allow_auto_topic_creation=False)
