"""What we ask of the Kafka cluster besides records: how to reach it, which topics it has, and which life of each.

Never creates a topic by asking for it: aiokafka's metadata request by name does that on brokers that allow it, so every
client made here asks for the list of all topics instead.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaError as ConfluentError
from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # a re-export without a stub
from django.conf import settings

from streams.kafka import embedded, undecodable

log = logging.getLogger(__name__)

REQUEST_TIMEOUT_MS = 12_000  # how long a silently dead broker may hold one request
STOP_S = 5.0  # for the polite end of a client
CANCELLED_S = 1.0  # for the end of one that was not polite
ADMIN_TIMEOUT_S = 8.0  # for one administrative question
LISTED_S = 0.1  # between looks for a topic that was just created: it is told before every list has it
FETCH_BYTES = 8 * 1024 * 1024  # one fetch of one broker
EMBEDDED_WAIT_MS = 25  # the embedded broker answers an empty fetch only after this wait, even when records come in
# What comes when no broker answered a request in time, be it that it is refused or not.
UNANSWERED = frozenset(
    {
        ConfluentError._TIMED_OUT,
        ConfluentError._TRANSPORT,
        ConfluentError._ALL_BROKERS_DOWN,
        ConfluentError._TIMED_OUT_QUEUE,
        ConfluentError.REQUEST_TIMED_OUT,
        ConfluentError.NOT_CONTROLLER,
        ConfluentError.BROKER_NOT_AVAILABLE,
    }
)
# What a broker answers whose version does not know topic ids; and of a topic that went since it was listed.
NO_IDS = frozenset({ConfluentError._UNSUPPORTED_FEATURE, ConfluentError.UNSUPPORTED_VERSION})
GONE = frozenset({ConfluentError.UNKNOWN_TOPIC_OR_PART, ConfluentError.TOPIC_AUTHORIZATION_FAILED})
PARTITION_FETCH_BYTES = 2 * 1024 * 1024  # of it for one partition; Kafka sends one larger batch whole all the same


class Unavailable(Exception):
    """Kafka did not answer in time, or not usefully."""


class NotAllowed(Unavailable):
    """Kafka answers, but does not let us do it."""


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What Kafka says of a topic. epoch: its id in Kafka, None where the broker gives topics no id."""

    name: str
    partitions: tuple[int, ...]
    epoch: str | None


def bootstrap_servers() -> list[str]:
    """`host:port` of the brokers to ask first: the configured ones, or this process's embedded broker."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return list(settings.KAFKA_BOOTSTRAP_SERVERS)
    broker = embedded.current()
    if broker is None:
        raise Unavailable("The embedded broker runs in the web process only; set KAFKA_BOOTSTRAP_SERVERS to use Kafka.")
    return [broker.address]


def _security_protocol() -> str:
    """The embedded broker speaks plain text, whatever is set for another one."""
    return str(settings.KAFKA_SECURITY_PROTOCOL) if settings.KAFKA_BOOTSTRAP_SERVERS else "PLAINTEXT"


def client_options() -> dict[str, Any]:
    """The keyword arguments that every aiokafka client needs here: addresses, security, bounds."""
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(),
        "client_id": "streamboard",
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "metadata_max_age_ms": 30_000,
        "retry_backoff_ms": 100,
        "security_protocol": _security_protocol(),
    }
    if _security_protocol().startswith("SASL_"):
        options["sasl_mechanism"] = settings.KAFKA_SASL_MECHANISM
        options["sasl_plain_username"] = settings.KAFKA_SASL_USERNAME
        options["sasl_plain_password"] = settings.KAFKA_SASL_PASSWORD
    if _security_protocol().endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.KAFKA_SSL_CAFILE or None)
    return options


def admin_options() -> dict[str, Any]:
    """The same for confluent-kafka's administrative client."""
    options: dict[str, Any] = {
        "bootstrap.servers": ",".join(bootstrap_servers()),
        "client.id": "streamboard-admin",
        "security.protocol": _security_protocol(),
        "socket.timeout.ms": int(ADMIN_TIMEOUT_S * 1000),
        "logger": log,
        "log_level": 0,
    }
    if _security_protocol().startswith("SASL_"):
        options["sasl.mechanism"] = settings.KAFKA_SASL_MECHANISM
        options["sasl.username"] = settings.KAFKA_SASL_USERNAME
        options["sasl.password"] = settings.KAFKA_SASL_PASSWORD
    if settings.KAFKA_SSL_CAFILE and _security_protocol().endswith("SSL"):
        options["ssl.ca.location"] = settings.KAFKA_SSL_CAFILE
    return options


