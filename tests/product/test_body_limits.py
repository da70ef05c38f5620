"""What a body may be before Django sees it, asked of a running server over raw sockets: nothing of what nobody will
read reaches the disk, and who may not send much is told so before it has sent it."""

from __future__ import annotations

import contextlib
import functools
import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from project import body_limits
from tests.support.processes import (
    CALL_SECONDS,
    PASSWORD,
    SESSION_COOKIE,
    USERS,
    Installation,
    Process,
    make_installation,
    session_of,
)
from tests.support.sockets import open_connections
from tests.support.waiting import TimeIsUp, wait_until

CHUNK = b"x" * 65_536
CHUNKED = b"10000\r\n" + CHUNK + b"\r\n"
FLOOD_BYTES = 16 * 1024 * 1024  # far over what Django keeps in memory, far under what a socket's buffers hide


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "spool").mkdir()
    installation = make_installation(folder, None, {"TMPDIR": str(folder / "spool")})
    installation.web()
    yield installation
    installation.close()


@pytest.fixture
def web(product: Installation) -> Process:
    """It has left the clients of the test before, whose bodies come to its disk until then, and emptied its disk."""
    web = product.processes[0]
    wait_until(lambda: not open_connections(web.port), "the clients before have gone", CALL_SECONDS)
    wait_until(lambda: spooled(web.pid) == 0, "the disk is empty")
    return web


@pytest.fixture
def cookies(web: Process) -> dict[str, str]:
    """Those of a browser in which alice has signed in."""
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS) as browser:
        browser.get("/accounts/login/")
        form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/accounts/login/", data=form).status_code == 302
        return dict(browser.cookies)


def spooled(pid: int) -> int:
    """Bytes of deleted files that a process holds open: what Django has put on disk of bodies."""
    found = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if "deleted" in str(link.readlink()):
                found += link.stat().st_size
        except OSError:
            continue
    return found


class Flood:
    """A client that sends chunks for as long as the server takes them, and never the last one."""

    def __init__(self, web: Process, head: str) -> None:
        self.sent = self.most_on_disk = 0
        self.web = web
        self.socket = socket.create_connection(("127.0.0.1", web.port), timeout=CALL_SECONDS)
        self.socket.sendall(f"{head}\r\nHost: 127.0.0.1\r\n\r\n".encode())

    def run(self) -> bytes:
        """The answer, once the server has closed."""
        try:
            while self.sent < FLOOD_BYTES:
                self.socket.sendall(CHUNKED)
                self.sent += len(CHUNKED)
                self.most_on_disk = max(self.most_on_disk, spooled(self.web.pid))
        except OSError:
            pass
        answer = b""
        try:
            while piece := self.socket.recv(65_536):
                answer += piece
        except OSError:
            pass
        self.socket.close()
        return answer


def flood(web: Process, line: str, *headers: str) -> tuple[int, int]:
    """The status of the answer, 0 for none, and the bytes that lay on disk."""
    client = Flood(web, "\r\n".join([f"{line} HTTP/1.1", "Transfer-Encoding: chunked", *headers]))
    answer = client.run()
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0, client.most_on_disk


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("POST /healthz", 413),
        ("GET /static/project/base.css", 413),
        ("POST /nowhere/", 413),
        ("POST /accounts/login/", 413),
        ("POST /items/import/", 403),  # its CSRF token would be in the body
        ("POST /api/items/", 401),
        ("POST /api/items/bulk", 401),
    ],
)
def test_a_strangers_endless_body_is_refused_and_reaches_no_disk(web: Process, line: str, status: int) -> None:
    assert flood(web, line) == (status, 0)


def test_a_wrong_token_sends_no_body(web: Process) -> None:
    assert flood(web, "POST /api/items/bulk", "Authorization: Bearer sb_wrong") == (401, 0)


def test_a_token_lets_the_api_take_what_it_takes_and_no_more(web: Process, product: Installation) -> None:
    token = f"Authorization: Bearer {product.token}"
    status, on_disk = flood(web, "POST /api/items/", token)
    assert status == 413
    assert on_disk <= body_limits.PERSON_BYTES


