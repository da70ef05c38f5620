"""The items list stays true while it is open: what events and answers make of a page is what a fresh page shows."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import Installation, Process
from tests.support.waiting import until

TOPIC = "items.v1"
FRAGMENT = "**/items/?*fragment=1*"
# What a list says: each row with its version and its cells, and the texts around the table.
STATE = """region => [
  [...region.querySelectorAll('tr[data-item]')].map(row =>
    [row.dataset.item, row.dataset.version, row.className, ...[...row.cells].map(cell => cell.textContent.trim())]),
  [...region.children].filter(part => !part.matches('.table-wrap'))
    .map(part => part.textContent.replace(/\\s+/g, ' ').trim()),
]"""


class Api:
    """Changes items as a program does."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def create(self, name: str, price: str = "3.50", **fields: str) -> int:
        return int((await self._ask("POST", "", {"name": name, "price": price, **fields}))["item"]["id"])

    async def create_many(self, *names: str) -> list[int]:
        answer = await self._ask("POST", "bulk", {"items": [{"name": name, "price": "1.00"} for name in names]})
        return [item["id"] for item in answer["items"]]

    async def change(self, item: int, **fields: str) -> None:
        await self._ask("PATCH", str(item), fields)

    async def delete(self, item: int) -> None:
        await self._ask("DELETE", str(item), None)

    async def _ask(self, method: str, path: str, body: object) -> Any:
        answer = await self._client.request(method, f"/api/items/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest_asyncio.fixture
async def installation(install: Install) -> AsyncIterator[Installation]:
    yield install()


@pytest_asyncio.fixture
async def web(installation: Installation) -> AsyncIterator[Process]:
    yield installation.web()


@pytest_asyncio.fixture
async def api(installation: Installation, web: Process) -> AsyncIterator[Api]:
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=30) as client:
        yield Api(client)


async def live_list(visitor: Visitor, query: str = "") -> Page:
    page = await visitor.open(f"/items/{query}")
    await expect(page.locator("[data-part=live-pill]")).to_have_attribute("data-kind", "live")
    return page


async def state(page: Page) -> Any:
    return await page.locator("[data-part=live-list]").evaluate(STATE)


async def becomes_a_fresh_page(page: Page, reader: Visitor) -> None:
    """Waits until the open list says what the same address says when it is opened now, without JavaScript."""
    fresh = await reader.open(page.url.removeprefix(reader.address))
    seen: list[Any] = []

    async def same() -> bool:
        await fresh.goto(page.url)
        seen[:] = [await state(page), await state(fresh)]
        return bool(seen[0] == seen[1])

    try:
        await until(same, "the open list is as a fresh page")
    except AssertionError as error:
        raise AssertionError(f"{error}\nopen:  {seen[0]}\nfresh: {seen[1]}") from error
    await fresh.close()


def publish(web: Process, *events: dict[str, Any], kind: str = "item.updated") -> None:
    """Item events as a replay brings them: beside the outbox, straight into the topic, in this order."""
    kafka = producer(web)
    for event in events:
        item = {"sku": "", "owner": "alice", "updated_at": "2025-03-01T09:30:00.000000Z", "actor": "alice", **event}
        kafka.produce(TOPIC, json.dumps(item), key=str(event["id"]), partition=0, headers=[("ce_type", kind.encode())])
        kafka.poll(0)
    assert kafka.flush(30) == 0


async def test_what_is_added_changed_and_deleted_shows_in_an_open_list(
    visitors: Visitors, web: Process, api: Api
) -> None:
    page = await live_list(await visitors.new(web))
    await expect(page.get_by_role("heading", name="There are no items yet")).to_be_visible()
    lamp = await api.create("Desk lamp", "39.90", sku="L-1")
    row = page.locator(f'tr[data-item="{lamp}"]')
    for shown in ("Desk lamp", "39.90", "L-1", "alice"):
        await expect(row).to_contain_text(shown)
    await api.change(lamp, price="29.90", name="Floor <b>lamp</b>")
    await expect(row).to_contain_text("29.90")
    await expect(row.get_by_role("link", name="Floor <b>lamp</b>")).to_be_visible()
    await expect(row).to_have_attribute("data-version", "2")
    await api.delete(lamp)
    await expect(page.get_by_role("heading", name="There are no items yet")).to_be_visible()


