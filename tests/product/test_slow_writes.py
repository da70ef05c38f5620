"""A hundred writes that hang: reads, sockets and health go on; a write that finds no turn in time is told."""

from __future__ import annotations

import asyncio

import httpx
import psycopg

from items.services.turns import WRITES
from tests.conftest import Install
from tests.support.client import Follower
from tests.support.services import Postgres
from tests.support.waiting import until
from tests.support.wire import until_it_answers

SENT = 100
LOCK = 4711
# Every insert waits until the test lets go of an advisory lock: slow for exactly as long as the test wants.
SLOW = f"""
CREATE FUNCTION wait_for_the_test() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NEW; END $$;
CREATE TRIGGER wait_for_the_test BEFORE INSERT ON items_item FOR EACH ROW EXECUTE FUNCTION wait_for_the_test();
"""
WAITING = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted"


async def test_writes_that_hang_delay_no_read_no_socket_and_no_health_check(
    install: Install, postgres: Postgres
) -> None:
    installation = install(postgres, TEST_STATEMENT_MS="300000")  # those that hang do so until the test lets go
    web = await asyncio.to_thread(installation.web)
    headers = {"Authorization": f"Bearer {installation.token}"}
    # None is kept: the server closes idle ones, perhaps in the moment in which the next request leaves.
    limits = httpx.Limits(max_connections=SENT + 10, max_keepalive_connections=0)
    with psycopg.connect(installation.database_url, autocommit=True) as server:
        server.execute(SLOW.encode())
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        async with (
            httpx.AsyncClient(base_url=web.url, headers=headers, timeout=60, limits=limits) as client,
            Follower(web.url, installation.token, "items.v1") as follower,
        ):
            await follower.subscribed()
            writes = [
                asyncio.create_task(client.post("/api/items/", json={"name": f"slow {number}", "price": "1"}))
                for number in range(SENT)
            ]
            await until(lambda: installation.query(WAITING) == [(WRITES,)], "writes hang in the database", 60)
            for path in ("/api/items/", "/healthz", "/readyz", "/api/topics/", "/accounts/login/"):
                await until_it_answers(client, path)
            assert not any(write.done() and write.result().status_code == 201 for write in writes)
            await until(lambda: sum(write.done() for write in writes) == SENT - WRITES, "the others are told", 60)
            server.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
            answers = [await write for write in writes]
            refused = [answer for answer in answers if answer.status_code == 503]
            assert len(refused) == SENT - WRITES
            assert all(answer.headers["Retry-After"] for answer in refused)
            assert installation.query("SELECT count(*) FROM items_item") == [(WRITES,)]
            await follower.until(lambda: len(follower.versions()) == WRITES, "the events of the saved ones")
            assert follower.sockets == 1