def consumer(**options: Any) -> AIOKafkaConsumer:
    """An aiokafka consumer for tailing and reading back: committed records only, no silent jump, no auto-commit, and
    `Undecodable` among the records where a batch is (streams/kafka/undecodable.py)."""
    undecodable.install()
    made = AIOKafkaConsumer(
        **{
            **client_options(),
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "fetch_max_bytes": FETCH_BYTES,
            "max_partition_fetch_bytes": PARTITION_FETCH_BYTES,
            **({} if settings.KAFKA_BOOTSTRAP_SERVERS else {"fetch_max_wait_ms": EMBEDDED_WAIT_MS}),
            **options,
        }
    )
    _ask_for_all_topics(made._client)
    return made


def _ask_for_all_topics(client: AIOKafkaClient) -> None:
    """Makes the client's metadata requests name no topic (aiokafka 0.14 has no option against creating by asking)."""
    update = client._metadata_update

    async def update_all(cluster_metadata: Any, _topics: Any) -> Any:
        return await update(cluster_metadata, None)

    client._metadata_update = update_all


async def stop_quietly(client: AIOKafkaConsumer | AIOKafkaClient, within: float = STOP_S) -> None:
    """Stops a client within a bound; what it says on the way out is of no use any more. Raises nothing."""
    if isinstance(client, AIOKafkaConsumer):
        if await end_within(client.stop(), within):
            return
        client = client._client  # else its connections, and its task that keeps the metadata, would stay for ever
    await end_within(client.close(), within)


async def end_within(ending: Coroutine[Any, Any, None], within: float) -> bool:
    """Lets something of a client end, in a task of its own: True if it did within so many seconds.

    Says, but does not raise, what it raised. aiokafka's `Fetcher.close()` awaits tasks that it has just cancelled: one
    that slept in its back-off gives its CancelledError to whoever closes, as if that one had been cancelled.
    """
    task = asyncio.create_task(ending)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, whoever still waits
    try:
        await asyncio.wait({task}, timeout=within)
    finally:
        if is_late := not task.done():
            task.cancel()
    if is_late:
        log.debug("A Kafka client did not stop within %g s.", within)
        await asyncio.wait({task}, timeout=CANCELLED_S)
    elif task.cancelled():
        log.debug("A Kafka client let a cancellation out when it stopped.")
    elif (error := task.exception()) is not None:
        is_usual = isinstance(error, (KafkaError, TimeoutError, OSError))
        log.log(logging.DEBUG if is_usual else logging.WARNING, "A Kafka client did not stop cleanly: %r", error)
    else:
        return True
    return False


class Catalog:
    """The list of Kafka's topics, asked with connections of its own. One per process; `close()` when done."""

    def __init__(self) -> None:
        self._client: AIOKafkaClient | None = None
        self._admin: AdminClient | None = None
        # librdkafka's futures block; one thread is enough for a question now and then.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kafka-admin")

    async def topics(self, names: Iterable[str]) -> dict[str, TopicInfo]:
        """Those of the named topics that Kafka has. Raises Unavailable within ADMIN_TIMEOUT_S or so."""
        try:
            async with asyncio.timeout(ADMIN_TIMEOUT_S):
                metadata = await self._all_metadata()
            found = {name: metadata.partitions_for_topic(name) or set() for name in names if name in metadata.topics()}
            ids = await self._ids(list(found)) if found and settings.KAFKA_BOOTSTRAP_SERVERS else dict.fromkeys(found)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._forget_client()
            raise Unavailable(f"Kafka does not answer: {error!r}") from error
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
            await asyncio.get_running_loop().run_in_executor(self._thread, self._create, name)
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
        await self._forget_client()
        self._admin = None
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _all_metadata(self) -> Any:
        if self._client is None:
            client = AIOKafkaClient(**client_options())
            _ask_for_all_topics(client)
            try:
                await client.bootstrap()
            except BaseException:
                await stop_quietly(client)
                raise
            self._client = client
        return await self._client.fetch_all_metadata()

    async def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await stop_quietly(client)

    async def _ids(self, names: list[str]) -> dict[str, str | None]:
        """Topic ids, None from a broker that has none; without the topics that have just gone."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._describe, names)

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
                raise Unavailable(f"Kafka did not create the topic {name}: {error}") from error
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
                    raise Unavailable(f"Kafka does not tell the id of topic {name}: {error}") from error
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