def asked(web: Process, head: str) -> tuple[float, http.client.HTTPResponse]:
    """Sends a head and nothing more; the seconds until the answer, and the answer."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", web.port), timeout=CALL_SECONDS) as client:
        client.sendall(f"{head}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answer = http.client.HTTPResponse(client)
        answer.begin()
        answer.body = answer.read()  # type: ignore[attr-defined]
    return time.monotonic() - began, answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /healthz HTTP/1.1\r\nContent-Length: 70000", 413),
        ("GET /healthz HTTP/1.1\r\nContent-Length: 2000", 413),
        ("POST /items/import/ HTTP/1.1\r\nContent-Length: 2000000000", 413),
        ("POST /items/import/ HTTP/1.1\r\nContent-Length: 900000000", 403),
        ("POST /api/items/bulk HTTP/1.1\r\nContent-Length: 20000000", 401),
        ("PUT /api/items/1 HTTP/1.1\r\nContent-Length: 5000000", 413),
    ],
)
def test_what_is_announced_too_large_is_answered_before_a_byte_of_it(web: Process, head: str, status: int) -> None:
    took, answer = asked(web, head)
    assert (answer.status, answer.getheader("Connection")) == (status, "close")
    assert took < body_limits.SILENCE_S


def test_the_api_says_in_json_what_was_wrong(web: Process) -> None:
    _, answer = asked(web, "PUT /api/items/1 HTTP/1.1\r\nContent-Length: 5000000")
    assert answer.body == b'{"detail": "The body is too large."}'  # type: ignore[attr-defined]


def test_a_client_that_sends_all_of_it_first_reads_the_answer(web: Process) -> None:
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS) as client:
        assert client.post("/healthz", content=b"x" * 200_000).status_code == 413
        assert client.post("/api/items/", content=b"x" * 200_000).status_code == 401


def test_people_send_what_their_pages_ask_for(web: Process, cookies: dict[str, str]) -> None:
    """A file over what a stranger may send; the form of an item whose description takes 240 KB on its way."""
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS, cookies=cookies) as browser:
        token = {"csrfmiddlewaretoken": cookies["csrftoken"]}
        rows = b"name,price\n" + b"".join(b"lamp %d,1.50\n" % number for number in range(20_000))
        answer = browser.post("/items/import/", data=token, files={"file": ("lamps.csv", rows)})
        assert (answer.status_code, answer.headers["Location"][:14]) == (302, "/items/import/")
        item = {"name": "lamp", "price": "1", "description": "\N{GRINNING FACE}" * 20_000, **token}
        hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', browser.get("/items/new/").text)
        assert browser.post("/items/new/", data=item | dict(hidden)).status_code == 302


def test_a_chunked_upload_of_somebody_who_may_is_taken(web: Process, product: Installation) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"items": ['
        yield b",".join(b'{"name": "lamp", "price": 1, "description": "%s"}' % (b"x" * 10_000) for _ in range(30))
        yield b"]}"

    headers: dict[str, Any] = {"Authorization": f"Bearer {product.token}", "Content-Type": "application/json"}
    answer = httpx.post(f"{web.url}/api/items/bulk", content=pieces(), headers=headers, timeout=CALL_SECONDS)
    assert answer.status_code == 201


def upload(web: Process, user: str) -> socket.socket:
    """A file that begins and does not go on: the first megabyte of 900, of a person who may import."""
    client = socket.create_connection(("127.0.0.1", web.port), timeout=CALL_SECONDS)
    client.sendall(
        f"POST /items/import/ HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {SESSION_COOKIE}={session_of(user)}\r\n"
        "Content-Length: 900000000\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
    )
    return client


def test_one_person_sends_so_many_files_at_once_and_others_theirs(web: Process) -> None:
    """Who has room for one more file might send a thousand before the first of them is whole."""
    alice, bob = USERS
    with contextlib.ExitStack() as stack:
        first, *others = [stack.enter_context(upload(web, alice)) for _ in range(body_limits.UPLOADS_EACH)]
        for client in (first, *others, stack.enter_context(upload(web, bob))):
            wait_until(functools.partial(is_taken, client, web), "the server takes what is sent", CALL_SECONDS)
        further = stack.enter_context(upload(web, alice))
        answer = http.client.HTTPResponse(further)
        answer.begin()
        assert (answer.status, answer.getheader("Retry-After")) == (429, body_limits.RETRY_AFTER)
        first.close()

        def has_room() -> bool:
            with upload(web, alice) as again:
                return is_taken(again, web)

        wait_until(has_room, "there is room again", CALL_SECONDS)


def is_taken(client: socket.socket, web: Process) -> bool:
    """Whether more of a file than a stranger may send comes to lie on the server's disk, and is not answered."""
    before = spooled(web.pid)
    try:
        client.sendall(CHUNK * 60)  # Django keeps 2.5 MiB in memory
        wait_until(lambda: spooled(web.pid) > before, "more lies on disk", 3)
    except (OSError, TimeIsUp):
        return False
    return True
