"""As many requests at once as there are database connections, and one more: none of them waits for itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.urls import get_resolver

from streams.health import probes
from tests.conftest import Install
from tests.support.processes import SESSION_COOKIE, USERS, Process, session_of
from tests.support.services import Postgres

CONNECTIONS = 4  # of the process that is tested: one that the watch over rights keeps, and three for requests
AT_ONCE = CONNECTIONS + 1
PATIENCE_S = 60  # who waits for the pool in vain waits longer
TOPIC = "items.v1"
LEFT_OUT = {"/accounts/logout/", "/admin/logout/"}  # the others need the session

# What stands for the parameters of addresses; an address with another one fails the test until it has its value here.
FILLED = {
    "item_id": "{item}", "job_id": "{job}", "row_id": "1", "token_id": "1", "signed": "x", "uidb64": "MQ",
    "token": "x-y",
    "topic": TOPIC, "partition": "0", "offset": "0", "rest": "nowhere", "url": "nowhere", "app_label": "items",
    "content_type_id": "1", "object_id": "1", "id": "1", "slug": "{board}",
}  # fmt: skip
QUERIES = {"/items/": "?search=lamp", "/items/export/": "?format=csv", "records": "?partition=0&from=0&to=1"}
BODIES = {"/api/items/": {"name": "Lamp", "price": "1"}, "/api/items/bulk": {"items": [{"name": "Lamp", "price": "1"}]}}
BOARD = {"name": "Lamps"}
POOL = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS']['pool']['max_size'])"
CSRF = "c" * 32


def addresses(patterns: Any = None, before: str = "/") -> Iterator[str]:
    """Every address of the product, from its URLconf and of its probes; `{item}` and the like stand for what there is
    only later."""
    if patterns is None:
        yield from probes.VIEWS
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern).replace("^", "").replace("$", "")
        if hasattr(pattern, "url_patterns"):
            yield from addresses(pattern.url_patterns, route)
        else:
            yield re.sub(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>", lambda found: FILLED[found[1] or found[2]], route)


def test_every_kind_of_address_is_found() -> None:
    found = set(addresses())
    assert {"/", "/items/{item}/edit/", "/items/import/{job}/report/", "/accounts/tokens/1/revoke/"} <= found
    assert {"/admin/items/item/1/change/", "/admin/items/", f"/api/topics/{TOPIC}/newest", "/metrics"} <= found
    assert {f"/api/topics/{TOPIC}/search", f"/api/topics/{TOPIC}/export", "/boards/{board}/"} <= found
    assert not {address for address in found if set("<>()?") & set(address)}


@pytest.mark.slow
async def test_no_address_makes_the_pool_wait_for_itself(install: Install, postgres: Postgres) -> None:
    installation = install(postgres, SIGN_UP="true", TEST_POOL=str(CONNECTIONS))
    assert installation.manage("shell", "--no-imports", "--command", POOL).strip() == str(CONNECTIONS)
    web = await asyncio.to_thread(installation.web)
    async with client(web, headers={"Authorization": f"Bearer {installation.token}"}) as caller:
        added = await caller.post("/api/items/", json=BODIES["/api/items/"])
        item = added.json()["item"]["id"]
        board = (await caller.post("/api/boards/", json=BOARD)).json()["slug"]
        described = (await caller.get("/api/openapi.json")).json()["paths"]
        for path, operations in described.items():
            filled = re.sub(r"{(\w+)}", lambda found: FILLED[found[1]], path).format(item=item, board=board)
            for method in sorted(set(operations) - {"get"}, reverse=True):  # `delete` after the others
                body = {"json": BODIES.get(path, {"description": "x"})} if method != "delete" else {}
                await all_are_answered(caller, method.upper(), filled, **body)
        await all_are_answered(caller, "GET", "/api/topics/")
        await all_are_answered(caller, "GET", "/api/items/", headers={"Authorization": "Bearer wrong"})
        item = (await caller.post("/api/items/", json=BODIES["/api/items/"])).json()["item"]["id"]
    cookies = {SESSION_COOKIE: session_of(USERS[0]), "csrftoken": CSRF}
    async with client(web, cookies=cookies, headers={"X-CSRFToken": CSRF}) as browser:
        kept = await browser.post("/items/import/", files={"file": ("lamps.csv", b"name,price\nlamp,\n")})
        job = kept.headers["Location"].split("/")[3]
        every = sorted({address.format(item=item, job=job, board=board) for address in addresses()} - LEFT_OUT)
        for address in every:
            query = QUERIES.get(address) or QUERIES.get(address.rpartition("/")[2], "")
            await all_are_answered(browser, "GET", address + query)
        for address in every:
            if not address.startswith(("/api/", "/admin/")) or address.startswith("/admin/items/item/"):
                await all_are_answered(browser, "POST", address)


def client(web: Process, **options: Any) -> httpx.AsyncClient:
    # None is kept: the server closes idle ones, perhaps in the moment in which the next request leaves.
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=web.url, timeout=PATIENCE_S, limits=limits, **options)


async def all_are_answered(caller: httpx.AsyncClient, method: str, path: str, **more: Any) -> None:
    answers = await asyncio.gather(*(caller.request(method, path, **more) for _ in range(AT_ONCE)))
    statuses = {answer.status_code for answer in answers}
    assert not statuses & {500, 503}, (method, path, statuses, answers[0].text[:200])
