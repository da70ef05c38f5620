"""The embedded broker: librdkafka's mock cluster, which ships in the confluent-kafka wheel. Real Kafka protocol over
loopback TCP, in memory, for the process that started it. A lock keeps it to one process a database: the events of its
items go to one Kafka.
"""

from __future__ import annotations

import logging
import secrets
import signal

from confluent_kafka import Producer
from django.core.exceptions import ImproperlyConfigured

from streams.runtime.locks import Held, hold

log = logging.getLogger(__name__)

LOCK_KEY = 0x62_72_6F_6B_65_72  # the bytes of "broker": advisory locks are numbers, per database
METADATA_TIMEOUT_S = 30.0  # nothing to wait for but the machine


class AlreadyRunning(ImproperlyConfigured):
    """Another process has the embedded broker of this database."""

    def __init__(self) -> None:
        super().__init__(
            "Another Streamboard process runs on this database with the embedded Kafka broker, which is for one "
            "process. Stop the other one, or set KAFKA_BOOTSTRAP_SERVERS to use a real Kafka with any number of "
            "processes."
        )


class EmbeddedBroker:
    """One life of the embedded broker. address: `host:port` for any Kafka client. epoch: this life's name."""

    def __init__(self, lock: Held | None = None) -> None:
        self._lock = lock
        # A signal that its thread gets ends the broker without a word: its poll() is interrupted, and it takes that for
        # an error. Threads begin with the mask of who makes them; ours have theirs back.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            # Both the client and the cluster: the broker dies with this object.
            self._producer = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1, "log_level": 0})
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        brokers = self._producer.list_topics(timeout=METADATA_TIMEOUT_S).brokers
        broker = next(iter(brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        self.epoch = secrets.token_hex(4)

    def create_topic(self, name: str) -> None:
        """Makes a topic; the broker has no other way than being asked for it. Blocks for a moment."""
        self._producer.list_topics(name, timeout=METADATA_TIMEOUT_S)

    def close(self) -> None:
        """Ends the broker and everything it holds."""
        del self._producer
        if self._lock is not None:
            self._lock.close()


_current: EmbeddedBroker | None = None
_borrowed: str | None = None


def borrow(address: str) -> None:
    """Has this process use the embedded broker of the one that started it, at `address` (`host:port`)."""
    global _borrowed
    _borrowed = address


def address() -> str | None:
    """Where the embedded broker is that this process has, or uses; None where there is none."""
    return _borrowed if _current is None else _current.address


def current() -> EmbeddedBroker | None:
    """This process's embedded broker, None where there is none."""
    return _current


def start() -> EmbeddedBroker:
    """Starts this process's embedded broker, once. Raises AlreadyRunning when another process has it."""
    global _current
    if _current is None:
        _current = EmbeddedBroker(_take_lock())
    return _current


def stop() -> None:
    """Ends this process's embedded broker, if it has one."""
    global _current
    stopping, _current = _current, None
    if stopping is not None:
        stopping.close()


def _take_lock() -> Held:
    lock = hold("embedded", LOCK_KEY)
    if lock is None:
        raise AlreadyRunning
    return lock
