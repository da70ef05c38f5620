"""The embedded broker: Kafka's protocol for one process of an installation."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from streams.kafka import embedded
from streams.kafka.embedded import EmbeddedBroker
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


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux tells the masks of threads")
def test_no_signal_reaches_its_threads() -> None:
    """One that does ends it for good: a child of the process that ends is enough."""

    def threads() -> set[Path]:
        return set(Path("/proc/self/task").iterdir())

    def status_of(thread: Path) -> str:
        """Nothing of one that has ended since: threads of other tests come and go."""
        try:
            return (thread / "status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return ""

    before, mask = threads(), signal.pthread_sigmask(signal.SIG_BLOCK, [])
    broker = EmbeddedBroker()
    try:
        made = [status for thread in threads() - before if (status := status_of(thread)).startswith("Name:\trdk")]
        assert made
        for status in made:
            (blocked,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigBlk"))
            for each in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                assert blocked & 1 << (each - 1), (status, each)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask, "ours get what they got before"
    finally:
        broker.close()
