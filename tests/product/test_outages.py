"""PostgreSQL, Kafka or Redis go away and return: what is said meanwhile, and how soon everything works again.

Readiness is asked before and after each request, all the time: it may not say what requests do not bear out.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Install
from tests.support.client import Follower
from tests.support.processes import CALL_SECONDS, SESSION_COOKIE, Installation, Process, session_of
from tests.support.proxy import Proxy
from tests.support.services import Kafka, Postgres, Redis, Service
from tests.support.waiting import until
from tests.support.wire import create_item

pytestmark = [pytest.mark.slow(40), pytest.mark.waits]

AWAY_S = 35.0  # a pool that doubles its pauses then stays away for half a minute more
RETURN_S = 5.0 + 5.0  # what is promised, and a machine that stands still
LONG_S = 60.0  # until a first event arrives on a loaded machine
TOLD_S = 2.0  # until it is told that the database is away
EXPORTED = 20_000  # items, 40 MB: more than buffers hold
LOSSES = 40  # tries until the commit that is meant loses its answer
PACE_S = 0.1  # between two rounds of questions while it is away; other tests compute meanwhile


def killed(postgres: Service) -> Callable[[], None]:
    postgres.kill()
    return postgres.start


def hanging(postgres: Service) -> Callable[[], None]:
    postgres.pause()
    return postgres.resume


class Witness:
    """Asks a page and the API in turn, and readiness before and after each. lies: where readiness said twice that the
    database is there, and the request between them found that it is not."""

    def __init__(self, web: Process, installation: Installation) -> None:
        self._client = httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS)
        self._token = {"Authorization": f"Bearer {installation.token}"}
        self._session = {"Cookie": f"{SESSION_COOKIE}={session_of('alice')}"}
        self.lies = list[str]()

    async def is_ready(self) -> bool:
        return "database: ok\n" in (await self._client.get("/readyz")).text

    async def ask(self) -> tuple[httpx.Response, httpx.Response]:
        """What a page and the API say now."""
        before = await self.is_ready()
        page = await self._client.get("/items/", headers=self._session)
        api = await self._client.get("/api/items/?limit=1", headers=self._token)
        after = await self.is_ready()
        if before and after and not page.status_code == api.status_code == 200:
            self.lies.append(f"ready, but {page.status_code} and {api.status_code}")
        return page, api

    async def works(self) -> bool:
        ready = await self.is_ready()
        return ready and all(answer.status_code == 200 for answer in await self.ask())

    async def close(self) -> None:
        await self._client.aclose()


@pytest.mark.parametrize("way", [killed, hanging])
async def test_a_database_that_was_away_is_told_at_once_and_everything_works_when_it_is_back(
    install: Install, postgres: Postgres, way: Callable[[Service], Callable[[], None]]
) -> None:
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    witness = Witness(web, installation)
    async with Follower(web.url, installation.token, "items.v1") as follower:
        await follower.subscribed()
        await asyncio.gather(*(witness.ask() for _ in range(12)))  # several connections, which break together
        back = await asyncio.to_thread(way, postgres)
        try:
            told = await tell(witness, AWAY_S)
        finally:
            await asyncio.to_thread(back)
        await until(witness.works, "requests and readiness", RETURN_S)
        for _ in range(20):
            assert await witness.works(), "once it works it goes on"
        assert min(told) < TOLD_S
        assert witness.lies == []
        added = await witness._client.post("/api/items/", json={"name": "after", "price": "1"}, headers=witness._token)
        assert added.status_code == 201
        await follower.until(lambda: len(follower.versions()) == 1, "its event arrives", RETURN_S)
        assert follower.sockets == 1, "the board that was open stayed"
    await witness.close()


async def tell(witness: Witness, seconds: float) -> list[float]:
    """Asks for so long; returns how long it took to be told. Everything says 503 by then."""
    took, end = list[float](), time.monotonic() + seconds
    await until(lambda: asked_in_vain(witness), "both say that the database is away")
    while time.monotonic() < end:
        began = time.monotonic()
        page, api = await witness.ask()
        took.append((time.monotonic() - began) / 4)  # readiness, the page, the API, readiness
        assert (page.status_code, api.status_code) == (503, 503)
        assert int(page.headers["Retry-After"]) > 0
        assert "What works still" in page.text
        assert int(api.headers["Retry-After"]) > 0
        assert "does not answer" in api.json()["detail"]
        assert not await witness.is_ready()
        await asyncio.sleep(PACE_S)
    return took


async def asked_in_vain(witness: Witness) -> bool:
    return all(answer.status_code == 503 for answer in await witness.ask())


@pytest.mark.slow(90)
async def test_kafka_that_was_away_for_long_delivers_within_seconds(install: Install, kafka: Kafka) -> None:
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address, KAFKA_ITEMS_TOPIC=kafka.create_topic())
    await delivers_after(installation, kafka)


async def test_redis_that_was_away_for_long_delivers_within_seconds(
    install: Install, kafka: Kafka, postgres: Postgres, redis: Redis
) -> None:
    installation = install(
        postgres,
        KAFKA_BOOTSTRAP_SERVERS=kafka.address,
        KAFKA_ITEMS_TOPIC=kafka.create_topic(),
        REDIS_URL=redis.url(),
    )
    await asyncio.to_thread(installation.bridge)
    await delivers_after(installation, redis)


async def delivers_after(installation: Installation, service: Service) -> None:
    """The service is killed and stays away; what is written after its return arrives soon, and all before it, too."""
    web = await asyncio.to_thread(installation.web)
    async with Follower(web.url, installation.token, installation.items_topic) as follower:
        await follower.subscribed(LONG_S)

        async def arrives(name: str, within: float) -> None:
            key = str((await create_item(web.url, installation.token, name=name))["id"])
            await follower.until(lambda: key in follower.versions(), f"{name} arrives", within)

        await arrives("before", LONG_S)
        await asyncio.to_thread(service.kill)
        await create_item(web.url, installation.token, name="meanwhile")
        await asyncio.sleep(AWAY_S)  # no condition: it is the time away that the promise is independent of
        await asyncio.to_thread(service.start)
        began = time.monotonic()
        await arrives("after", RETURN_S)
        print(f"{service.name}: an item arrives {time.monotonic() - began:.1f} s after its return")
        await follower.until(lambda: follower.has(installation.committed()), "all of it", LONG_S)
        assert follower.sockets == 1


async def test_a_save_whose_answer_is_lost_is_not_called_undone_and_the_same_key_tells_what_came_of_it(
    install: Install, postgres: Postgres
) -> None:
    """The server has the commit, and the connection ends before it can say so: item by item, a bulk, a board."""
    installation = install(postgres)
    with Proxy(postgres.address) as proxy:
        installation.env["DATABASE_URL"] = installation.database_url.replace(postgres.address, proxy.address)
        web = await asyncio.to_thread(installation.web)
        headers = {"Authorization": f"Bearer {installation.token}"}
        async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS, headers=headers) as client:
            for path, body, count in (
                ("/api/items/", {"name": "{}", "price": "1"}, "items_item"),
                ("/api/items/bulk", {"items": [{"name": "{}", "price": "1"}]}, "items_item"),
                ("/api/boards/", {"name": "{}"}, "streams_board"),
            ):
                for number in range(LOSSES):  # somebody else's commit may be the one that loses its answer
                    name = f"{count} {len(path)} {number}"
                    key = {"Idempotency-Key": name.replace(" ", "-")}
                    sent = json.loads(json.dumps(body).replace("{}", name))
                    proxy.lose_answer(b"COMMIT")
                    told = await client.post(path, json=sent, headers=key)
                    if "not known" in told.text:
                        break
                    assert told.status_code == 201 or "nothing was saved" in told.text, told.text
                assert "not known" in told.text, told.text
                assert told.status_code == 503
                assert int(told.headers["Retry-After"]) > 0
                there = f"SELECT count(*) FROM {count} WHERE name = '{name}'"
                assert installation.query(there) == [(1,)], told.text
                if count == "items_item":
                    assert (await client.post(path, json=sent, headers=key)).status_code == 201
                    assert installation.query(there) == [(1,)]


async def test_an_export_of_items_waits_for_the_database_and_is_whole(install: Install, postgres: Postgres) -> None:
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    installation.query(
        "INSERT INTO items_item (name, description, price, sku, link, version, created_at, updated_at) SELECT 'i' || g,"
        f" repeat('d', 2000), 1, '', '', 1, now(), now() FROM generate_series(1, {EXPORTED}) g"
    )
    session = {"Cookie": f"{SESSION_COOKIE}={session_of('alice')}"}
    rows, rest, is_killed = list[str](), b"", False
    async with (
        httpx.AsyncClient(base_url=web.url, timeout=LONG_S, headers=session) as client,
        client.stream("GET", "/items/export/?format=ndjson") as answer,
    ):
        async for piece in answer.aiter_bytes():
            *lines, rest = (rest + piece).split(b"\n")
            rows += [json.loads(line)["name"] for line in lines]
            if not is_killed and len(rows) > EXPORTED / 4:
                is_killed = True
                await asyncio.to_thread(postgres.kill)
                back = asyncio.create_task(later(postgres))
        await back
    assert len(rows) == EXPORTED
    assert len(set(rows)) == EXPORTED


async def later(service: Service) -> None:
    await asyncio.sleep(5)  # no condition: so long it is away, and what reads it meanwhile goes on by itself
    await asyncio.to_thread(service.start)
