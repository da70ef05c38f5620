"""What a running server shows to whom: the small things that only a server has, asked over HTTP and raw sockets."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from project.accounts.attempts import WRONG_TOKEN
from streams.demo import replay
from tests.conftest import Install
from tests.support.client import Connection
from tests.support.processes import (
    CALL_SECONDS,
    PASSWORD,
    START_SECONDS,
    Installation,
    Process,
    make_installation,
)
from tests.support.waiting import until, wait_until

UPGRADE = (
    b"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: streamboard.v1\r\nAuthorization: Bearer %s\r\n\r\n"
)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("edge")
    installation = make_installation(folder, None, {"DEMO": "true"})
    (folder / "db.sqlite3").chmod(0o644)
    installation.manage("demo")
    installation.web()
    yield installation
    installation.close()


@pytest.fixture
def web(product: Installation) -> Process:
    return product.processes[0]


@pytest.fixture
def browser(web: Process) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS) as client:
        client.get("/accounts/login/")
        yield client


def sign_in(browser: httpx.Client, name: str, password: str, **headers: str) -> int:
    form = {"username": name, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    return browser.post("/accounts/login/", data=form, headers=headers).status_code


def test_the_demo_is_for_people_at_this_machine(web: Process) -> None:
    for headers, is_shown in (({}, True), ({"X-Forwarded-For": "192.0.2.1"}, False), ({"Via": "1.1 proxy"}, False)):
        with httpx.Client(base_url=web.url, timeout=CALL_SECONDS, headers=headers) as browser:
            assert ("streamboard</" in browser.get("/accounts/login/").text) is is_shown
            assert sign_in(browser, "demo", "streamboard") == (302 if is_shown else 200)


def test_the_demonstration_has_an_hour_behind_it_that_counts_as_arrived_before(
    web: Process, product: Installation
) -> None:
    signed_in = {"Authorization": f"Bearer {product.token}"}
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS, headers=signed_in) as client:
        for topic in (replay.TOPIC, replay.AVRO_TOPIC):
            wait_until(lambda: client.get(f"/api/topics/{topic}/rates").status_code == 200, "the topic is open")  # noqa: B023
            rates = client.get(f"/api/topics/{topic}/rates")
            newest = client.get(f"/api/topics/{topic}/newest", params={"limit": 1})
            assert sum(each["to"] for each in newest.json()["ranges"]) > 3 * replay.PAST_S
            assert sum(rates.json()["records"]) < replay.PAST_S  # it has run for seconds


def test_what_signed_in_people_see_is_not_kept_and_static_files_are(
    web: Process, browser: httpx.Client, product: Installation
) -> None:
    assert sign_in(browser, "alice", PASSWORD) == 302
    for path in ("/", "/items/", "/admin/", "/items/new/", "/api/docs"):
        assert "no-store" in browser.get(path).headers["Cache-Control"], path
    signed_in = {"Authorization": f"Bearer {product.token}"}
    answer = httpx.get(f"{web.url}/api/items/", headers=signed_in, timeout=CALL_SECONDS)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "no-store" not in browser.get("/static/project/base.css").headers.get("Cache-Control", "")


def test_the_database_is_readable_by_its_user_only(web: Process, product: Installation) -> None:
    files = list(product.folder.glob("db.sqlite3*"))
    assert product.folder / "db.sqlite3-wal" in files
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_new_database_is_readable_by_its_user_only(product: Installation, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        done = product.run("migrate", "--noinput", DATABASE_URL=f"sqlite:///{tmp_path / 'new.sqlite3'}")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("new.sqlite3*")} == {0o600}


def test_a_failed_sign_in_leaves_a_line_that_shows_little(web: Process, browser: httpx.Client) -> None:
    assert sign_in(browser, "nina\n2026 ERROR forged", "a secret word") == 200
    (line,) = (line for line in web.log().splitlines() if "A sign-in failed: nin" in line)
    assert "127.0.0.1" in line
    assert "forged" not in web.log()
    assert "a secret word" not in web.log()


def test_a_refusal_is_a_line_and_no_traceback(web: Process, browser: httpx.Client) -> None:
    assert sign_in(browser, "demo", "streamboard") == 302
    assert browser.get("/accounts/password/").status_code == 403
    assert "/accounts/password/" in web.log()
    assert "Traceback" not in web.log()


async def test_wrong_tokens_of_sockets_and_of_the_api_are_counted_together(install: Install) -> None:
    installation = install()
    web = await asyncio.to_thread(installation.web)

    async def code_of(token: str) -> int:
        async with Connection(web.url, token=token) as connection:
            first = await connection.receive_type("welcome", "goodbye")
            return int(first.get("code", 0))

    async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS) as caller:

        async def status_of(token: str) -> int:
            return (await caller.get("/api/items/", headers={"Authorization": f"Bearer {token}"})).status_code

        half = WRONG_TOKEN.most // 2
        assert [await status_of("sb_wrong") for _ in range(half)] == [401] * half
        assert [await code_of("sb_wrong") for _ in range(WRONG_TOKEN.most - half)] == [4501] * half
        assert (await code_of("sb_wrong"), await status_of("sb_wrong")) == (4505, 429)
        assert (await code_of(installation.token), await status_of(installation.token)) == (0, 200)


async def test_a_socket_that_leaves_before_it_was_let_in_is_no_error(web: Process, product: Installation) -> None:
    for token in ("wrong", product.token):
        for number in range(40):
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(UPGRADE % token.encode())
            await writer.drain()
            if number % 2:
                await reader.readuntil(b"\r\n\r\n")  # accepted, and looked up just now
            writer.transport.abort()
    await until(lambda: web.answers("/healthz"), "the server answers")
    for word in ("Traceback", "RuntimeError"):
        assert word not in web.log()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SECRET_KEY", "x", "streams.E008"),
        ("ALLOWED_HOSTS", "*", "streams.E009"),
        ("FORWARDED_ALLOW_IPS", "*", "streams.E010"),
    ],
)
def test_what_lets_anybody_in_stops_the_start(product: Installation, name: str, value: str, told: str) -> None:
    settings: dict[str, Any] = {"DEMO": "false", name: value}
    web = product.web(start=False, **settings)
    web.start(wait=False)
    assert web.wait(START_SECONDS) != 0
    assert told in web.log()
    product.processes.remove(web)
