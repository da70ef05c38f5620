"""A Kafka with accounts and rights: how it is reached, and what happens when a right or the account is taken away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are public
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.conftest import Install
from tests.support import services
from tests.support.attention import Attention
from tests.support.client import Connection, Follower
from tests.support.processes import Installation
from tests.support.services import Kafka
from tests.support.waiting import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.kafka]
ACCOUNT, PASSWORD = "board", "open-sesame"
AGAIN_SECONDS = 60  # for the product to notice, on a loaded machine
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class Guarded(Kafka):
    """Tests come in without a name and may do everything; the product comes in by another door, with its account."""

    name = "guarded-kafka"

    def __init__(self) -> None:
        super().__init__()
        self.door = free_port()
        ways = {"PLAINTEXT": self.address, "ACCOUNTS": f"127.0.0.1:{self.door}"}
        open_to = [f"{name}://{address}" for name, address in ways.items()]
        self.settings |= {
            "listeners": ",".join([*open_to, f"CONTROLLER://127.0.0.1:{self.controller_port}"]),
            "advertised.listeners": ",".join(open_to),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,ACCOUNTS:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        self.set_password(PASSWORD)

    def set_password(self, password: str) -> None:
        """Holds from the next start on."""
        self.settings["listener.name.accounts.plain.sasl.jaas.config"] = f'{PLAIN} user_{ACCOUNT}="{password}";'

    def allow(self, kind: ResourceType, name: str) -> None:
        right = AclBinding(
            kind, name, ResourcePatternType.LITERAL, f"User:{ACCOUNT}", "*", AclOperation.ALL, AclPermissionType.ALLOW
        )
        admin = self.admin()  # kept: its answers would be lost with it
        services.carry_out(partial(admin.create_acls, [right]), f"{right} is given")

    def forbid(self, kind: ResourceType, name: str) -> None:
        """Takes the right of `allow` away."""
        user = f"User:{ACCOUNT}"
        rights = AclBindingFilter(
            kind, name, ResourcePatternType.LITERAL, user, "*", AclOperation.ANY, AclPermissionType.ANY
        )
        admin = self.admin()
        services.carry_out(partial(admin.delete_acls, [rights]), f"{rights} are taken")


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    kafka = services.kafka_of(Guarded)
    yield kafka
    services.close(kafka)


@pytest.fixture
def installation(install: Install, guarded: Guarded) -> Installation:
    items = guarded.create_topic()
    guarded.allow(ResourceType.TOPIC, items)
    return install(
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{guarded.door}",
        KAFKA_ITEMS_TOPIC=items,
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_USERNAME=ACCOUNT,
        KAFKA_SASL_PASSWORD=PASSWORD,
    )


@pytest.fixture
def attention(guarded: Guarded) -> Iterator[Attention]:
    with Attention(guarded) as attention:
        yield attention


async def test_a_right_and_the_account_are_taken_away_and_given_back(
    installation: Installation, guarded: Guarded, attention: Attention
) -> None:
    topic = guarded.create_topic(partitions=1)
    guarded.allow(ResourceType.TOPIC, topic)
    installation.watch(topic)
    web = installation.web()
    async with (
        Follower(web.url, installation.token, installation.items_topic) as neighbour,
        Connection(web.url, token=installation.token) as connection,
    ):
        await neighbour.subscribed(AGAIN_SECONDS)
        await neighbour.until(lambda: "live" in neighbour.links, "the link is live", AGAIN_SECONDS)
        await connection.receive_type("welcome")
        await subscribed(connection, topic)
        # The right to one topic: its stream ends, and is there again with the right; nobody else notices.
        guarded.forbid(ResourceType.TOPIC, topic)
        ended = await connection.receive_type("unsubscribed", timeout=AGAIN_SECONDS)
        assert ended["reason"] == "topic_gone"
        guarded.produce(topic, [b"1"] * 3)
        seen = len(neighbour.records)
        guarded.produce(installation.items_topic, [b"1"] * 3)
        await neighbour.until(lambda: len(neighbour.records) == seen + 3, "the neighbour goes on", AGAIN_SECONDS)
        guarded.allow(ResourceType.TOPIC, topic)
        await subscribed(connection, topic)
        assert "down" not in neighbour.links[neighbour.links.index("live") :] or attention.was_silent
        # The account: the link is down, and live again with it.
        guarded.set_password("another one")
        await asyncio.to_thread(guarded.restart)
        await neighbour.until(lambda: neighbour.links[-1] == "down", "the link is down", AGAIN_SECONDS)
        guarded.set_password(PASSWORD)
        await asyncio.to_thread(guarded.restart)
        guarded.produce(installation.items_topic, [b"2"] * 3)
        await neighbour.until(lambda: len(neighbour.records) == seen + 6, "the rest", AGAIN_SECONDS)
        await neighbour.until(lambda: neighbour.links[-1] == "live", "the link is live", AGAIN_SECONDS)
    assert not neighbour.gaps
    assert not neighbour.unrecovered


async def test_an_items_topic_that_may_not_be_created_is_told_and_stops_nothing_else(
    install: Install, guarded: Guarded
) -> None:
    other = guarded.create_topic(partitions=1)
    guarded.allow(ResourceType.TOPIC, other)
    missing = f"not-{other}"
    installation = install(
        KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{guarded.door}",
        KAFKA_ITEMS_TOPIC=missing,
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_USERNAME=ACCOUNT,
        KAFKA_SASL_PASSWORD=PASSWORD,
    )
    installation.manage("addtopic", other)
    web = installation.web()
    async with Connection(web.url, token=installation.token) as connection:
        await connection.receive_type("welcome")
        await subscribed(connection, other)
        await until(
            lambda: f"no topic {missing} and does not let us create it" in web.log(), "it is told", AGAIN_SECONDS
        )
        guarded.allow(ResourceType.TOPIC, missing)
        await subscribed(connection, missing)


async def subscribed(connection: Connection, topic: str) -> None:
    """Subscribes as soon as the topic can be watched."""

    async def answer() -> bool:
        await connection.send(type="subscribe", id=1, topic=topic, start={"last": 10})
        return bool((await connection.receive_type("subscribed", "error"))["type"] == "subscribed")

    await until(answer, f"{topic} is watched", AGAIN_SECONDS)
