"""Locks belong to what they guard, the database: not to the folder that a process was started in."""

from __future__ import annotations

import httpx

from tests.conftest import Install
from tests.support.processes import START_SECONDS, Installation, Process
from tests.support.services import Kafka, Postgres
from tests.support.waiting import wait_until

STANDS_BY = "Another relay is active; this one stands by."


def publishes(installation: Installation, web: Process) -> None:
    """An item that is added there reaches Kafka, once."""
    answer = httpx.post(
        f"{web.url}/api/items/",
        json={"name": "a lamp", "price": "1"},
        headers={"Authorization": f"Bearer {installation.token}"},
        timeout=30,
    )
    assert answer.status_code == 201
    waits = "SELECT count(*) FROM streams_outboxmessage WHERE published_at IS NULL"
    wait_until(lambda: installation.query(waits) == [(0,)], "its event is published")


def test_two_databases_of_one_checkout_each_have_a_relay_and_a_broker(install: Install) -> None:
    first = install()
    second = install()
    second.env["TEST_RUN_DIR"] = first.env["TEST_RUN_DIR"]
    for installation in (first, second):
        publishes(installation, installation.web())


def test_two_databases_of_one_checkout_with_kafka_each_have_a_relay(install: Install, kafka: Kafka) -> None:
    first = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    second = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    second.env["TEST_RUN_DIR"] = first.env["TEST_RUN_DIR"]
    for installation in (first, second):
        web = installation.web()
        publishes(installation, web)
        assert STANDS_BY not in web.log()


def test_two_checkouts_on_one_sqlite_file_have_one_relay(install: Install, kafka: Kafka) -> None:
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    another_way = installation.folder / "another-way"
    another_way.symlink_to(installation.folder)
    first = installation.web()
    wait_until(lambda: "This relay is active." in first.log(), "the first leads")
    second = installation.web(
        TEST_RUN_DIR=str(installation.folder / "elsewhere"), DATABASE_URL=f"sqlite:///{another_way / 'db.sqlite3'}"
    )
    wait_until(lambda: STANDS_BY in second.log(), "the second stands by")
    first.kill()
    wait_until(lambda: "This relay is active." in second.log(), "the second takes over")


def refuses_a_second(installation: Installation) -> None:
    installation.web()
    second = installation.web(start=False, TEST_RUN_DIR=str(installation.folder / "elsewhere"))
    second.start(wait=False)
    assert second.wait(START_SECONDS) != 0
    assert "runs on this database with the embedded Kafka broker" in second.log()


def test_two_checkouts_on_one_sqlite_file_have_one_embedded_broker(install: Install) -> None:
    refuses_a_second(install())


def test_two_checkouts_on_one_postgresql_have_one_embedded_broker(install: Install, postgres: Postgres) -> None:
    refuses_a_second(install(postgres))
