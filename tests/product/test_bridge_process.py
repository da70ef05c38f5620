"""The bridge as a process of its own: its stop signals, its health, and the hand-over when one is killed."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.conftest import Install
from tests.streams.outbox.test_relay import awake
from tests.support.processes import Installation, Process
from tests.support.services import Kafka, Postgres
from tests.support.waiting import free_port, wait_until

pytestmark = pytest.mark.slow

UNPUBLISHED = "SELECT count(*) FROM streams_outboxmessage WHERE published_at IS NULL"
# An event in no time: a process that writes one takes seconds, and a batch is under way for 25 s at most.
ONCE_MORE = "UPDATE streams_outboxmessage SET published_at = NULL"


@pytest.fixture
def installation(install: Install, kafka: Kafka, postgres: Postgres) -> Installation:
    """With a topic of its own."""
    topic = kafka.create_topic()
    return install(postgres, KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=topic)


def write(installation: Installation, count: int = 1) -> None:
    """Commits items as any other process would."""
    each = "create_item(actor=None, name='x', price='1')"
    script = f"from items.services import create_item\nfor _ in range({count}): {each}"
    installation.manage("shell", "--no-imports", "--command", script)


def waiting(installation: Installation) -> int:
    return int(installation.query(UNPUBLISHED)[0][0])


def started(installation: Installation) -> Process:
    """A relay that has published something."""
    bridge = installation.bridge("relay")
    write(installation)
    wait_until(lambda: waiting(installation) == 0, "the first event is published")
    return bridge


def publishes(bridge: Process) -> bool:
    return "streamboard_relay_publishing 1.0" in bridge.get("/metrics").text


def has_taken_its_signals(bridge: Process) -> bool:
    """Two signals of a kind that wait to be taken are one."""
    status = Path(f"/proc/{bridge.pid}/status").read_text()
    return all(int(waiting, 16) == 0 for waiting in re.findall(r"^(?:Sig|Shd)Pnd:\s*(\w+)", status, re.MULTILINE))


def test_the_first_stop_signal_ends_it_with_0(installation: Installation) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        bridge = installation.bridge("relay")
        write(installation, 20)
        wait_until(lambda: waiting(installation) == 0, "everything is published")
        os.kill(bridge.pid, number)
        assert bridge.wait() == 0
        assert "Traceback" not in bridge.log()


def test_the_second_stop_signal_ends_it_at_once(installation: Installation, kafka: Kafka) -> None:
    bridge = started(installation)
    kafka.pause()
    try:
        installation.query(ONCE_MORE)
        wait_until(lambda: publishes(bridge), "a batch is under way")
        bridge.terminate()
        wait_until(lambda: has_taken_its_signals(bridge), "the first is taken")
        with pytest.raises(AssertionError, match="not within"):  # it waits for the batch under way
            wait_until(lambda: not bridge.running, "it ends by itself", 1)
        bridge.terminate()
        assert bridge.wait() == 128 + signal.SIGTERM  # it would be 1 at the end of the time that the first one gave it
    finally:
        awake(kafka)
    assert waiting(installation) == 1
    assert installation.run("bridge", "relay", "--once").returncode == 0
    assert waiting(installation) == 0


def test_a_batch_that_cannot_be_finished_is_told_and_goes_again(installation: Installation, kafka: Kafka) -> None:
    bridge = started(installation)
    kafka.pause()
    try:
        installation.query(ONCE_MORE)
        wait_until(lambda: publishes(bridge), "a batch is under way")
        bridge.terminate()
        assert bridge.wait() == 1
    finally:
        awake(kafka)
    assert "goes again at the next start" in bridge.log()
    assert "Traceback" not in bridge.log()


def test_kill_9_of_the_active_relay_hands_over_to_the_other(installation: Installation) -> None:
    active = installation.bridge("relay")
    wait_until(lambda: "This relay is active." in active.log(), "it leads")
    other = installation.bridge("relay")
    wait_until(lambda: "stands by" in other.log(), "the other one stands by")
    write(installation, 20)
    wait_until(lambda: waiting(installation) == 0, "the active one publishes")
    active.kill()
    write(installation, 20)
    wait_until(lambda: waiting(installation) == 0, "the other one publishes")


def test_its_health_tells_which_neighbour_is_away(installation: Installation, kafka: Kafka, postgres: Postgres) -> None:
    bridge = installation.bridge("relay")
    wait_until(
        lambda: bridge.readyz() == "database: ok\nkafka: live\nredis: not used\nregistry: not used\ntasks: ok\n",
        "it is ready",
    )
    assert "streamboard_relay_published_total" in bridge.get("/metrics").text
    postgres.pause()
    try:
        answer = bridge.get("/readyz")
        assert answer.status_code == 503
        assert answer.text.startswith("database: down")
        assert bridge.get("/healthz").status_code == 200
    finally:
        postgres.resume()
    wait_until(lambda: bridge.answers("/readyz"), "it is ready again")
    kafka.kill()
    try:
        wait_until(lambda: "kafka: down since 20" in bridge.readyz(), "it says that Kafka is away")
        assert bridge.answers("/readyz", 503)
    finally:
        kafka.start()
    wait_until(lambda: bridge.answers("/readyz"), "it is ready once more")
    write(installation)
    wait_until(lambda: waiting(installation) == 0, "it publishes again")


def test_once_says_that_kafka_is_away(installation: Installation) -> None:
    done = installation.run("bridge", "--once", KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "Not everything could be sent" in done.stderr
    assert "Traceback" not in done.stderr


def test_once_says_that_another_relay_is_active(installation: Installation) -> None:
    bridge = installation.bridge("relay")
    wait_until(lambda: "This relay is active." in bridge.log(), "it leads")
    done = installation.run("bridge", "relay", "--once")
    assert done.returncode == 1
    assert "Another relay is active" in done.stderr


def test_an_address_that_is_taken_and_a_database_that_is_away_are_sentences(installation: Installation) -> None:
    bridge = installation.bridge("relay")
    taken = installation.run("bridge", "relay", "--listen", f"127.0.0.1:{bridge.port}")
    assert taken.returncode == 1
    assert f"--listen 127.0.0.1:{bridge.port} cannot be used" in taken.stderr
    away = f"postgres://ada:secret@127.0.0.1:{free_port()}/streamboard"
    for command in (["bridge", "relay"], ["addtopic", "orders.v1"]):
        done = installation.run(*command, DATABASE_URL=away)
        assert done.returncode == 1
        assert "DATABASE_URL" in done.stderr
        assert "Traceback" not in done.stderr
        assert "secret" not in done.stderr