async def test_events_change_the_rows_in_sight_also_when_the_list_cannot_be_asked(
    visitors: Visitors, web: Process, api: Api
) -> None:
    lamp, chair = await api.create("Desk lamp"), await api.create("Chair")
    page = await live_list(await visitors.new(web))
    await page.route(FRAGMENT, lambda route: route.abort())
    await api.change(lamp, price="29.90")
    await api.delete(chair)
    await expect(page.locator(f'tr[data-item="{lamp}"]')).to_contain_text("29.90")
    await expect(page.locator(f'tr[data-item="{chair}"]')).to_contain_text("deleted")
    pill = page.locator("[data-part=live-pill]")
    await expect(pill).to_have_attribute("data-kind", "reconnecting")
    await page.unroute(FRAGMENT)
    await expect(page.locator(f'tr[data-item="{chair}"]')).to_have_count(0)
    await expect(pill).to_have_attribute("data-kind", "live")


async def test_versions_that_are_known_change_nothing(visitors: Visitors, web: Process, api: Api) -> None:
    lamp, chair = await api.create("Desk lamp"), await api.create("Chair")
    page = await live_list(await visitors.new(web))
    await api.change(lamp, price="29.90")
    await api.delete(chair)
    await expect(page.locator(f'tr[data-item="{chair}"]')).to_have_count(0)
    await expect(page.locator(f'tr[data-item="{lamp}"]')).to_contain_text("29.90")
    await page.evaluate(
        """() => {
          window.seen = [];
          const look = () => window.seen.push(document.querySelector('tbody').innerText);
          new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
        }"""
    )
    publish(web, {"id": chair, "version": 1, "name": "Chair", "price": "3.50"}, kind="item.created")
    publish(web, {"id": lamp, "version": 1, "name": "First lamp", "price": "1.00"})
    publish(web, {"id": lamp, "version": 2, "name": "Second lamp", "price": "2.00"})
    publish(web, {"id": lamp, "version": 3, "name": "Third lamp", "price": "19.90"})  # news: those before were read
    await expect(page.locator(f'tr[data-item="{lamp}"]')).to_contain_text("19.90")
    seen = " ".join(await page.evaluate("window.seen"))
    assert "Third lamp" in seen
    for known in ("Chair", "First lamp", "Second lamp"):
        assert known not in seen


async def test_an_answer_that_is_older_than_the_events_takes_nothing_back(
    visitors: Visitors, web: Process, api: Api
) -> None:
    lamp, chair = await api.create("Desk lamp"), await api.create("Chair")
    page = await live_list(await visitors.new(web))
    held, answered = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        response = await route.fetch()  # the answer is from now …
        held.set()
        await answered.wait()
        await route.fulfill(response=response)  # … and arrives when it is old

    await page.route(FRAGMENT, late)
    await api.create("Table")
    await asyncio.wait_for(held.wait(), 30)
    await api.change(lamp, price="29.90")
    await api.delete(chair)
    await expect(page.locator(f'tr[data-item="{lamp}"]')).to_contain_text("29.90")
    await expect(page.locator(f'tr[data-item="{chair}"]')).to_contain_text("deleted")
    # Whatever the late answer makes of the page is written down.
    await page.evaluate(
        """watched => {
          window.wrong = [];
          new MutationObserver(() => {
            const chair = document.querySelector(`tr[data-item="${watched.chair}"]`);
            const lamp = document.querySelector(`tr[data-item="${watched.lamp}"]`);
            if (chair && !chair.matches('.deleted')) window.wrong.push(chair.textContent);
            if (!lamp || !lamp.textContent.includes('29.90')) window.wrong.push(lamp?.textContent);
          }).observe(document.body, { subtree: true, childList: true, characterData: true });
        }""",
        {"lamp": lamp, "chair": chair},
    )
    answered.set()
    await expect(page.get_by_role("link", name="Table")).to_be_visible()
    await expect(page.locator(f'tr[data-item="{chair}"]')).to_have_count(0)
    assert await page.evaluate("window.wrong") == []
    await page.unroute_all(behavior="ignoreErrors")


