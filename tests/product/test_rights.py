"""Who may watch: owners of rights, people without, and people whose rights change while they watch."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.client import RIGHTS_SECONDS, Connection
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation
from tests.support.waiting import until

# One process for carol, her group, her token and the topic: each start of Django costs seconds.
SETUP = """
from django.contrib.auth.models import Group, User
from django.core.management import call_command
group = Group.objects.create(name="traders")
User.objects.create_user("carol").groups.add(group)
call_command("addtopic", "prices", "--reader", "traders", stdout=open("/dev/null", "w"))
call_command("createtoken", "carol")
"""

# What an administrator does to her, in the database, which web processes look into again by themselves.
CAROL = "(SELECT id FROM auth_user WHERE username = 'carol')"
LEAVE_GROUPS = f"DELETE FROM auth_user_groups WHERE user_id = {CAROL}"
JOIN_GROUP = (
    f"INSERT INTO auth_user_groups (user_id, group_id) SELECT {CAROL}, id FROM auth_group WHERE name = 'traders'"
)
CLOSE_ACCOUNT = "UPDATE auth_user SET is_active = false WHERE username = 'carol'"
OPEN_ACCOUNT = "UPDATE auth_user SET is_active = true WHERE username = 'carol'"


@pytest.fixture(scope="module")
def carols_token(product: tuple[Installation, Process]) -> str:
    return product[0].manage("shell", "--no-imports", "--command", SETUP).strip()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    installation = make_installation(tmp_path_factory.mktemp("rights"), None, {})
    web = installation.web()
    yield installation, web
    installation.close()


@pytest.fixture
def token(product: tuple[Installation, Process], carols_token: str) -> str:
    """carol's, with her rights as they were at the beginning."""
    for statement in (OPEN_ACCOUNT, LEAVE_GROUPS, JOIN_GROUP):
        product[0].query(statement)
    return carols_token


async def watch_prices(connection: Connection) -> None:
    assert "prices" in {topic["name"] for topic in (await connection.receive_type("welcome"))["topics"]}

    async def subscribed() -> bool:
        await connection.send(type="subscribe", id=1, topic="prices", start={"latest": True})
        answer = await connection.receive_type("subscribed", "error")
        assert answer["type"] == "subscribed" or answer["code"] in {"unknown_topic", "unavailable"}, answer
        return bool(answer["type"] == "subscribed")

    await until(subscribed, "prices can be watched")


async def test_a_topic_with_readers_is_hidden_from_others_as_if_it_were_not_there(
    product: tuple[Installation, Process], token: str
) -> None:
    installation, web = product
    installation.query(LEAVE_GROUPS)
    async with Connection(web.url, token=token) as connection:
        topics = {topic["name"] for topic in (await connection.receive_type("welcome"))["topics"]}
        assert "prices" not in topics
        await connection.send(type="subscribe", id=1, topic="prices", start={"latest": True})
        error = await connection.receive_type("error")
        assert error["code"] == "unknown_topic"
        assert "administrator" in error["message"]
        await connection.send(type="subscribe", id=2, topic="nowhere", start={"latest": True})
        other = await connection.receive_type("error")
        assert other == error | {"id": 2, "message": error["message"].replace("prices", "nowhere")}


async def test_a_right_taken_away_ends_the_stream_and_tells_the_topics(
    product: tuple[Installation, Process], token: str
) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.query(LEAVE_GROUPS)
        topics = await connection.receive_type("topics", timeout=RIGHTS_SECONDS)
        assert "prices" not in {topic["name"] for topic in topics["topics"]}
        ended = await connection.receive_type("unsubscribed")
        assert ended == {"type": "unsubscribed", "stream": "prices", "reason": "forbidden"}


async def test_a_closed_account_is_told_and_closed(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.query(CLOSE_ACCOUNT)
        assert (await connection.receive_type("goodbye", timeout=RIGHTS_SECONDS))["code"] == 4003
        assert await connection.close_code() == 4003


async def test_a_new_topic_is_told_to_those_who_may_watch_it(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.watch("rates", "Rates")
        topics = await connection.receive_type("topics", timeout=RIGHTS_SECONDS)
        assert {"name": "rates", "label": "Rates"} in topics["topics"]


async def test_the_records_api_asks_for_the_same_rights(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    installation.query(LEAVE_GROUPS)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        hidden, none = [
            await client.get(f"/api/topics/{topic}/records?partition=0&from=0&to=1") for topic in ("prices", "nowhere")
        ]
        assert (hidden.status_code, none.status_code) == (404, 404)
        assert hidden.json()["detail"] == none.json()["detail"].replace("nowhere", "prices")
        topics = (await client.get("/api/topics/")).json()["topics"]
        assert "prices" not in {topic["name"] for topic in topics}
