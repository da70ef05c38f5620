"""Behind a real nginx, as docs/production.md configures it: at the root and below a path, with whatever form of
X-Forwarded-Proto proxies write."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from tests.conftest import Install
from tests.support.client import Follower
from tests.support.processes import CALL_SECONDS, PASSWORD, ROOT, START_SECONDS, Installation, Process
from tests.support.services import Service, missing
from tests.support.waiting import wait_until

pytestmark = pytest.mark.nginx

PAGE_PARTS = re.compile(r'(?:src|href)="(?P<path>/[^"]*/static/[^"]*|/static/[^"]*)"')
BELOW = "/sb"


def documented(name: str) -> str:
    """The configuration of that heading in docs/production.md."""
    text = (ROOT / "docs" / "production.md").read_text()
    return text.partition(f"### {name}\n")[2].partition("```nginx\n")[2].partition("```")[0]


class Nginx(Service):
    """nginx with one of the documented servers, without their TLS."""

    name = mark = "nginx"

    def __init__(self, heading: str, web: Process) -> None:
        super().__init__()
        told = documented(heading)
        told = told.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port};")
        told = re.sub(r"^ *ssl_certificate.*\n", "", told, flags=re.MULTILINE)
        told = told.replace("127.0.0.1:8000", f"127.0.0.1:{web.port}").replace("board.example.com", "localhost")
        user = "user root;" if os.geteuid() == 0 else ""  # its workers could not enter the folder
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; pid {self.folder}/pid; error_log stderr; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy;\n"
            f"fastcgi_temp_path {self.folder}/f; uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;\n"
            f"{told}\n}}\n"
        )

    def command(self) -> list[str]:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None:
            missing("nginx is not installed (on Debian: apt install nginx-light)")
        return [program, "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]


class Site:
    """What a browser at the proxy sees. url: of the product, without a slash at its end."""

    def __init__(self, installation: Installation, url: str) -> None:
        self.installation, self.url = installation, url


@pytest.fixture(params=["", BELOW], ids=["at the root", "below a path"])
def site(install: Install, request: pytest.FixtureRequest) -> Iterator[Site]:
    path: str = request.param
    installation = install(FORWARDED_ALLOW_IPS="127.0.0.1")
    web = installation.web(start=False)
    if path:
        web.command += ["--root-path", path]
    nginx = Nginx("nginx, below a path" if path else "nginx", web)
    try:
        nginx.start()
        web.start(wait=False)
        answer = f"{web.url}/healthz"
        wait_until(lambda: answers(answer), "the web process answers", START_SECONDS)
        yield Site(installation, f"http://localhost:{nginx.port}{path}")
    finally:
        nginx.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30).status_code == 200
    except httpx.TransportError:
        return False


@contextlib.contextmanager
def signed_in(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30, follow_redirects=True) as browser:
        browser.get(f"{site.url}/accounts/login/")
        form = {"username": "alice", "password": PASSWORD, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        answer = browser.post(f"{site.url}/accounts/login/", data=form, headers={"Origin": origin(site)})
        assert answer.status_code == 200
        assert str(answer.url) == f"{site.url}/", "to the board, which is where the proxy has it"
        yield browser


def test_pages_their_parts_and_their_links_work(site: Site) -> None:
    path = httpx.URL(site.url).path.rstrip("/")
    with signed_in(site) as browser:
        for page in ("/", "/items/", "/items/new/", "/admin/", "/api/docs", "/api/redoc", "/nowhere/"):
            answer = browser.get(site.url + page)
            assert answer.status_code == (404 if page == "/nowhere/" else 200), page
            parts = {found["path"] for found in PAGE_PARTS.finditer(answer.text)}
            assert parts, page
            for part in parts:
                assert browser.get(httpx.URL(site.url).join(part)).status_code == 200, f"{part} of {page}"
            links = re.findall(r'(?:href|action|data-[a-z-]+)="(/[^"]*)"', answer.text)
            assert [link for link in links if not f"{link}/".startswith(f"{path}/")] == [], page
        assert browser.get(f"{site.url}/items").url == f"{site.url}/items/"
        assert {cookie.path for cookie in browser.cookies.jar} == {f"{path}/"}
        sent_back = browser.get(f"{site.url}/items/new/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', sent_back.text)
        submission = re.search(r'name="submission" value="([^"]+)"', sent_back.text)
        assert token is not None
        assert submission is not None
        form = {"name": "a lamp", "price": "1", "csrfmiddlewaretoken": token[1], "submission": submission[1]}
        added = browser.post(f"{site.url}/items/new/", data=form, headers={"Origin": origin(site)})
        assert re.fullmatch(re.escape(site.url) + r"/items/\d+/", str(added.url)), added.text
        out = browser.get(f"{site.url}/items/export/?format=ndjson")
        assert json.loads(out.text)["name"] == "a lamp"


def origin(site: Site) -> str:
    url = httpx.URL(site.url)
    return f"{url.scheme}://{url.netloc.decode()}"


def test_the_api_works_and_describes_itself_as_it_is(site: Site) -> None:
    path = httpx.URL(site.url).path.rstrip("/")
    headers = {"Authorization": f"Bearer {site.installation.token}"}
    added = httpx.post(f"{site.url}/api/items/", json={"name": "a lamp", "price": "1"}, headers=headers, timeout=30)
    assert added.status_code == 201
    assert added.headers["Location"].startswith(f"{path}/api/items/")
    here = httpx.URL(site.url).join(added.headers["Location"])
    assert httpx.get(here, headers=headers, timeout=30).json()["name"] == "a lamp"
    described = httpx.get(f"{site.url}/api/openapi.json", timeout=30).json()
    assert f"{path}/api/items/" in described["paths"]


async def test_the_socket_delivers_and_a_browser_of_the_same_origin_is_let_in(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.installation.token}"}
    async with (
        Follower(site.url, site.installation.token, "items.v1") as follower,
        httpx.AsyncClient(timeout=CALL_SECONDS) as client,
    ):
        await follower.subscribed()
        added = await client.post(f"{site.url}/api/items/", json={"name": "a", "price": "1"}, headers=headers)
        key = str(added.json()["item"]["id"])
        await follower.until(lambda: key in follower.versions(), "its event arrives")
    with signed_in(site) as browser:
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    live = site.url.replace("http", "ws", 1) + "/ws/live/"
    async with connect(
        live,
        origin=Origin(origin(site)),
        subprotocols=[Subprotocol("streamboard.v1")],
        additional_headers={"Cookie": cookies},
        open_timeout=CALL_SECONDS,
    ) as socket:
        assert json.loads(await socket.recv())["type"] == "welcome"


@pytest.mark.parametrize("said", ["https", "HTTPS", "https, http", "https ,http", "https,https"])
def test_https_is_understood_however_a_proxy_writes_it(https_product: Process, said: str) -> None:
    answer = httpx.get(
        f"{https_product.url}/accounts/login/",
        headers={"X-Forwarded-Proto": said, "X-Forwarded-For": "192.0.2.7", "Host": "board.example.com"},
        timeout=30,
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("said", ["", "http", "http, https", "ftp", "https:", "httpsx"])
def test_what_is_not_https_is_sent_there(https_product: Process, said: str) -> None:
    headers = {"Host": "board.example.com", **({"X-Forwarded-Proto": said} if said else {})}
    answer = httpx.get(f"{https_product.url}/accounts/login/", headers=headers, timeout=30)
    assert answer.status_code == 301


@pytest.fixture
def https_product(install: Install) -> Process:
    return install(ALLOWED_HOSTS="board.example.com", CSRF_TRUSTED_ORIGINS="https://board.example.com").web()
