"""Who may watch: owners of rights, people without, and people whose rights change while they watch."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.client import RIGHTS_SECONDS, Connection
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation
from tests.support.waiting import until

SETUP = """
from django.contrib.auth.models import Group, User
group, _ = Group.objects.get_or_create(name="traders")
user, made = User.objects.get_or_create(username="carol")
user.set_password("ein-langes-Wort-7")
user.groups.set([group])
user.is_active = True
user.save()
"""

LEAVE_GROUPS = "from django.contrib.auth.models import User; User.objects.get(username='carol').groups.clear()"
CLOSE_ACCOUNT = (
    "from django.contrib.auth.models import User; User.objects.filter(username='carol').update(is_active=False)"
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    installation = make_installation(tmp_path_factory.mktemp("rights"), None, {})
    installation.manage("shell", "-v", "0", "-c", SETUP)
    installation.manage("addtopic", "prices", "--reader", "traders")
    web = installation.web()
    yield installation, web
    installation.close()


@pytest.fixture
def token(product: tuple[Installation, Process]) -> str:
    """carol's, with her rights as they were at the beginning."""
    installation, _ = product
    installation.manage("shell", "-v", "0", "-c", SETUP)
    return installation.manage("createtoken", "carol").strip()


async def watch_prices(connection: Connection) -> None:
    assert "prices" in {topic["name"] for topic in (await connection.receive_type("welcome"))["topics"]}

    async def subscribed() -> bool:
        await connection.send(type="subscribe", id=1, topic="prices", start={"latest": True})
        answer = await connection.receive_type("subscribed", "error")
        assert answer["type"] == "subscribed" or answer["code"] in {"unknown_topic", "unavailable"}, answer
        return bool(answer["type"] == "subscribed")

    await until(subscribed, "prices can be watched")


async def test_a_topic_with_readers_is_hidden_from_others_and_forbidden_to_them(
    product: tuple[Installation, Process], token: str
) -> None:
    installation, web = product
    installation.manage("shell", "-v", "0", "-c", LEAVE_GROUPS)
    async with Connection(web.url, token=token) as connection:
        topics = {topic["name"] for topic in (await connection.receive_type("welcome"))["topics"]}
        assert "prices" not in topics
        await connection.send(type="subscribe", id=1, topic="prices", start={"latest": True})
        error = await connection.receive_type("error")
        assert error["code"] == "forbidden"
        assert "administrator" in error["message"]


async def test_a_right_taken_away_ends_the_stream_and_tells_the_topics(
    product: tuple[Installation, Process], token: str
) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.manage("shell", "-v", "0", "-c", LEAVE_GROUPS)
        topics = await connection.receive_type("topics", timeout=RIGHTS_SECONDS)
        assert "prices" not in {topic["name"] for topic in topics["topics"]}
        ended = await connection.receive_type("unsubscribed")
        assert ended == {"type": "unsubscribed", "stream": "prices", "reason": "forbidden"}


async def test_a_closed_account_is_told_and_closed(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.manage("shell", "-v", "0", "-c", CLOSE_ACCOUNT)
        assert (await connection.receive_type("goodbye", timeout=RIGHTS_SECONDS))["code"] == 4003
        assert await connection.close_code() == 4003


async def test_a_new_topic_is_told_to_those_who_may_watch_it(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    async with Connection(web.url, token=token) as connection:
        await watch_prices(connection)
        installation.manage("addtopic", "rates", "--label", "Rates")
        topics = await connection.receive_type("topics", timeout=RIGHTS_SECONDS)
        assert {"name": "rates", "label": "Rates"} in topics["topics"]


async def test_the_records_api_asks_for_the_same_rights(product: tuple[Installation, Process], token: str) -> None:
    installation, web = product
    installation.manage("shell", "-v", "0", "-c", LEAVE_GROUPS)
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        assert (await client.get("/api/topics/prices/records?partition=0&from=0&to=1")).status_code == 403
        topics = (await client.get("/api/topics/")).json()["topics"]
        assert "prices" not in {topic["name"] for topic in topics}