async def test_open_lists_are_as_fresh_ones_after_any_series_of_changes(
    visitors: Visitors, web: Process, api: Api
) -> None:
    seed = int(time.time())
    chance = random.Random(seed)
    items = await api.create_many(*(f"{chance.choice(['lamp', 'chair'])} {n}" for n in range(52)))
    reader = await visitors.new(web, java_script_enabled=False)
    watcher = await visitors.new(web)
    queries = ["", "?page=2", "?ordering=name&search=lamp", "?ordering=-updated_at&price_min=2"]
    lists = [await live_list(watcher, query) for query in queries]
    for page in lists:  # pages in the background wait until somebody looks at them
        await page.evaluate("Object.defineProperty(document, 'hidden', { get: () => false })")
    for _ in range(40):
        match chance.choice(["create", "change", "change", "delete"]):
            case "create":
                items.append(await api.create(chance.choice(["new lamp", "new chair"]), sku=""))
            case "change":
                fields = {"price": f"{chance.randint(0, 400) / 100:.2f}", "name": chance.choice(["a lamp", "a chair"])}
                name = chance.choice(list(fields))
                await api.change(chance.choice(items), **{name: fields[name]})
            case "delete":
                await api.delete(items.pop(chance.randrange(len(items))))
    for page in lists:
        try:
            await becomes_a_fresh_page(page, reader)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}, {page.url}: {error}") from error


async def test_the_focus_stays_on_its_row_at_its_height(visitors: Visitors, web: Process, api: Api) -> None:
    items = await api.create_many(*(f"item {n}" for n in range(40)))
    page = await live_list(await visitors.new(web, viewport={"width": 1000, "height": 500}))
    link = page.get_by_role("link", name="item 30", exact=True)
    await link.focus()
    before = await link.bounding_box()
    await api.create_many("first", "second", "third")
    await expect(page.get_by_role("link", name="third")).to_be_attached()
    await expect(link).to_be_focused()
    after = await link.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    await api.change(items[30], name="item thirty")
    await expect(page.get_by_role("link", name="item thirty")).to_be_focused()
    await api.delete(items[30])
    await expect(page.get_by_role("link", name="item 29", exact=True)).to_be_focused()  # newest first


async def test_a_storm_of_events_neither_freezes_the_page_nor_asks_the_server_for_each(
    visitors: Visitors, web: Process, api: Api
) -> None:
    lamp = await api.create("Desk lamp")
    page = await live_list(await visitors.new(web))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "fragment=1" in request.url else None)
    await page.evaluate(
        """() => {
          window.frames_drawn = 0;
          const look = () => {
            window.frames_drawn += 1;
            requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        }"""
    )
    begun = time.monotonic()
    total = 5_000
    storm = [
        {"id": lamp if n % 2 else 1_000_000 + n, "version": n + 2, "name": f"lamp {n}", "price": "9.99"}
        for n in range(total)
    ]
    await asyncio.to_thread(publish, web, *storm)
    row = page.locator(f'tr[data-item="{lamp}"]')
    await expect(row).to_contain_text(f"lamp {total - 1}")
    seconds = time.monotonic() - begun
    assert len(asked) <= 2 + seconds / 0.5
    assert await page.evaluate("window.frames_drawn") > 4  # a page that froze draws one or two


async def test_without_javascript_the_list_says_nothing_of_being_live(
    visitors: Visitors, web: Process, api: Api
) -> None:
    await api.create("Desk lamp")
    page = await (await visitors.new(web, java_script_enabled=False)).open("/items/")
    await expect(page.get_by_role("link", name="Desk lamp")).to_be_visible()
    await expect(page.locator("[data-part=live-pill]")).to_be_hidden()
