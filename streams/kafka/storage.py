"""What topics take up in Kafka, and for how long it stays there: first offsets, sizes, retention, the newest record.

Asked of Kafka for many topics at once, one question at a time in a process, and remembered for a short while. What
Kafka does not tell (the embedded broker knows its first offsets, and no more; others may not let us) is None, and asked
again with the rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DescribeConfigsRequest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # a re-export without a stub
from django.conf import settings

from streams.kafka import embedded
from streams.kafka.clients import admin_options, asker, stop_quietly
from streams.kafka.log_dirs import LogDirsRequest
from streams.runtime.tasks import shared

log = logging.getLogger(__name__)

KEPT_S = 30.0  # until a topic is asked about again
ASK_S = 6.0  # for everything about so many topics, then what is known so far has to do
TOPICS = 100  # of one question; a page has fewer
PARTITIONS = 5_000  # of one question; of topics beyond that no offsets are asked
REMEMBERED = 5_000  # topics
TOPIC_RESOURCE = 2  # Kafka's number for "a topic" among what has settings
FIRST: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]  # its stub forgot the types
NEWEST: Any = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
SETTINGS = ["retention.ms", "retention.bytes", "cleanup.policy"]


Told = dict[tuple[str, int], Any]  # (topic, partition) -> what was answered


@dataclass(slots=True)
class Kept:
    """What Kafka says of one topic; None is what it did not tell.

    firsts: partition -> the oldest offset that is still there. size: bytes on disk, one copy of each partition.
    retention_ms, retention_bytes: of a partition, -1 for no bound. cleanup: `delete`, `compact`, or both with a comma.
    newest: when the newest record was produced, ms since 1970.
    """

    firsts: dict[int, int] = field(default_factory=dict)
    size: int | None = None
    retention_ms: int | None = None
    retention_bytes: int | None = None
    cleanup: str | None = None
    newest: int | None = None


class Storage:
    """What was asked of Kafka, and the connections to ask on. One per process; `close()` when done."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, Kept]] = {}  # name -> when it was asked (loop time), and the answer
        self._client: AIOKafkaClient | None = None
        self._admin: AdminClient | None = None
        self._asking: asyncio.Task[None] | None = None
        self._connecting = asyncio.Lock()

    def remembered(self, name: str) -> Kept | None:
        """What was last told of a topic, however long ago; asks nobody."""
        held = self._kept.get(name)
        return held[1] if held else None

    async def of(self, partitions: Mapping[str, Iterable[int]]) -> dict[str, Kept]:
        """What is known of the topics (name -> its partitions), TOPICS of them at most, asked anew where that is older
        than KEPT_S. Answers within twice ASK_S, also when Kafka does not."""
        if self._asking is not None:
            await asyncio.wait([self._asking], timeout=ASK_S)
        if (asking := self.begin(partitions)) is not None:
            await shared(asking)
        return {name: kept for name in list(partitions)[:TOPICS] if (kept := self.remembered(name)) is not None}

    def begin(self, partitions: Mapping[str, Iterable[int]]) -> asyncio.Task[None] | None:
        """Begins to ask anew what is older than KEPT_S of the topics, as `of` does, unless a question is under way.
        Whoever does not wait for the answer finds it remembered later. Returns the question, None where there is none.
        """
        if not (settings.KAFKA_BOOTSTRAP_SERVERS or embedded.address()):
            return None
        now = asyncio.get_running_loop().time()
        names = list(partitions)[:TOPICS]
        asked = {name: self._kept[name][0] if name in self._kept else now - KEPT_S for name in names}
        due = {name: list(partitions[name]) for name in names if now - asked[name] >= KEPT_S}
        if not due or (self._asking is not None and not self._asking.done()):
            return None
        self._asking = asyncio.create_task(self._ask(due))
        return self._asking

    async def close(self) -> None:
        """Ends its connections to Kafka, and forgets."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        self._kept.clear()
        self._admin = None
        await self._forget_client()

    async def _ask(self, due: dict[str, list[int]]) -> None:
        """Asks all there is to ask, side by side; what failed or came too late stays unknown."""
        answers = {name: Kept() for name in due}
        questions = [self._ask_offsets(due, answers)]
        if settings.KAFKA_BOOTSTRAP_SERVERS:
            questions += [self._ask_settings(answers), self._ask_sizes(due, answers)]
        tasks = [asyncio.create_task(question) for question in questions]
        try:
            await asyncio.wait(tasks, timeout=ASK_S)
        finally:
            for task in tasks:
                task.cancel()
        failures = [each for each in await asyncio.gather(*tasks, return_exceptions=True) if each is not None]
        if failures:
            log.info("Kafka does not tell all of what topics take up: %r", failures)
            await self._forget_client()
        now = asyncio.get_running_loop().time()
        for name, kept in answers.items():
            self._kept.pop(name, None)  # to the end of the order in which they are forgotten
            self._kept[name] = now, kept
        while len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]

    async def _ask_settings(self, answers: dict[str, Kept]) -> None:
        client = await self._connected()
        asked = DescribeConfigsRequest([(TOPIC_RESOURCE, name, SETTINGS) for name in answers])
        answer = await client.send(client.get_random_node(), asked)
        for error, _, _, name, entries in (resource[:5] for resource in answer.resources):
            if error or name not in answers:
                continue
            told = {entry[0]: entry[1] for entry in entries}
            answers[name].retention_ms = _number(told.get("retention.ms"))
            answers[name].retention_bytes = _number(told.get("retention.bytes"))
            answers[name].cleanup = told.get("cleanup.policy")

    async def _ask_sizes(self, due: dict[str, list[int]], answers: dict[str, Kept]) -> None:
        """Each broker says what lies on its disks: of copies of a partition the largest counts."""
        client = await self._connected()
        asked = LogDirsRequest(list(due.items()))
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        largest: dict[tuple[str, int], int] = {}
        for answer in await asyncio.gather(*(client.send(node, asked) for node in nodes)):
            for error, _, topics in answer.results:
                for name, partitions in [] if error else topics:
                    for partition, size, _, is_future in partitions:
                        if not is_future:
                            largest[name, partition] = max(size, largest.get((name, partition), 0))
        for name, partitions in due.items():
            if partitions and all((name, partition) in largest for partition in partitions):
                answers[name].size = sum(largest[name, partition] for partition in partitions)

    async def _ask_offsets(self, due: dict[str, list[int]], answers: dict[str, Kept]) -> None:
        left, asked = PARTITIONS, list[TopicPartition]()
        for name, partitions in due.items():
            left -= len(partitions)
            if left >= 0:
                asked += [TopicPartition(name, partition) for partition in partitions]
        if not asked:
            return
        firsts, newest = await asyncio.to_thread(self._list_offsets, asked)
        for (name, partition), info in firsts.items():
            answers[name].firsts[partition] = info.offset
        for (name, _), info in newest.items():
            if info.timestamp > 0:
                answers[name].newest = max(info.timestamp, answers[name].newest or 0)

    def _list_offsets(self, asked: list[TopicPartition]) -> tuple[Told, Told]:
        """What Kafka says of each partition's first offset, and of its newest record. Blocks, for ASK_S or so."""
        if self._admin is None:
            self._admin = AdminClient(admin_options())
        futures = [
            self._admin.list_offsets(dict.fromkeys(asked, spec), request_timeout=ASK_S) for spec in (FIRST, NEWEST)
        ]
        firsts, newest = ({(tp.topic, tp.partition): _told(future) for tp, future in each.items()} for each in futures)
        return _without_none(firsts), _without_none(newest)

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                async with asyncio.timeout(ASK_S):
                    self._client = await asker()
            return self._client

    async def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await stop_quietly(client)


def _told(future: Future[Any]) -> Any:
    """A partition's answer, None where Kafka gave none."""
    try:
        return future.result(ASK_S)
    except (KafkaException, TimeoutError):
        return None


def _without_none(told: Told) -> Told:
    return {key: info for key, info in told.items() if info is not None}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None else None


# The one of this process ----------------------------------------------------------------------------------------------

_current: Storage | None = None


def remembered(name: str) -> Kept | None:
    """`Storage.remembered` of this process's."""
    return _current.remembered(name) if _current is not None else None


def _here() -> Storage:
    """This process's, which is there from the first question on."""
    global _current
    if _current is None:
        _current = Storage()
    return _current


async def of(partitions: Mapping[str, Iterable[int]]) -> dict[str, Kept]:
    """`Storage.of` of this process's."""
    return await _here().of(partitions)


def begin(partitions: Mapping[str, Iterable[int]]) -> None:
    """`Storage.begin` of this process's."""
    _here().begin(partitions)


async def close() -> None:
    """Ends this process's, if it was ever asked."""
    global _current
    held, _current = _current, None
    if held is not None:
        await held.close()
