"""The relay's side of Kafka: an idempotent producer that takes the rows of each partition in whole batches.

What keeps the order of a key, read in aiokafka 0.14 (producer/sender.py, producer/message_accumulator.py):

- One batch of a partition is under way at a time (`_muted_partitions`), and a batch that may be tried again goes back
  to the head of its queue (`reenqueue`) before the partition is unmuted. So retries by themselves never reorder.
- But when the broker refuses a batch for good, only that batch fails (`batch.failure`); the next one of the partition
  is sent all the same. Its sequence number leaves a hole, which a broker notices only if it holds state of this
  producer for the partition: for a fresh producer id any first sequence number is right. So with `send()` version 2 of
  an item, in the second batch, could be acknowledged although version 1, in the first, was refused.

Therefore the batches are built here (`create_batch`, `send_batch`), and of each partition the next one is handed over
when the one before was acknowledged. Kafka takes or refuses a batch as a whole, so of each key exactly a prefix is ever
acknowledged. After a refusal the sequence numbers have that hole: this producer is not used any more.
A batch that was written to a connection that broke may still arrive later, behind its own repetition by the next
producer. It then only repeats: whatever is in it was acknowledged to the new producer before anything newer was sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from streams.kafka import aiokafka_internals
from streams.kafka.aiokafka_internals import ask_for_its_topics, give_up_sending, is_closed, take_no_more
from streams.kafka.clients import client_options, end_within
from streams.outbox.messages import Placed, Row

log = logging.getLogger(__name__)

BATCH_BYTES = 256 * 1024  # one produce batch: well under Kafka's default limit for a batch, 1 MiB
RECORD_BYTES = (
    8 * 1024 * 1024
)  # of one value: far over every item; a broker may cut the connection instead of answering
START_S = 20.0  # to connect and to get a producer id
SEND_S = 25.0  # for one batch to be acknowledged; aiokafka tries again by itself meanwhile
STOP_S = 2.0  # for a polite end with nothing under way
ABORT_S = 2.0  # for each step of the end of what is cut off

REFUSED_FOR_GOOD = (MessageSizeTooLargeError, RecordListTooLargeError)

_partitioner = DefaultPartitioner()


@dataclass(slots=True)
class Outcome:
    """What became of rows that were to be published. Rows in none of these were not sent.

    placed: acknowledged. refused: whole batches, with the reason, in which at least one record is too large.
    failed: ids of the batches that got no answer, or a bad one; error: the first of these.
    """

    placed: list[Placed] = field(default_factory=list)
    refused: list[tuple[list[Row], str]] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    error: Exception | None = None


class Publisher:
    """One producer's life, from `connect()` to `close()`; used up after an outcome with `refused` or `error`."""

    def __init__(self) -> None:
        aiokafka_internals.install()
        self._producer = AIOKafkaProducer(
            **client_options(), enable_idempotence=True, acks="all", max_batch_size=BATCH_BYTES
        )
        ask_for_its_topics(self._producer.client, is_quiet=False)

    @classmethod
    async def connect(cls) -> Publisher:
        """A publisher that has reached Kafka. Raises KafkaError, OSError, TimeoutError, or Unavailable."""
        publisher = cls()
        try:
            async with asyncio.timeout(START_S):
                await publisher._producer.start()
        except BaseException:
            await publisher.close()
            raise
        return publisher

    async def publish(self, rows: Sequence[Row]) -> Outcome:
        """Sends rows (in id order) and waits for Kafka's answers; bounded, and raises nothing that Kafka causes."""
        outcome = Outcome()
        queues: dict[tuple[str, int], list[Row]] = defaultdict(list)
        try:
            for topic in {row.topic for row in rows}:
                async with asyncio.timeout(SEND_S):
                    partitions = sorted(await self._producer.partitions_for(topic))
                for row in rows:
                    if row.topic == topic:
                        queues[topic, _partitioner(row.key.encode(), partitions, partitions)].append(row)
        except (KafkaError, OSError, TimeoutError) as error:
            outcome.error = error
            outcome.failed = [row.id for row in rows]
            return outcome
        await asyncio.gather(*(self._publish_partition(*place, queue, outcome) for place, queue in queues.items()))
        return outcome

    async def _publish_partition(self, topic: str, partition: int, queue: list[Row], outcome: Outcome) -> None:
        """One batch after the other; the first that is not acknowledged ends it."""
        begin = 0
        while begin < len(queue):
            if len(queue[begin].value) > RECORD_BYTES:
                reason = f"The value has {len(queue[begin].value)} bytes; {RECORD_BYTES} are allowed."
                outcome.refused.append(([queue[begin]], reason))
                return
            batch, end = self._fill(queue, begin)
            taken = queue[begin:end]
            try:
                async with asyncio.timeout(SEND_S):
                    answer = await (await self._producer.send_batch(batch, topic, partition=partition))
            except REFUSED_FOR_GOOD as error:
                outcome.refused.append((taken, repr(error)))
                return
            except (KafkaError, OSError, TimeoutError) as error:
                outcome.failed += [row.id for row in taken]
                outcome.error = outcome.error or error
                return
            # Kafka remembers the places of a producer's last batches only: -1 is "had it already, somewhere".
            first = answer.offset if answer.offset >= 0 else None
            outcome.placed += [
                Placed(row.id, partition, None if first is None else first + n) for n, row in enumerate(taken)
            ]
            begin = end

    def _fill(self, queue: list[Row], begin: int) -> tuple[Any, int]:
        """A batch of the rows from `begin` on, as many as fit, at least one; and where the next begins."""
        batch = self._producer.create_batch()
        for end in range(begin, len(queue)):
            row = queue[end]
            headers = [(name, text.encode()) for name, text in row.headers.items()]
            if len(row.value) > RECORD_BYTES or (
                batch.append(timestamp=None, key=row.key.encode(), value=row.value, headers=headers) is None
            ):
                return batch, end
        return batch, len(queue)

    async def close(self) -> None:
        """Ends the producer and its connections within a bound, also without a broker.

        aiokafka's `stop()` of an idempotent producer waits for ever for what the broker did not acknowledge. So past
        the bound the connections are closed first; the sender's task then has nothing left to wait for.
        """
        if is_closed(self._producer):
            return
        is_idle = take_no_more(self._producer)
        if is_idle and await end_within(self._producer.stop(), STOP_S):
            return
        await self._cut_off()

    async def _cut_off(self) -> None:
        """Ends the sender's task, told first so that it opens no new connection, by closing what it waits for."""
        sender = give_up_sending(self._producer)
        await end_within(self._producer.client.close(), ABORT_S)
        if sender is not None:
            _, late = await asyncio.wait([sender], timeout=ABORT_S)
            if late:
                sender.cancel()
            [ended] = await asyncio.gather(sender, return_exceptions=True)
            log.debug("A producer was cut off; its sender ended with %r", ended)
