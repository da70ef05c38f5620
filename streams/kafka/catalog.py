"""Which topics Kafka has, and which life of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaError as ConfluentError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # a re-export without a stub
from django.conf import settings

from streams.kafka import embedded
from streams.kafka.aiokafka_internals import partitions_of
from streams.kafka.clients import (
    ADMIN_TIMEOUT_S,
    LISTED_S,
    UNANSWERED,
    NotAllowed,
    admin_options,
    asker,
    stop_quietly,
)
from streams.runtime.away import Unavailable

log = logging.getLogger(__name__)
Q = TypeVar("Q")
A = TypeVar("A")
# What a broker answers whose version does not know topic ids; and of a topic that went since it was listed.
NO_IDS = frozenset({ConfluentError._UNSUPPORTED_FEATURE, ConfluentError.UNSUPPORTED_VERSION})
GONE = frozenset({ConfluentError.UNKNOWN_TOPIC_OR_PART, ConfluentError.TOPIC_AUTHORIZATION_FAILED})


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What Kafka says of a topic. epoch: its id in Kafka, None where the broker gives topics no id."""

    name: str
    partitions: tuple[int, ...]
    epoch: str | None


class Catalog:
    """The list of Kafka's topics, asked with connections of its own. One per process; `close()` when done."""

    def __init__(self) -> None:
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        self._admin: AdminClient | None = None
        # librdkafka's futures block; one thread is enough for a question now and then.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-admin")

    async def topics(self, names: Iterable[str]) -> dict[str, TopicInfo]:
        """Those of the named topics that Kafka has. Raises Unavailable within ADMIN_TIMEOUT_S or so."""
        try:
            async with asyncio.timeout(ADMIN_TIMEOUT_S):
                found = await partitions_of(await self._connected(), names)
            ids = await self._ids(list(found)) if found and settings.KAFKA_BOOTSTRAP_SERVERS else dict.fromkeys(found)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._forget_client()
            raise Unavailable("Kafka does not answer.") from error
        broker = embedded.current()
        return {
            name: TopicInfo(name, tuple(sorted(partitions)), broker.epoch if broker else ids[name])
            for name, partitions in found.items()
            if partitions and name in ids
        }

    async def ensure(self, name: str) -> None:
        """Creates a topic of ours (the items topic) with the broker's defaults where Kafka lacks it, and waits until it
        is listed.

        Raises Unavailable when Kafka does not answer within a few times ADMIN_TIMEOUT_S, NotAllowed when it does not
        let us.
        """
        broker = embedded.current()
        if broker is not None:
            await asyncio.to_thread(broker.create_topic, name)
        elif name not in await self.topics([name]):
            await self._answer(self._create, name)
            await self._wait_for(name)

    async def _wait_for(self, name: str) -> None:
        try:
            async with asyncio.timeout(ADMIN_TIMEOUT_S):
                while True:
                    if name in await self.topics([name]):
                        return
                    await asyncio.sleep(LISTED_S)
        except TimeoutError as error:
            raise Unavailable(f"Kafka does not list the topic {name}, though it was created.") from error

    async def close(self) -> None:
        """Ends its connections to Kafka."""
        await self._forget_client()
        self._admin = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                self._client = await asker()
            return self._client

    async def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await stop_quietly(client)

    async def _ids(self, names: list[str]) -> dict[str, str | None]:
        """Topic ids, None from a broker that has none; without the topics that have just gone."""
        return await self._answer(self._describe, names)

    async def _answer(self, ask: Callable[[Q], A], question: Q) -> A:
        """Asks in the thread. After no answer the next one is asked anew: librdkafka goes on waiting for the controller
        of the metadata that it has, for minutes after that broker died."""

        def answered() -> A:
            try:
                return ask(question)
            except (Unavailable, TimeoutError):
                self._admin = None
                raise

        return await asyncio.get_running_loop().run_in_executor(self._thread, answered)

    def _asker(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient(admin_options())
        return self._admin

    def _create(self, name: str) -> None:
        """Raises NotAllowed or Unavailable. That somebody else was faster is fine."""
        topic = NewTopic(name, num_partitions=-1, replication_factor=-1)
        future = self._asker().create_topics([topic], request_timeout=ADMIN_TIMEOUT_S)[name]
        try:
            future.result(ADMIN_TIMEOUT_S)
        except KafkaException as error:
            code = error.args[0].code()
            if code == ConfluentError.TOPIC_ALREADY_EXISTS:
                return
            if code in UNANSWERED:
                raise Unavailable(f"Kafka did not create the topic {name}.") from error
            raise NotAllowed(
                f"Kafka has no topic {name} and does not let us create it ({error.args[0].str()}). "
                "Create it yourself, or let this user create it."
            ) from error
        except TimeoutError as error:
            raise Unavailable(f"Kafka did not create the topic {name} in time.") from error
        log.info("Created the topic %s in Kafka.", name)

    def _describe(self, names: list[str]) -> dict[str, str | None]:
        """Raises Unavailable when it is not told: to take no answer for "no id" would begin a new life of the topic."""
        answers = self._asker().describe_topics(TopicCollection(names), request_timeout=ADMIN_TIMEOUT_S)
        ids: dict[str, str | None] = {}
        for name, future in answers.items():
            try:
                topic_id = future.result(ADMIN_TIMEOUT_S).topic_id
            except KafkaException as error:
                if error.args[0].code() in GONE:
                    continue
                if error.args[0].code() not in NO_IDS:
                    raise Unavailable(f"Kafka does not tell the id of topic {name}.") from error
                ids[name] = None
            else:
                is_known = topic_id.get_most_significant_bits() or topic_id.get_least_significant_bits()
                ids[name] = str(topic_id) if is_known else None
        return ids


async def ensure_topic(name: str) -> None:
    """`Catalog.ensure`, for somebody who has no catalog of his own."""
    catalog = Catalog()
    try:
        await catalog.ensure(name)
    finally:
        await catalog.close()
