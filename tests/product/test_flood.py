"""Many sockets that ask for what is not there: others are let in, rights are looked at, and the askers are closed."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.conftest import Install
from tests.support.client import Connection
from tests.support.processes import USERS
from tests.support.services import Postgres

SOCKETS = 300
TOLD_S = 7  # a right taken away is told after 2 s and a look; the machine may stand still for 5 s
LET_IN_S = 6

READERS = """
from django.contrib.auth.models import Group, User
group, _ = Group.objects.get_or_create(name="traders")
User.objects.filter(username="{0}").update(is_superuser=False)
User.objects.get(username="{0}").groups.add(group)
"""
TAKEN_AWAY = "DELETE FROM auth_user_groups"


@pytest.mark.slow
async def test_a_flood_of_subscribes_delays_no_right_taken_away_and_no_socket(
    install: Install, postgres: Postgres
) -> None:
    installation = install(postgres)
    watcher, flooder = USERS
    await asyncio.to_thread(installation.manage, "shell", "-v", "0", "-c", READERS.format(watcher))
    await asyncio.to_thread(installation.manage, "addtopic", "prices", "--reader", "traders")
    web = await asyncio.to_thread(installation.web)
    async with contextlib.AsyncExitStack() as stack:
        watching = await stack.enter_async_context(Connection(web.url, token=installation.tokens[watcher]))
        assert "prices" in {topic["name"] for topic in (await watching.receive_type("welcome"))["topics"]}
        flood = [
            await stack.enter_async_context(Connection(web.url, token=installation.tokens[flooder]))
            for _ in range(SOCKETS)
        ]
        asking = [asyncio.create_task(ask(connection)) for connection in flood]

        began = time.monotonic()
        async with Connection(web.url, token=installation.tokens[watcher]) as late:
            await late.receive_type("welcome")
        assert time.monotonic() - began < LET_IN_S

        with psycopg.connect(installation.database_url, autocommit=True) as server:
            server.execute(TAKEN_AWAY)
        began = time.monotonic()
        told = await watching.receive_type("topics", timeout=60)
        assert "prices" not in {topic["name"] for topic in told["topics"]}
        assert time.monotonic() - began < TOLD_S
        async with asyncio.timeout(60):
            assert set(await asyncio.gather(*asking)) == {4500}


async def ask(connection: Connection) -> int | None:
    """Asks for topics that are not there until the server closes; then its code."""
    assert connection.socket is not None
    with contextlib.suppress(ConnectionClosed):
        for number in itertools.count():
            await connection.send(type="subscribe", id=number, topic=f"nowhere-{number}", start={"latest": True})
            await connection.receive_type("error", timeout=60)
    return connection.socket.close_code
