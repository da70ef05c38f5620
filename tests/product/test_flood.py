"""Many sockets of one person that ask for what is not there, and come back when they are closed: meanwhile others are
let in and answered, and a right that is taken away counts in time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.conftest import Install
from tests.support.client import Connection
from tests.support.processes import CALL_SECONDS, USERS
from tests.support.services import Postgres
from tests.support.waiting import until

TOPIC = "items.flood"
SOCKETS = 400
TOLD_S = 7  # a right taken away is told after 2 s and a look; the machine may stand still for 5 s
ANSWERED_S = 6
WRITTEN_AFTER = 20  # items, after the right was taken away and that was told
WRITE_EVERY_S = 0.1

READERS = """
from django.contrib.auth.models import Group, User
from streams.models import Topic
group, _ = Group.objects.get_or_create(name="traders")
User.objects.filter(username="{0}").update(is_superuser=False)
User.objects.get(username="{0}").groups.add(group)
Topic.objects.get(name="{1}").readers.add(group)
"""
TAKEN_AWAY = "DELETE FROM auth_user_groups"


@pytest.mark.slow
@pytest.mark.alone
async def test_a_flood_of_subscribes_delays_nobody_and_no_right_taken_away(
    install: Install, postgres: Postgres
) -> None:
    installation = install(postgres, KAFKA_ITEMS_TOPIC=TOPIC)
    watcher, flooder = USERS
    await asyncio.to_thread(installation.manage, "shell", "-v", "0", "-c", READERS.format(watcher, TOPIC))
    web = await asyncio.to_thread(installation.web)
    token = installation.tokens[watcher]
    flood = Flood(web.url, installation.tokens[flooder])
    # None is kept: the server closes idle ones, perhaps in the moment in which the next request leaves.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS, limits=limits) as caller,
        Connection(web.url, token=token) as watching,
        asyncio.TaskGroup() as tasks,
    ):
        writer = Writer(caller, installation.tokens[flooder])
        writing = tasks.create_task(writer.run())
        await watch(watching)
        assert writer.numbers(await watching.receive_type("records", timeout=CALL_SECONDS))
        flooding = [tasks.create_task(flood.ask()) for _ in range(SOCKETS)]
        await until(lambda: flood.closed[4500] >= SOCKETS, "the first sockets of the flood were closed", 60)

        for _ in range(3):
            began = time.monotonic()
            async with Connection(web.url, token=token) as late:
                await late.receive_type("welcome")
            assert time.monotonic() - began < ANSWERED_S
            began = time.monotonic()
            answer = await caller.get("/api/topics/", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, TOPIC in answer.text) == (200, True)
            assert time.monotonic() - began < ANSWERED_S

        with psycopg.connect(installation.database_url, autocommit=True) as server:
            server.execute(TAKEN_AWAY)
        taken_away = time.monotonic()
        told = await watching.receive_type("unsubscribed", timeout=60)
        assert told["reason"] == "forbidden"
        assert time.monotonic() - taken_away < TOLD_S
        after = writer.written + WRITTEN_AFTER
        await until(lambda: writer.written >= after, "items were written afterwards", 60)
        await watching.send(type="unsubscribe", stream="nothing")
        assert await kinds_until_a_heartbeat(watching) & {"records", "gap"} == set()
        assert flood.closed.keys() == {4500}
        assert flood.refused < SOCKETS, "the flood was shut out instead of answered"
        for task in (writing, *flooding):
            task.cancel()


class Flood:
    """Sockets of one person. closed: close code -> how often it was met. refused: connections that came to nothing."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self.closed: dict[int | None, int] = {4500: 0}
        self.refused = 0

    async def ask(self) -> None:
        """Asks for topics that are not there until the server closes, and comes back, for ever."""
        while True:
            try:
                async with Connection(self._url, token=self._token) as connection:
                    await self._ask(connection)
            except (OSError, TimeoutError, InvalidHandshake):
                self.refused += 1

    async def _ask(self, connection: Connection) -> None:
        assert connection.socket is not None
        with contextlib.suppress(ConnectionClosed):
            for number in itertools.count():
                await connection.send(type="subscribe", id=number, topic=f"nowhere-{number}", start={"latest": True})
                await connection.receive_type("error", timeout=60)
        code = connection.socket.close_code
        self.closed[code] = self.closed.get(code, 0) + 1


class Writer:
    """Adds items, one after the other. written: how many there are."""

    def __init__(self, caller: httpx.AsyncClient, token: str) -> None:
        self._caller, self._headers = caller, {"Authorization": f"Bearer {token}"}
        self.written = 0

    async def run(self) -> None:
        """Adds items for ever."""
        while True:
            item = {"name": f"number {self.written}", "price": "1"}
            answer = await self._caller.post("/api/items/", json=item, headers=self._headers)
            assert answer.status_code in {201, 503}, answer.text
            self.written += answer.status_code == 201
            await asyncio.sleep(WRITE_EVERY_S)

    @staticmethod
    def numbers(frame: dict[str, object]) -> list[str]:
        """The names of the items in a frame of records."""
        ranges = frame["ranges"]
        assert isinstance(ranges, list)
        return [record["value"]["name"] for part in ranges for record in part["records"]]


async def watch(connection: Connection) -> None:
    await connection.receive_type("welcome")

    async def subscribed() -> bool:
        await connection.send(type="subscribe", id=1, topic=TOPIC, start={"latest": True})
        return bool((await connection.receive_type("subscribed", "error"))["type"] == "subscribed")

    await until(subscribed, "the topic can be watched")


async def kinds_until_a_heartbeat(connection: Connection) -> set[str]:
    """The types of the frames that come until the next heartbeat but one."""
    kinds: list[str] = []
    while kinds.count("heartbeat") < 2:
        kinds.append((await connection.receive(timeout=CALL_SECONDS))["type"])
    return set(kinds)
