"""The whole wire in the embedded mode: one process, no service installed."""

from __future__ import annotations

import time

from tests.client import Connection, Follower
from tests.conftest import Install
from tests.project.wire import Writer, create_item, everything_arrived

TOPIC = "items.v1"


async def test_an_item_is_on_every_open_socket_within_a_second(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with (
        Follower(web.url, installation.tokens["alice"], TOPIC) as first,
        Follower(web.url, installation.tokens["bob"], TOPIC) as second,
    ):
        await first.subscribed()
        await second.subscribed()
        began = time.monotonic()
        item = await create_item(web.url, installation.token, name="a lamp", tax="1.25", sku="L-1")
        for follower in (first, second):
            await follower.until(lambda f=follower: f.records, "the item's event")
            _, record = follower.records[0]
            assert record["key"] == str(item["id"])
            assert record["value"] == {**item, "actor": "alice"}
            assert record["headers"]["ce_type"] == "item.created"
        assert time.monotonic() - began < 1
        await everything_arrived(installation, first, second)


async def test_all_changes_arrive_in_order_while_many_are_made(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC, {"latest": True}) as follower:
        await follower.subscribed()
        async with Writer(installation.token, web.url) as writer:
            await writer.more(60)
        await everything_arrived(installation, follower)
        assert not follower.gaps
        assert follower.links[-1] == "live"


async def test_a_lost_network_costs_nothing(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
        async with Writer(installation.token, web.url) as writer:
            for _ in range(3):
                await writer.more(10)
                follower.drop()
                await writer.more(10)
        await everything_arrived(installation, follower)
        assert follower.sockets == 4
        assert not follower.gaps
        assert not follower.unrecovered


async def test_after_kill_9_no_committed_event_is_missing(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Writer(installation.token, web.url) as writer:
        await writer.more(40)
        web.kill()
        web.start()
        await writer.more(20)
    # The embedded broker forgot; a new life of the topic holds everything again.
    async with Follower(web.url, installation.token, TOPIC, {"last": 2000}) as follower:
        await everything_arrived(installation, follower)


async def test_a_client_that_stayed_is_told_of_the_new_life_of_the_topic(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
        await create_item(web.url, installation.token)
        await everything_arrived(installation, follower)
        epoch = follower.epoch
        web.kill()
        web.start()
        await follower.until(lambda: follower.epoch != epoch, "the new epoch")
        await follower.subscribed()
        await create_item(web.url, installation.token)
        await everything_arrived(installation, follower)
        assert follower.unrecovered == ["epoch"]


async def test_a_polite_stop_says_goodbye_and_ends_with_0(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Connection(web.url, token=installation.token) as connection:
        assert (await connection.receive())["type"] == "welcome"
        web.terminate()
        goodbye = await connection.receive_type("goodbye")
        assert goodbye["code"] == 4001
        assert await connection.close_code() == 4001
    # uvicorn passes the signal on after its clean end, as shells expect.
    assert web.wait() in {0, -15}


def test_a_second_process_stops_with_a_hint(install: Install) -> None:
    installation = install()
    installation.web()
    second = installation.web(start=False)
    second.start(wait=False)
    assert second.wait() != 0
    assert "KAFKA_BOOTSTRAP_SERVERS" in second.log()
    assert "Traceback" not in second.log()


async def test_daphne_serves_the_same_wire(install: Install) -> None:
    installation = install()
    daphne = installation.daphne()
    async with Follower(daphne.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
        await create_item(daphne.url, installation.token)
        await everything_arrived(installation, follower)
