"""The embedded broker: Kafka's protocol for one process of an installation."""

from __future__ import annotations

import fcntl

import pytest
from django.conf import settings

from streams import broker
from tests.streams.reading import records


def test_it_speaks_kafka_until_it_is_stopped_and_each_start_is_a_new_life() -> None:
    first = broker.start()
    try:
        assert broker.start() is first
        first.create_topic("there")
        assert records(first.address, "there") == []
    finally:
        broker.stop()
    assert broker.current() is None
    second = broker.start()
    try:
        assert second.epoch != first.epoch
    finally:
        broker.stop()


def test_a_second_process_is_refused_with_a_hint() -> None:
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.RUN_DIR / "embedded.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(broker.AlreadyRunning, match="Stop the other one, or set KAFKA_BOOTSTRAP_SERVERS"):
            broker.start()
    broker.start()
    broker.stop()
