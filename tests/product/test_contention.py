"""A hundred writers on one item at the same time, through the API of a running product on PostgreSQL."""

from __future__ import annotations

import asyncio

import httpx

from tests.conftest import Install
from tests.support.client import Follower
from tests.support.services import Postgres

WRITERS = 100
PATIENCE_S = 120  # for all of them together; few writes are under way at a time, the others get 503
VERSIONS = list(range(1, 2 + WRITERS))


async def test_a_hundred_writers_on_one_item_lose_nothing(install: Install, postgres: Postgres) -> None:
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    headers = {"Authorization": f"Bearer {installation.token}"}
    # None is kept: the server closes idle ones, perhaps in the moment in which the next request leaves.
    limits = httpx.Limits(max_connections=WRITERS, max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(base_url=web.url, headers=headers, timeout=60, limits=limits) as client,
        Follower(web.url, installation.token, "items.v1") as follower,
    ):
        await follower.subscribed()
        added = await client.post("/api/items/", json={"name": "Contested", "price": "1"})
        address, key = added.headers["Location"], str(added.json()["item"]["id"])
        start = asyncio.Event()

        async def write(number: int) -> int:
            """The version that this writer's change made."""
            await start.wait()
            while True:
                answer = await client.patch(address, json={"description": f"of writer {number}"})
                if answer.status_code != 503:
                    assert answer.status_code == 200, answer.text
                    assert answer.json()["description"] == f"of writer {number}"
                    return int(answer.json()["version"])
                await asyncio.sleep(int(answer.headers["Retry-After"]))

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            writers = [group.create_task(write(number)) for number in range(WRITERS)]
            start.set()
        assert sorted(writer.result() for writer in writers) == VERSIONS[1:], "each change is a version of its own"
        assert (await client.get(address)).json()["version"] == VERSIONS[-1]

        events = await asyncio.to_thread(
            installation.query,
            "SELECT (convert_from(value, 'UTF8')::json ->> 'version')::int, convert_from(value, 'UTF8')::json"
            f" ->> 'description' FROM streams_outboxmessage WHERE key = '{key}' ORDER BY id",
        )
        assert [version for version, _ in events] == VERSIONS, "each version's event is in the outbox"
        said = dict(events)
        assert [said[writer.result()] for writer in writers] == [f"of writer {n}" for n in range(WRITERS)]

        committed = await asyncio.to_thread(installation.committed)
        await follower.until(lambda: follower.has(committed), "every version has arrived")
        follower.check(committed)
        assert follower.versions()[key] == VERSIONS, "first occurrences in order"
