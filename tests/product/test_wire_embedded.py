"""The whole wire in the embedded mode: one process, no service installed."""

from __future__ import annotations

import httpx

from project.api.api import BULK_BYTES
from tests.conftest import Install
from tests.support.client import Connection, Follower
from tests.support.processes import START_SECONDS
from tests.support.wire import RECOVERY_SECONDS, Writer, create_item, everything_arrived, until_it_answers

TOPIC = "items.v1"


async def test_an_item_is_on_every_open_socket(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with (
        Follower(web.url, installation.tokens["alice"], TOPIC) as first,
        Follower(web.url, installation.tokens["bob"], TOPIC) as second,
    ):
        await first.subscribed()
        await second.subscribed()
        item = await create_item(web.url, installation.token, name="a lamp", tax="1.25", sku="L-1")
        for follower in (first, second):
            await follower.until(lambda f=follower: f.records, "the item's event")
            _, record = follower.records[0]
            assert record["key"] == str(item["id"])
            assert record["value"] == {**item, "actor": "alice"}
            assert record["headers"]["ce_type"] == "item.created"
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
        await follower.until(lambda: follower.links[-1] == "live", "the link is live")


async def test_a_lost_network_costs_nothing(install: Install) -> None:
    installation = install()
    web = installation.web()
    async with Follower(web.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
        async with Writer(installation.token, web.url) as writer:
            for lost in range(3):
                await writer.more(10)
                await follower.until(lambda lost=lost: follower.begun > lost and follower.stream, "it is back")
                follower.drop()
                await writer.more(10)
        await everything_arrived(installation, follower)
        assert follower.sockets >= 4
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
        await follower.until(lambda: follower.epoch != epoch, "the new epoch", RECOVERY_SECONDS)  # its pauses grew
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
    assert second.wait(START_SECONDS) != 0
    assert "KAFKA_BOOTSTRAP_SERVERS" in second.log()
    assert "Traceback" not in second.log()


async def test_daphne_serves_the_same_wire(install: Install) -> None:
    installation = install()
    daphne = installation.daphne()
    async with Follower(daphne.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
        await create_item(daphne.url, installation.token)
        await everything_arrived(installation, follower)


def test_a_bulk_may_be_as_large_as_a_thousand_items_are_and_no_larger(install: Install) -> None:
    installation = install()
    web = installation.web()
    row = {"name": "n", "price": 1, "description": "x" * 20_000}
    headers = {"Authorization": f"Bearer {installation.token}"}
    with httpx.Client(base_url=web.url, headers=headers, timeout=60) as client:
        assert client.post("/api/items/bulk", json={"items": [row] * 1_000}).status_code == 201
        answer = client.post("/api/items/bulk", content=b" " * (BULK_BYTES + 1))
        assert (answer.status_code, answer.json()) == (413, {"detail": "The body is too large."})
        assert client.post("/api/items/", content=b" " * 3_000_000).status_code == 413


async def test_a_foreign_host_gets_json_from_the_api_and_health_for_everybody(install: Install) -> None:
    web = install().web()
    async with httpx.AsyncClient(base_url=web.url, headers={"Host": "10.0.0.5:8000"}, timeout=20) as client:
        for address in ("/healthz", "/readyz"):
            await until_it_answers(client, address)
        answer = await client.get("/api/")
        assert answer.status_code == 400
        assert "ALLOWED_HOSTS" in answer.json()["detail"]
        assert (await client.get("/")).status_code == 400
