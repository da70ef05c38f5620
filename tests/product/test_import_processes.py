"""Imports in processes of their own, killed at random points and run again until done, compared with the file."""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from items.imports.running import CHUNK
from tests.support.processes import PASSWORD, SESSION_COOKIE, USERS, Installation, session_of
from tests.support.services import Postgres, children
from tests.support.waiting import wait_until

Install = Callable[..., Installation]

ROWS = 12 * CHUNK + 7
KILLS = 3
AWAY_S = 25.0
HELD_AT = f"S-{10 * CHUNK}"  # the SKU of the row that an import does not get beyond, as long as the test holds it
# SQLite has nothing that waits: an import that is held computes until it is killed.
ENDLESS = "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
HOLD = (
    f"CREATE TRIGGER held BEFORE INSERT ON items_item WHEN NEW.sku = '{HELD_AT}'"
    " BEGIN SELECT count(*) FROM endless; END"
)
LET_GO = "DROP TRIGGER held"
# What was seen in a file is not written down: it is still being looked at, however soon that was done.
LOOK_ON = (
    "CREATE TRIGGER looking BEFORE UPDATE OF state ON items_importjob WHEN OLD.state = 'looking'"
    " BEGIN SELECT RAISE(IGNORE); END"
)
LOOK_NO_LONGER = "DROP TRIGGER looking"
# With PostgreSQL both imports wait for a lock that the test holds, and that ends with the server.
LOCK = 4713
HOLD_ON_POSTGRES = f"""
CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({LOCK}); RETURN NEW; END $$;
CREATE TRIGGER held BEFORE INSERT ON items_item FOR EACH ROW WHEN (NEW.sku LIKE '%-{10 * CHUNK}')
EXECUTE FUNCTION held();
"""


def file_of(folder: Path) -> Path:
    path = folder / "many.csv"
    lines = (f'S-{number},"Item, number {number}",{number % 997}.{number % 100:02}\n' for number in range(ROWS))
    path.write_text("sku,name,price\n" + "".join(lines))
    return path


def there(installation: Installation) -> int:
    return int(installation.query("SELECT count(*) FROM items_item")[0][0])


def assert_as_the_file(installation: Installation) -> None:
    """Each row is one item of version 1 with one step of history and one event."""
    items = installation.query("SELECT sku, name, price, version FROM items_item")
    assert {(sku, name, f"{price:.2f}", version) for sku, name, price, version in items} == {
        (f"S-{number}", f"Item, number {number}", f"{number % 997}.{number % 100:02}", 1) for number in range(ROWS)
    }
    assert len(items) == ROWS
    assert installation.query("SELECT count(*) FROM items_itemversion")[0][0] == ROWS
    assert installation.query("SELECT count(*), count(DISTINCT key) FROM streams_outboxmessage")[0] == (ROWS, ROWS)


@pytest.mark.slow
def test_an_import_killed_at_random_points_leaves_whole_chunks_and_the_same_file_finishes(
    install: Install, tmp_path: Path
) -> None:
    installation = install()
    path = file_of(tmp_path)
    command = ("importitems", str(path), "--owner", "alice")
    for _ in range(KILLS):
        before = there(installation)
        until = before + random.randint(1, 3 * CHUNK)
        process = installation.command(*command)
        wait_until(lambda end=until: there(installation) >= min(end, ROWS), "rows arrive", 120)  # type: ignore[misc]
        process.kill()
        found = there(installation)
        assert found % CHUNK == 0 or found == ROWS
        assert found > before or before == ROWS
    installation.manage(*command)
    assert_as_the_file(installation)
    said = installation.manage(*command)
    assert f"0 created, 0 updated, {ROWS} unchanged, 0 failed" in said


def test_a_large_upload_is_answered_at_once_and_looked_into_meanwhile(install: Install) -> None:
    """Also through the end of its server; and what is no table is told on its page."""
    installation = install()
    web = installation.web()
    rows = 400_000
    table = b"name,price\n" + b"".join(b"Item number %d,%d\n" % (number, number % 997) for number in range(rows))
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        browser.cookies.set(SESSION_COOKIE, session_of(USERS[0]))

        def upload(content: bytes) -> httpx.Response:
            page = browser.get(f"{web.url}/items/import/")
            token = {"csrfmiddlewaretoken": str(page.cookies.get("csrftoken") or browser.cookies.get("csrftoken"))}
            return browser.post(page.url, data=token, files={"file": ("many.csv", content, "text/csv")})

        installation.query(LOOK_ON)
        page = upload(table)
        assert "Looking at your file" in page.text
        web.kill()
        installation.query(LOOK_NO_LONGER)
        installation.query("UPDATE items_importjob SET alive_at = '2020-01-01 00:00:00'")  # and a minute has passed
        web.start()
        assert "Looking at your file" in browser.get(page.url).text
        wait_until(lambda: f"with {rows} rows" in browser.get(page.url).text, "the preview", 120)

        page = upload(b"[" + b'{"name": "Lamp", "price": 1},' * 20_000 + b"{}]")
        wait_until(lambda: "The file cannot be imported" in browser.get(page.url).text, "the refusal", 120)
        assert "This is a JSON array" in browser.get(page.url).text


