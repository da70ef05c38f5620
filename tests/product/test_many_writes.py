"""A thousand items submitted in the same moment, to a running product on either database."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx
import pytest

from tests.conftest import Install
from tests.support.processes import Installation
from tests.support.services import Postgres

pytestmark = pytest.mark.alone

SENT = 1000
SAME_SKU = 10  # of each ten, one is saved


async def test_a_thousand_items_at_once_are_each_saved_or_refused_and_never_half(install: Install) -> None:
    await submit(install())


async def test_the_same_on_postgresql(install: Install, postgres: Postgres) -> None:
    await submit(install(postgres))


async def submit(installation: Installation) -> None:
    web = await asyncio.to_thread(installation.web)
    headers = {"Authorization": f"Bearer {installation.token}"}
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=300, limits=limits) as client:

        async def add(number: int) -> tuple[int, httpx.Response]:
            sku = f"S-{number // SAME_SKU}" if number < 100 else ""
            return number, await client.post("/api/items/", json={"name": f"Item {number}", "price": 1, "sku": sku})

        answers = await asyncio.gather(*map(add, range(SENT)))
    by_status = Counter(answer.status_code for _, answer in answers)
    assert set(by_status) <= {201, 409, 503}, by_status
    saved = {answer.json()["item"]["id"]: f"Item {number}" for number, answer in answers if answer.status_code == 201}
    taken = [number for number, answer in answers if answer.status_code == 409]
    assert all(number < 100 for number in taken)
    assert by_status[201], by_status
    assert dict(await asyncio.to_thread(installation.query, "SELECT id, name FROM items_item")) == saved
    history = "SELECT item_id, count(*), min(version) FROM items_itemversion GROUP BY item_id"
    assert sorted(await asyncio.to_thread(installation.query, history)) == [(pk, 1, 1) for pk in sorted(saved)]
    keys = await asyncio.to_thread(installation.query, "SELECT key FROM streams_outboxmessage")
    assert sorted(int(key) for (key,) in keys) == sorted(saved)
