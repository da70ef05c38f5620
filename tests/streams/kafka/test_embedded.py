"""The embedded broker: Kafka's protocol for one process of an installation."""

from __future__ import annotations

import pytest

from streams.kafka import embedded
from streams.runtime.locks import hold
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


def test_a_second_process_on_the_same_database_is_refused_with_a_hint() -> None:
    other = hold("embedded", embedded.LOCK_KEY)  # each opening of the file, or of a session, is a holder of its own
    assert other is not None
    try:
        with pytest.raises(embedded.AlreadyRunning, match="Stop the other one, or set KAFKA_BOOTSTRAP_SERVERS"):
            embedded.start()
    finally:
        other.close()
    embedded.start()
    embedded.stop()
