"""What we ask of the Kafka cluster besides records: how to reach it, which topics it has, and which life of each.

Never creates a topic by asking for it (docs/decisions/0006-never-create-by-asking.md).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Coroutine
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaError as ConfluentError
from django.conf import settings

from streams.kafka import aiokafka_internals, embedded
from streams.kafka.aiokafka_internals import ask_for_its_topics, client_of
from streams.runtime.away import Unavailable

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
PARTITION_FETCH_BYTES = 2 * 1024 * 1024  # of it for one partition; Kafka sends one larger batch whole all the same


class NotAllowed(Unavailable):
    """Kafka answers, but does not let us do it."""


def bootstrap_servers() -> list[str]:
    """`host:port` of the brokers to ask first: the configured ones, or this process's embedded broker."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        return list(settings.KAFKA_BOOTSTRAP_SERVERS)
    address = embedded.address()
    if address is None:
        raise Unavailable("The embedded broker runs in the web process only; set KAFKA_BOOTSTRAP_SERVERS to use Kafka.")
    return [address]


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
    """The configuration that confluent-kafka's administrative client needs here: addresses, security, bounds."""
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
    """An aiokafka consumer for tailing and reading back. It gives committed records only, never jumps in silence and
    commits nothing by itself. options: further ones of aiokafka's.

    Among the records stands an `Undecodable` where a batch cannot be decoded (streams/kafka/aiokafka_internals.py).
    """
    aiokafka_internals.install()
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
    ask_for_its_topics(client_of(made))
    return made


async def asker() -> AIOKafkaClient:
    """A connected client for questions alone. Raises KafkaError, OSError, TimeoutError, or Unavailable."""
    aiokafka_internals.install()
    made = AIOKafkaClient(**client_options())
    ask_for_its_topics(made)
    try:
        await made.bootstrap()
    except BaseException:
        await stop_quietly(made)
        raise
    return made


async def stop_quietly(client: AIOKafkaConsumer | AIOKafkaClient, within: float = STOP_S) -> None:
    """Stops a client within so many seconds; what it says on the way out is of no use any more. Raises nothing."""
    if isinstance(client, AIOKafkaConsumer):
        if await end_within(client.stop(), within):
            return
        client = client_of(client)  # else its connections, and its task that keeps the metadata, would stay for ever
    await end_within(client.close(), within)


async def end_within(ending: Coroutine[Any, Any, None], within: float) -> bool:
    """Lets something of a client end, in a task of its own. Returns True if it did within so many seconds. Raises
    nothing: what it raised is logged.

    aiokafka's `Fetcher.close()` awaits tasks that it has just cancelled: one that slept in its back-off gives its
    CancelledError to whoever closes, as if that one had been cancelled.
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


START_TIMEOUT_S = 15.0