@pytest.mark.slow
def test_an_import_by_the_page_goes_on_after_its_process_was_killed(install: Install, tmp_path: Path) -> None:
    """Without JavaScript: upload, start, kill, run again, as a browser sends it."""
    installation = install()
    for statement in (ENDLESS, HOLD):
        installation.query(statement)
    web = installation.web()
    with httpx.Client(base_url=web.url, follow_redirects=True, timeout=60) as browser:

        def post(address: str, **typed: object) -> httpx.Response:
            token = browser.cookies.get("csrftoken", "")
            files = {name: value for name, value in typed.items() if name == "file"}
            data = {name: value for name, value in typed.items() if name != "file"} | {"csrfmiddlewaretoken": token}
            return browser.post(address, data=data, files=files or None)  # type: ignore[arg-type]

        browser.get("/accounts/login/")
        post("/accounts/login/", username="alice", password=PASSWORD)
        browser.get("/items/import/")
        upload = file_of(tmp_path).read_bytes()
        page = post("/items/import/", file=("many.csv", upload, "text/csv"))
        wait_until(lambda: "Item, number 0" in browser.get(page.url).text, "the preview", 120)
        job = page.url.path
        columns = {"sku": "sku", "name": "name", "price": "price"}

        running = post(f"{job}start/", **columns)
        assert 'http-equiv="refresh"' in running.text
        wait_until(lambda: there(installation) >= CHUNK, "the first chunk", 120)
        (importing,) = [pid for pid in children(web.pid) if b"runimport" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        os.kill(importing, signal.SIGKILL)
        installation.query(LET_GO)
        wait_until(lambda: "Interrupted" in browser.get(job).text, "interrupted", 60)
        page = browser.get(job)
        assert re.search(r"<dt>Added</dt><dd class=\"mono\">\d+", page.text)
        assert web.answers("/healthz")

        post(f"{job}start/", **columns)
        wait_until(lambda: "<strong>Done</strong>" in browser.get(job).text, "the import's end", 240)
    assert_as_the_file(installation)


@pytest.mark.slow(40)
@pytest.mark.waits
def test_imports_wait_for_a_database_that_was_killed_and_go_on_by_themselves(
    install: Install, postgres: Postgres, tmp_path: Path
) -> None:
    """One by the page, one by the command, and a file that is looked into: nobody does anything but wait."""
    installation = install(postgres)
    installation.query(HOLD_ON_POSTGRES)
    web = installation.web()
    path, report = file_of(tmp_path), tmp_path / "report.csv"
    other = tmp_path / "other.csv"
    other.write_bytes(path.read_bytes().replace(b"\nS-", b"\nT-"))
    with (
        psycopg.connect(installation.database_url, autocommit=True) as server,
        httpx.Client(base_url=web.url, follow_redirects=True, timeout=60) as browser,
    ):
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        browser.cookies.set(SESSION_COOKIE, session_of(USERS[0]))

        def post(address: str, content: bytes | None = None, **typed: str) -> httpx.Response:
            data = typed | {"csrfmiddlewaretoken": browser.cookies.get("csrftoken", "")}
            files = {"file": ("many.csv", content, "text/csv")} if content else None
            return browser.post(address, data=data, files=files)

        browser.get("/items/import/")
        page = post("/items/import/", path.read_bytes()).url.path
        wait_until(lambda: "Item, number 0" in browser.get(page).text, "the preview", 120)
        post(f"{page}start/", sku="sku", name="name", price="price")
        importing = installation.command("importitems", str(other), "--owner", "alice", "--report", str(report))
        wait_until(lambda: {"S", "T"} <= first_letters(installation), "a chunk of both", 120)
        looked_at = post("/items/import/", b"name,price\n" + b"Lamp,1\n" * 400_000).url.path
        postgres.kill()
        assert browser.get(page).status_code == 503
        time.sleep(AWAY_S)  # no condition: longer than any number of tries may last
        postgres.start()
        wait_until(lambda: "<strong>Done</strong>" in browser.get(page).text, "the import's end", 240)
        assert importing.wait(240) == 0, importing.log()
        wait_until(lambda: "with 400000 rows" in browser.get(looked_at).text, "the preview of the other", 120)
    assert "the import waits for it" in importing.log_path.read_text()
    rows = installation.query("SELECT count(*), count(DISTINCT sku), max(version) FROM items_item")
    assert rows == [(2 * ROWS, 2 * ROWS, 1)]
    events = installation.query("SELECT count(*), count(DISTINCT key) FROM streams_outboxmessage")
    assert events == [(2 * ROWS, 2 * ROWS)]


def first_letters(installation: Installation) -> set[str]:
    return {letter for (letter,) in installation.query("SELECT DISTINCT left(sku, 1) FROM items_item")}
