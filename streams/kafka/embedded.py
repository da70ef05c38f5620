"""The embedded broker: librdkafka's mock cluster, which ships in the confluent-kafka wheel. Real Kafka protocol over
loopback TCP, in memory, for the process that started it. A lock file keeps it to one process an installation.
"""

from __future__ import annotations

import fcntl
import logging
import secrets
from typing import IO

from confluent_kafka import Producer
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

log = logging.getLogger(__name__)

METADATA_TIMEOUT_S = 30.0  # nothing to wait for but the machine


class AlreadyRunning(ImproperlyConfigured):
    """Another process of this installation has the embedded broker."""

    def __init__(self) -> None:
        super().__init__(
            "Another Streamboard process runs with the embedded Kafka broker, which is for one process. "
            "Stop the other one, or set KAFKA_BOOTSTRAP_SERVERS to use a real Kafka with any number of processes."
        )


class EmbeddedBroker:
    """One life of the embedded broker. address: `host:port` for any Kafka client. epoch: this life's name."""

    def __init__(self, lock: IO[str] | None = None) -> None:
        self._lock = lock
        # Both the client and the cluster: the broker dies with this object.
        self._producer = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1, "log_level": 0})
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


def _take_lock() -> IO[str]:
    settings.RUN_DIR.mkdir(exist_ok=True)
    lock = (settings.RUN_DIR / "embedded.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise AlreadyRunning from error
    return lock
