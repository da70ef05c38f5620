"""A thousand items submitted in the same moment, to a running product on either database."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from tests.conftest import Install
from tests.support.processes import Installation
from tests.support.services import Postgres

SENT = 1000
SAME_SKU = 10  # of each ten, one is saved


async def test_a_thousand_items_at_once_are_each_saved_or_refused_and_never_half(install: Install) -> None:
    await submit(install())


async def test_the_same_on_postgresql(install: Install, postgres: Postgres) -> None:
    await submit(install(postgres))


async def submit(installation: Installation) -> None:
    web = await asyncio.to_thread(installation.web)
    port = int(web.url.rsplit(":", 1)[1])

    async def add(number: int) -> tuple[int, int, dict[str, Any]]:
        """number, status, answer. A connection of its own: a client with a pool takes longer than the product."""
        sku = f"S-{number // SAME_SKU}" if number < 100 else ""
        body = json.dumps({"name": f"Item {number}", "price": 1, "sku": sku}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST /api/items/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {installation.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answered = await reader.read()
        writer.close()
        status, content = answered.split(b" ", 2)[1], answered.partition(b"\r\n\r\n")[2]
        return number, int(status), json.loads(content)

    answers = await asyncio.gather(*map(add, range(SENT)))
    by_status = Counter(status for _, status, _ in answers)
    assert set(by_status) <= {201, 409, 503}, by_status
    saved = {answer["item"]["id"]: f"Item {number}" for number, status, answer in answers if status == 201}
    taken = [number for number, status, _ in answers if status == 409]
    assert all(number < 100 for number in taken)
    by_whom = {number // SAME_SKU for number, status, _ in answers if status == 201 and number < 100}
    assert {number // SAME_SKU for number in taken} <= by_whom, "a SKU is taken by somebody who has it"
    assert by_status[201], by_status
    assert dict(await asyncio.to_thread(installation.query, "SELECT id, name FROM items_item")) == saved
    history = "SELECT item_id, count(*), min(version) FROM items_itemversion GROUP BY item_id"
    assert sorted(await asyncio.to_thread(installation.query, history)) == [(pk, 1, 1) for pk in sorted(saved)]
    keys = await asyncio.to_thread(installation.query, "SELECT key FROM streams_outboxmessage")
    assert sorted(int(key) for (key,) in keys) == sorted(saved)
