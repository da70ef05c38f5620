"""What one request may cost: bodies, errors and searches of any size, at a server process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import psycopg
import pytest

from items.api.schemas import PROBLEMS
from items.services.turns import HEAVY_READS_EACH
from project.accounts.views import TOKENS_EACH
from streams.boards.services import BOARDS_EACH
from tests.conftest import Install
from tests.support.client import Connection
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, session_of
from tests.support.services import Postgres
from tests.support.waiting import until
from tests.support.wire import until_it_answers

PATIENCE_S = 60
# Bytes that the process may grow by, for bodies of 20 MB: each is there as bytes and as text for a moment, and the C
# library keeps some of what was freed.
MEMORY = 600 * 1024 * 1024
ANSWER = 64 * 1024  # bytes
LOCK = 4712
# Every search waits until the test lets go: it is as slow as the test wants, however little there is to find.
SLOW_SEARCH = f"""
CREATE SCHEMA slow;
CREATE FUNCTION slow.upper(text) RETURNS text LANGUAGE plpgsql VOLATILE AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN pg_catalog.upper($1); END $$;
"""
WAITING = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted"
CSRF = "a" * 32
NEARLY_FULL = """
from django.contrib.auth.models import User
from items.models import ApiToken
from streams.models import Board
user = User.objects.get(username="alice")
Board.objects.bulk_create(Board(slug=f"b{{n}}", name="b", owner=user) for n in range({}))
ApiToken.objects.filter(user=user).update(name="of the test")
ApiToken.objects.bulk_create(ApiToken(user=user, name="t", digest=str(n)) for n in range({} - 1))
"""
COUNTED = """
SELECT (SELECT count(*) FROM streams_board JOIN auth_user ON auth_user.id = owner_id WHERE username = 'alice'),
(SELECT count(*) FROM items_apitoken JOIN auth_user ON auth_user.id = user_id WHERE username = 'alice')
"""
NO_RIGHTS = """
from django.contrib.auth.models import User
User.objects.filter(username="alice").update(is_staff=False, is_superuser=False)
"""


def resident(web: Process) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{web.pid}/status").read_text()
    return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")))


@pytest.fixture
async def served(install: Install) -> AsyncIterator[tuple[Installation, Process, httpx.AsyncClient]]:
    installation = install()
    web = await asyncio.to_thread(installation.web)
    headers = {"Authorization": f"Bearer {installation.token}", "Content-Type": "application/json"}
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=PATIENCE_S, limits=limits) as client:
        yield installation, web, client


async def test_what_is_wrong_is_told_in_little_whatever_is_sent(
    served: tuple[Installation, Process, httpx.AsyncClient],
) -> None:
    _, web, client = served
    one = b"{" + b'"abcd":1,' * 2_600 + b'"a":1}'
    bodies = {
        "a thousand items of many fields": b"[" + b",".join([one] * 1_000) + b"]",
        "a thousand items of some fields": json.dumps([{f"f{n}": 1 for n in range(20)}] * 1_000).encode(),
        "an item of many fields": b"{" + b'"abcdef":1,' * 2_200_000 + b'"a":1}',
        "a long name": json.dumps([{"x" * 100_000: 1}] * 200).encode(),
        "lists in lists": b"[" * 1_000_000,
        "many elements": b"[" + b"1," * 5_000_000 + b"1]",
        "a long number": b"1" * 20_000_000,
        "a long text": b'["' + b"x" * 20_000_000 + b'"]',
        "escapes": b'["' + b"\\u0041" * 3_000_000 + b'"]',
    }
    before = resident(web)
    for what, body in bodies.items():
        answer = await client.post("/api/items/bulk", content=body)
        assert answer.status_code == 422, what
        assert len(answer.content) < ANSWER, what
        assert len(answer.json()["detail"]) <= PROBLEMS + 1, what
        await until_it_answers(client, "/healthz")
    assert resident(web) - before < MEMORY


async def test_that_there_is_more_than_is_told_is_said(
    served: tuple[Installation, Process, httpx.AsyncClient],
) -> None:
    *_, client = served
    answer = await client.post("/api/items/bulk", json=[{"price": "x"}] * 300)
    told = answer.json()["detail"]
    assert len(told) == PROBLEMS + 1
    assert (told[0]["loc"], told[-1]["type"]) == (["body", "items", 0, "name"], "more")


async def test_who_may_not_add_is_told_so_before_the_body_is_looked_at(
    served: tuple[Installation, Process, httpx.AsyncClient],
) -> None:
    installation, _, client = served
    await asyncio.to_thread(installation.manage, "shell", "-v", "0", "-c", NO_RIGHTS)
    for path in ("/api/items/", "/api/items/bulk"):
        for body in (b"nonsense", b"[" * 1_000_000, b'{"name": 1}'):
            assert (await client.post(path, content=body)).status_code == 403


async def test_too_many_parameters_and_words_are_refused(
    served: tuple[Installation, Process, httpx.AsyncClient],
) -> None:
    *_, client = served
    many = "&".join(f"p{number}=1" for number in range(2_000))
    assert (await client.get(f"/api/items/?{many}")).status_code == 400
    nine = await client.get("/api/items/?search=" + "+".join("abcdefghi"))
    assert (nine.status_code, nine.json()["detail"][0]["loc"]) == (422, ["query", "search"])
    assert (await client.get("/api/items/?search=" + "+".join("abcdefgh"))).status_code == 200


@pytest.mark.slow
async def test_a_search_ends_with_its_client_in_time_and_leaves_room_for_others(
    install: Install, postgres: Postgres
) -> None:
    installation = install(postgres)
    with psycopg.connect(installation.database_url, autocommit=True) as server:
        server.execute(SLOW_SEARCH.encode())
        name = server.info.dbname
        server.execute(f'ALTER DATABASE "{name}" SET search_path = slow, pg_catalog, public'.encode())
        web = await asyncio.to_thread(installation.web)
        headers = {"Authorization": f"Bearer {installation.token}"}
        limits = httpx.Limits(max_connections=50, max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=PATIENCE_S, limits=limits) as client:
            await client.post("/api/items/", json={"name": "Lamp", "price": "1"})
            server.execute("SELECT pg_advisory_lock(%s)", [LOCK])

            leaving = asyncio.create_task(client.get("/api/items/?search=lamp"))
            await until(lambda: installation.query(WAITING) == [(1,)], "the search waits in the database")
            leaving.cancel()
            await until(lambda: installation.query(WAITING) == [(0,)], "it ended when its client left", 9)

            searches = [asyncio.create_task(client.get("/api/items/?search=lamp")) for _ in range(30)]
            await until(lambda: installation.query(WAITING) == [(HEAVY_READS_EACH,)], "a person's turns are taken")
            for path in ("/api/items/1", "/healthz", "/api/topics/", "/items/new/", "/readyz"):
                assert (await client.get(path)).status_code in {200, 302}, path
            assert installation.query(WAITING)[0][0] <= HEAVY_READS_EACH
            answers = await asyncio.gather(*searches)
            assert {answer.status_code for answer in answers} == {503}
            assert all(answer.headers["Retry-After"] for answer in answers)
            await until(lambda: installation.query(WAITING) == [(0,)], "nothing runs on")
            server.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            assert (await client.get("/api/items/?search=lamp")).json()["count"] == 1


IN_A_COMMAND = """
from django.db import connection
from items.services import create_item
create_item(actor=None, name="Lamp", price="1")
with connection.cursor() as cursor:
    cursor.execute("SHOW statement_timeout")
    print(cursor.fetchone())
