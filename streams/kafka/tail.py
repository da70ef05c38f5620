"""One Kafka consumer's life at the live end: polls, turns what it gets into ranges that join, and hands them on.

Positions are the consumer's tracked ones, never a record's offset + 1. A consumer that stands still while there is lag
ends with `Stalled`, and whoever supervises it starts a new one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)
from aiokafka.structs import TopicPartition

from streams import metrics
from streams.decoding import carried
from streams.decoding.schemas import Id
from streams.kafka import undecodable
from streams.kafka.aiokafka_internals import is_rebalancing, position_of, without_leader
from streams.wire.ranges import Batch, Range, Status, Wholes

log = logging.getLogger(__name__)

# From one delivery to the next: batches are made by time. Twice as long as the last one took, within these bounds.
SHORTEST_S, LONGEST_S = 0.005, 0.02
POLL_MS = 200  # one wait for records
LOOK_S = 0.5  # between looks at whether to stop, while a poll takes longer than it should
POLL_TIMEOUT_S = 10.0  # a poll that does not come back is a broken consumer
# Nor one that is without its share for so long. Kafka waits a session (10 s) for members that died, in each of two
# phases; a consumer that gave up meanwhile would join as one more member, be one more that died, and begin it all anew.
REBALANCE_TIMEOUT_S = 40.0
STALLED_S = 10.0  # lag without progress for so long too
STATUS_S = 1.0  # silence is a message too
OFFSETS_TIMEOUT_S = 3.0
DENIED_S = 5.0  # between tries at a topic that Kafka does not let us read
FINER, MOST_PARTS = 8, 256  # how much finer questions about ends become when one has no answer, and their number then
ENDS_EACH_S, ENDS_MORE_S = 0.0002, 0.8  # more for each partition, at most
ENDS_TIMEOUT_S = 1.0  # for end offsets: with the pause, a status comes before anybody takes the silence for a loss

Encoded = tuple[list[Any], dict[int, bytes]]  # what was polled, with its records encoded; `Range.whole` of it
Deliver = Callable[[list[Batch], list[Status]], Awaitable[None]]


def rest(took: float) -> float:
    """How long to wait after a delivery that took so long, in seconds: few records go on quickly, many gather."""
    return max(0.0, min(LONGEST_S, max(SHORTEST_S, 2 * took)) - took)


class Stalled(Exception):
    """The consumer makes no progress although there is something to read."""


@dataclass(slots=True)
class _Held:
    """What was polled of a partition and waits for schemas. generation: of the assignment that it was polled under."""

    polled: list[Any]
    learning: asyncio.Task[None]
    generation: int


class Tail:
    """One consumer's life at the live end.

    positions: what was delivered of each partition. epochs: topic -> epoch; what is not in there is not delivered.
    deliver: takes batches or statuses, and may wait.
    """

    def __init__(self, consumer: AIOKafkaConsumer, epochs: dict[str, str], deliver: Deliver) -> None:
        self.consumer, self.epochs, self.deliver = consumer, epochs, deliver
        self.positions: dict[TopicPartition, int] = {}
        self.generation = 0  # counts assignments: what was polled under an older one is not delivered
        self._progress = asyncio.get_running_loop().time()
        self._parts = 1  # in which Kafka is asked for ends
        self._denied: dict[str, float] = {}  # topics that Kafka does not let us read, and when to try again
        # A registry that is slow holds up the partitions that need it, and no other: those are paused meanwhile.
        self._held: dict[TopicPartition, _Held] = {}
        # A status must not overtake the ranges that it speaks of.
        self._delivering = asyncio.Lock()

    async def run(self, until: Callable[[], bool]) -> None:
        """Reads and delivers until `until()` says so. Raises Stalled, KafkaError or TimeoutError: what ends a
        consumer's life."""
        reporting = asyncio.create_task(self._report(until))
        try:
            while not until():
                if reporting.done():
                    reporting.result()
                await self._poll(until)
        finally:
            reporting.cancel()
            for held in self._held.values():
                held.learning.cancel()  # the wait for it; what is asked goes on
            await asyncio.gather(reporting, return_exceptions=True)

    async def drain(self) -> None:
        """Delivers up to the end offsets of now, then returns. Raises as `run` does."""
        async with asyncio.timeout(OFFSETS_TIMEOUT_S):
            ends: dict[TopicPartition, int] = await self.consumer.end_offsets(list(self.consumer.assignment()))
        while self._held or any((position_of(self.consumer, tp) or 0) < end for tp, end in ends.items()):
            await self._poll(lambda: False)

    async def _poll(self, until: Callable[[], bool]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        self._learn_positions()
        self._try_denied(started)
        generation = self.generation
        try:
            found = await self._found(until)
        except OffsetOutOfRangeError as error:
            await self._go_on(error.args[0])
            return
        except NoOffsetForPartitionError as error:
            await self._go_on({error.args[0]: None})
            return
        except TopicAuthorizationFailedError as error:
            self._deny(error.args[0], started)
            return
        polled = loop.time()
        encoded = await self._decode(found, generation)
        async with self._delivering:
            if generation != self.generation:
                return  # another assignment: the hubs read this part themselves
            batches, moved = self._batches(found, encoded)
            if batches:
                self._progress = loop.time()
                await self.deliver(batches, [])
            if generation == self.generation:
                self.positions.update(moved)
        if batches:
            metrics.FANOUT_RECORDS.inc(sum(len(part.records) for batch in batches for part in batch.ranges))
            await asyncio.sleep(rest(loop.time() - polled))

    async def _found(self, until: Callable[[], bool]) -> dict[TopicPartition, list[Any]]:
        """What there is to read; nothing when `until()` says so first. Raises TimeoutError after POLL_TIMEOUT_S, not
        counting the time in which the group shares out its partitions, and after REBALANCE_TIMEOUT_S."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + REBALANCE_TIMEOUT_S
        async with asyncio.timeout(POLL_TIMEOUT_S) as bound:
            polling: asyncio.Future[dict[TopicPartition, list[Any]]] = asyncio.ensure_future(
                self.consumer.getmany(timeout_ms=POLL_MS)
            )
            polling.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody may ask any more
            try:
                while not until():
                    if (await asyncio.wait({polling}, timeout=LOOK_S))[0]:
                        return polling.result()
                    if is_rebalancing(self.consumer):
                        bound.reschedule(min(loop.time() + POLL_TIMEOUT_S, latest))
            finally:
                polling.cancel()
        return {}

    async def _decode(self, found: dict[TopicPartition, list[Any]], generation: int) -> dict[TopicPartition, Encoded]:
        """The records of topics that have formats, encoded. Takes out of `found` what has to wait for schemas, and puts
        in what has waited."""
        for tp, held in list(self._held.items()):
            if held.generation != self.generation:
                del self._held[tp]  # read again, by whoever has the partition now
            elif tp in found:
                held.polled += found.pop(tp)
        encoded: dict[TopicPartition, Encoded] = {}
        for tp in [tp for tp in found if not carried.of(tp.topic).is_plain]:
            missing, wholes = set[Id](), Wholes()
            encode = partial(carried.of(tp.topic).encode_known, missing, wholes=wholes)
            records = await undecodable.encoded(found[tp], encode)
            if missing:
                self._hold(tp, found.pop(tp), missing, generation)
            else:
                encoded[tp] = records, wholes.values
        for tp in [tp for tp, held in self._held.items() if held.learning.done()]:
            found[tp] = self._held.pop(tp).polled
            wholes = Wholes()
            encode = partial(carried.of(tp.topic).encode_now, wholes=wholes)
            encoded[tp] = await undecodable.encoded(found[tp], encode), wholes.values
            if tp in self.consumer.assignment() and tp.topic not in self._denied:
                self.consumer.resume(tp)
        return encoded

    def _hold(self, tp: TopicPartition, polled: list[Any], missing: set[Id], generation: int) -> None:
        learning = asyncio.create_task(carried.of(tp.topic).learn(missing))
        self._held[tp] = _Held(polled, learning, generation)
        if tp in self.consumer.assignment():
            self.consumer.pause(tp)

    async def _go_on(self, lost: dict[TopicPartition, int | None]) -> None:
        """Goes on where Kafka has something: at the beginning for a position that retention took, else at the end.

        What was skipped is a hole to the hubs: they read it back, or tell it. An end below the hubs' own positions is a
        new life of the topic to them.
        """
        async with asyncio.timeout(OFFSETS_TIMEOUT_S):
            firsts, ends = await asyncio.gather(
                self.consumer.beginning_offsets(list(lost)), self.consumer.end_offsets(list(lost))
            )
        for tp, position in lost.items():
            if tp in self.consumer.assignment():
                offset = firsts[tp] if position is not None and position < firsts[tp] else ends[tp]
                log.warning("%s %d: Kafka does not have the position; going on at %d.", tp.topic, tp.partition, offset)
                self.consumer.seek(tp, offset)
                self.positions[tp] = offset

    def _deny(self, topic: str, now: float) -> None:
        """Leaves a topic alone that we may not read, so that the others go on; the hubs hear silence, and say so."""
        log.warning("Kafka does not let us read %s any more; trying again every %g s.", topic, DENIED_S)
        self._denied[topic] = now + DENIED_S
        self.consumer.pause(*(tp for tp in self.consumer.assignment() if tp.topic == topic))

    def _try_denied(self, now: float) -> None:
        for topic in [topic for topic, due in self._denied.items() if due < now]:
            del self._denied[topic]
            self.consumer.resume(*(tp for tp in self.consumer.assignment() if tp.topic == topic))

    def _learn_positions(self) -> None:
        """Where a partition begins that was assigned since; one without a position yet is learned later."""
        for tp in self.consumer.assignment() - self.positions.keys():
            position = position_of(self.consumer, tp)
            if position is not None:
                self.positions[tp] = position

    def _batches(
        self, found: dict[TopicPartition, list[Any]], encoded: dict[TopicPartition, Encoded]
    ) -> tuple[list[Batch], dict[TopicPartition, int]]:
        """What was polled, as ranges from the tracked positions, and where these end. encoded: where that is done.

        A position that moved without records (transaction markers, compaction) makes an empty range.
        """
        ranges: dict[str, list[Range]] = {}
        moved: dict[TopicPartition, int] = {}
        for tp in (self.positions.keys() | found.keys()) - self._held.keys():
            polled = found.get(tp, [])
            start, end = self.positions.get(tp), position_of(self.consumer, tp)
            if start is None and polled:
                start = polled[0].offset  # before its position was known; what lies below is the hubs' to ask
            if start is None or end is None or end <= start:
                continue
            moved[tp] = end
            if polled and not start <= polled[0].offset <= polled[-1].offset < end:
                continue  # not what this position can give: the hubs notice at the next range, and read it themselves
            ranges.setdefault(tp.topic, []).extend(
                undecodable.joined(tp.partition, start, end, *encoded[tp])
                if tp in encoded
                else undecodable.ranges(tp.partition, start, end, polled)
            )
        batches = [
            Batch(topic, self.epochs[topic], tuple(parts)) for topic, parts in ranges.items() if topic in self.epochs
        ]
        return batches, moved

    async def _ends(self) -> dict[TopicPartition, int]:
        """End offsets, of all topics at once; in more and more parts as long as one does not answer (a topic in it has
        gone). Where none of several parts answers, Kafka is only slow, and finer questions would make it slower. Nobody
        can tell the ends of a partition without a leader."""
        assigned = self.consumer.assignment()
        topics: dict[str, list[TopicPartition]] = {}
        for tp in assigned - without_leader(self.consumer, assigned):
            topics.setdefault(tp.topic, []).append(tp)
        parts = [list(chain(*part)) for part in _parted(list(topics.values()), self._parts)]
        answers = await asyncio.gather(*(self._ask_ends(tps) for tps in parts))
        is_whole = all(len(ends) == len(tps) for ends, tps in zip(answers, parts, strict=True))
        is_slow = len(parts) > 1 and not any(answers)
        self._parts = 1 if is_whole or is_slow else min(MOST_PARTS, self._parts * FINER)
        return {tp: end for ends in answers for tp, end in ends.items()}

    async def _ask_ends(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Nothing where Kafka does not tell: the hubs hear silence, ask themselves, and say so."""
        try:
            async with asyncio.timeout(ENDS_TIMEOUT_S + min(ENDS_MORE_S, len(tps) * ENDS_EACH_S)):
                ends: dict[TopicPartition, int] = await self.consumer.end_offsets(tps)
        except (KafkaError, TimeoutError) as error:
            log.debug("Kafka does not tell its end offsets: %r", error)
            return {}
        return ends

    async def _report(self, until: Callable[[], bool]) -> None:
        """Every second: positions and ends of each partition, and the watch over progress."""
        loop = asyncio.get_running_loop()
        while not until():
            ends = await self._ends()
            self._watch(ends, loop.time())
            async with self._delivering:
                statuses = list(self._statuses(ends))
                if statuses:
                    await self.deliver([], statuses)
            await asyncio.sleep(STATUS_S)

    def _watch(self, ends: dict[TopicPartition, int], now: float) -> None:
        readable = {tp for tp in self.positions if tp.topic not in self._denied}
        lag = {tp: end - self.positions[tp] for tp, end in ends.items() if tp in readable}
        metrics.FANOUT_LAG.set(sum(max(0, behind) for behind in lag.values()))
        if self._delivering.locked() or not any(behind > 0 for behind in lag.values()):
            self._progress = now  # a delivery that waits (Redis away) is not a consumer that stands still
        metrics.FANOUT_STANDSTILL.set(now - self._progress)
        if now - self._progress > STALLED_S:
            raise Stalled(f"No progress for {STALLED_S:g} s while {sum(lag.values())} records wait.")

    def _statuses(self, ends: dict[TopicPartition, int]) -> Iterable[Status]:
        at, end = _by_topic(self.positions), _by_topic(ends)
        for topic in (at.keys() & end.keys() & self.epochs.keys()) - self._denied.keys():
            yield Status(topic, self.epochs[topic], at[topic], end[topic])


def _by_topic(offsets: dict[TopicPartition, int]) -> dict[str, dict[int, int]]:
    """topic -> partition -> offset."""
    found: dict[str, dict[int, int]] = {}
    for tp, offset in offsets.items():
        found.setdefault(tp.topic, {})[tp.partition] = offset
    return found


def _parted(topics: list[list[TopicPartition]], parts: int) -> Iterable[list[list[TopicPartition]]]:
    """So many parts of a list, of about the same length."""
    size = max(1, -(-len(topics) // parts))
    return (topics[start : start + size] for start in range(0, len(topics), size))
