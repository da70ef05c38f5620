"""The embedded broker: Kafka's protocol for one process of an installation."""

from __future__ import annotations

import fcntl

import pytest
from django.conf import settings

from streams.kafka import embedded
from tests.support.reading import records


def test_it_speaks_kafka_until_it_is_stopped_and_each_start_is_a_new_life() -> None:
    first = embedded.start()
    try:
        assert embedded.start() is first
        first.create_topic("there")
        assert records(first.address, "there") == []
    finally:
        embedded.stop()
    assert embedded.current() is None
    second = embedded.start()
    try:
        assert second.epoch != first.epoch
    finally:
        embedded.stop()


def test_a_second_process_is_refused_with_a_hint() -> None:
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.RUN_DIR / "embedded.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(embedded.AlreadyRunning, match="Stop the other one, or set KAFKA_BOOTSTRAP_SERVERS"):
            embedded.start()
    embedded.start()
    embedded.stop()
