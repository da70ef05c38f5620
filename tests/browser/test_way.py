"""The way of an item's versions on its page: live to the boards, and what waits while Kafka is away."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_item_live import live_page
from tests.browser.test_items_live import Api, api, installation, web  # noqa: F401  (fixtures)
from tests.browser.test_pages import axe_source, violations
from tests.conftest import Install
from tests.support.processes import Process

CALL_S = 30


async def test_a_change_shows_its_way_with_its_place_in_kafka_and_who_saw_it(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp", "39.90")
    visitor = await visitors.new(web)
    page = await live_page(visitor, f"/items/{lamp}/")
    rows = page.locator("[data-part=way-rows] tr")
    first = rows.last.get_by_role("link", name="1", exact=True)
    await first.focus()
    await api.change(lamp, price="29.90")
    await expect(rows).to_have_count(2)
    await expect(first).to_be_focused()  # what was there stays what it is
    newest = rows.first
    await expect(newest).to_have_attribute("data-state", "published")
    place = newest.get_by_role("link", name=re.compile(r"^\d+:\d+$"))
    await expect(place).to_have_attribute("href", re.compile(r"/records/[\w.]+/\d+/\d+$"))
    await expect(newest).to_contain_text(re.compile(r"\+[\d.]+ m?s .*to 1 open page$"))
    await newest.get_by_role("link", name="2", exact=True).click()  # to the version in the history
    await expect(page.locator("#version-2:target")).to_contain_text("Price")
    assert await violations(page, axe_source()) == []


async def test_with_kafka_away_what_waits_is_said_also_of_a_change_by_somebody_else(
    visitors: Visitors, install: Install
) -> None:
    installed = install(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")  # nobody listens on the discard port
    server = installed.web()
    headers = {"Authorization": f"Bearer {installed.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=CALL_S) as client:
        other = Api(client)
        lamp = await other.create("Desk lamp", "39.90")
        page = await (await visitors.new(server)).open(f"/items/{lamp}/")
        rows, said = page.locator("[data-part=way-rows] tr"), page.locator("[data-part=way-said]")
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("waits in the outbox")
        await expect(said).to_contain_text(
            re.compile(r"1 version waits in the outbox: Kafka is away since (?:[\d-]+ )?\d\d:\d\d:\d\d")
        )
        await other.change(lamp, price="29.90")
        await expect(rows).to_have_count(2)
        await expect(said).to_contain_text("2 versions wait in the outbox: Kafka is away")
