"""As many requests at once as there are database connections, and one more: none of them waits for itself."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.conftest import Install
from tests.support.processes import USERS, Process
from tests.support.services import Postgres

AT_ONCE = 17  # connections of a process (POOL in project/settings.py), and one more
PATIENCE_S = 60
SOON_S = 9.5  # who waits for the pool waits 10 s; a machine that stands still for 5 s does not take as long
ROUNDS = 2

SESSION = """
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
user = User.objects.get(username="{name}")
User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(session.session_key)
"""
PAGES = (
    "/", "/items/", "/items/?search=lamp", "/items/{id}/", "/items/{id}/edit/", "/items/{id}/delete/", "/items/new/",
    "/items/deleted/", "/items/import/", "/items/export/?format=csv", "/items/4711/", "/accounts/tokens/",
    "/accounts/password/", "/admin/", "/admin/overview/", "/admin/items/item/", "/admin/items/apitoken/",
    "/admin/streams/topic/", "/accounts/login/", "/readyz",
)  # fmt: skip


def test_the_number_is_the_settings() -> None:
    pool = settings.DATABASES["default"].get("OPTIONS", {}).get("pool")
    assert pool is None or pool["max_size"] == AT_ONCE - 1


@pytest.mark.slow
async def test_no_address_makes_the_pool_wait_for_itself(install: Install, postgres: Postgres) -> None:
    installation = install(postgres)
    web = await asyncio.to_thread(installation.web)
    session = (
        await asyncio.to_thread(installation.manage, "shell", "-v", "0", "-c", SESSION.format(name=USERS[0]))
    ).strip()
    async with client(web, headers={"Authorization": f"Bearer {installation.token}"}) as caller:
        added = await caller.post("/api/items/", json={"name": "Lamp", "price": "1"})
        number = added.json()["item"]["id"]
        for path in await api_addresses(caller, number):
            await all_are_answered(caller, "GET", path)
        await all_are_answered(caller, "POST", "/api/items/", json={"name": "Lamp", "price": "1"})
        await all_are_answered(caller, "PATCH", f"/api/items/{number}", json={"description": "x"})
        await all_are_answered(caller, "GET", "/api/items/", headers={"Authorization": "Bearer wrong"})
    async with client(web, cookies={"sessionid": session}) as browser:
        for page in PAGES:
            await all_are_answered(browser, "GET", page.format(id=number))
        await all_are_answered(browser, "GET", "/api/topics/")
        await all_are_answered(browser, "POST", f"/items/{number}/edit/", data={})


def client(web: Process, **options: Any) -> httpx.AsyncClient:
    # None is kept: the server closes idle ones, perhaps in the moment in which the next request leaves.
    limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=0)
    return httpx.AsyncClient(base_url=web.url, timeout=PATIENCE_S, limits=limits, **options)


async def api_addresses(caller: httpx.AsyncClient, number: int) -> list[str]:
    """Every address of the API that can be read, from its own description."""
    described = (await caller.get("/api/openapi.json")).json()["paths"]
    filled = {"{item_id}": str(number), "{topic}": "items.v1", "{partition}": "0", "{offset}": "0"}
    found = []
    for path, operations in described.items():
        if "get" in operations:
            for name, value in filled.items():
                path = path.replace(name, value)  # noqa: PLW2901
            found.append(f"{path}?partition=0&from=0&to=1" if path.endswith("/records") else path)
    assert len(found) >= 6, found
    return found


async def all_are_answered(caller: httpx.AsyncClient, method: str, path: str, **more: Any) -> None:
    for _ in range(ROUNDS):
        began = time.monotonic()
        answers = await asyncio.gather(*(caller.request(method, path, **more) for _ in range(AT_ONCE)))
        statuses = {answer.status_code for answer in answers}
        assert not statuses & {500, 503}, (method, path, statuses, answers[0].text[:200])
        assert time.monotonic() - began < SOON_S, (method, path)