"""
LOCKED = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.mark.slow
async def test_a_statement_that_takes_too_long_is_stopped_and_said_with_503(
    install: Install, postgres: Postgres
) -> None:
    installation = install(postgres, TEST_STATEMENT_MS="1000")
    web = await asyncio.to_thread(installation.web)
    api = {"Authorization": f"Bearer {installation.token}"}
    page = {"Cookie": f"{SESSION_COOKIE}={session_of(USERS[0])}"}
    # Migrations and the like may take as long as they need.
    assert installation.manage("shell", "--no-imports", "--command", IN_A_COMMAND).strip() == "('0',)"
    async with httpx.AsyncClient(base_url=web.url, timeout=PATIENCE_S) as client:

        async def can_be_seen() -> bool:
            return (await client.get("/items/1/", headers=page)).status_code == 200

        with psycopg.connect(installation.database_url) as server:
            server.execute("LOCK TABLE items_item IN ACCESS EXCLUSIVE MODE")
            for answer in await asyncio.gather(
                client.get("/api/items/1", headers=api),
                client.post("/api/items/", json={"name": "Lamp", "price": "1"}, headers=api),
                client.get("/items/1/", headers=page),
                client.get("/admin/items/item/", headers=page),
            ):
                assert answer.status_code == 503, answer.url
                assert answer.headers["Retry-After"], answer.url
                assert "takes too long" in answer.text, answer.url
            await until(lambda: installation.query(LOCKED) == [(0,)], "nothing runs on in the database")
        await until(can_be_seen, "the item can be seen again")


async def test_a_cookie_that_no_database_takes_harms_nobody(install: Install, postgres: Postgres) -> None:
    """Who connects at the same moment is looked up together with it."""
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    odd = rf'{SESSION_COOKIE}="\000{"a" * 32}"'

    async def first(*, token: str | None = None, cookie: str | None = None, origin: str | None = None) -> int:
        async with Connection(web.url, token=token, cookie=cookie, origin=origin) as connection:
            return int((await connection.receive_type("welcome", "goodbye")).get("code", 0))

    strangers = (first(cookie=odd, origin=web.url) for _ in range(20))
    codes = await asyncio.gather(first(token=installation.token), *strangers)
    assert codes == [0, *[4501] * 20]
    async with httpx.AsyncClient(base_url=web.url, timeout=PATIENCE_S, headers={"Cookie": odd}) as stranger:
        statuses = [(await stranger.get(path)).status_code for path in ("/", "/accounts/login/", "/api/topics/")]
    assert statuses == [302, 200, 401]
    assert "NUL" not in web.log()


async def test_what_is_counted_for_a_person_is_counted_one_by_one(install: Install, postgres: Postgres) -> None:
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    await asyncio.to_thread(
        installation.manage, "shell", "--no-imports", "--command", NEARLY_FULL.format(BOARDS_EACH - 1, TOKENS_EACH - 1)
    )
    headers = {"X-CSRFToken": CSRF}
    cookies = {SESSION_COOKIE: session_of(USERS[0]), "csrftoken": CSRF}
    async with httpx.AsyncClient(base_url=web.url, timeout=PATIENCE_S, headers=headers, cookies=cookies) as client:
        boards = [client.post("/api/boards/", json={"name": "b", "slug": f"new-{number}"}) for number in range(12)]
        tokens = [client.post("/accounts/tokens/", data={"name": "t", "days": 7}) for _ in range(12)]
        answers = await asyncio.gather(*boards)
        assert sorted(answer.status_code for answer in answers) == [201, *[429] * 11]
        forms = await asyncio.gather(*tokens)
        assert {form.status_code for form in forms} == {200}
    assert await asyncio.to_thread(installation.query, COUNTED) == [(BOARDS_EACH, TOKENS_EACH)]
