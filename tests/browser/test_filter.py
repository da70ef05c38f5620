"""Finding records on the board: by words, by key, by an address, and what is said about how far one looked."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors, live
from tests.browser.test_board import submit_by_api
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import Installation, Process

TOPIC = "readings"
HELD = 2_000  # records that a board looks through at most


def change_price(installation: Installation, web: Process, item: int, price: str) -> None:
    headers = {"Authorization": f"Bearer {installation.token}"}
    answer = httpx.patch(f"{web.url}/api/items/{item}", json={"price": price}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text


def produce(web: Process, total: int) -> None:
    """Records 0 … total - 1 in one partition, each with its number as key and value."""
    kafka = producer(web)
    for number in range(total):
        kafka.produce(TOPIC, b'{"number": %d}' % number, key=b"%d" % number, partition=0)
    assert kafka.flush(30) == 0


async def offsets(page: Page) -> list[str]:
    found: list[str] = await page.locator(".row[data-kind=record]").evaluate_all(
        "rows => rows.map(r => r.dataset.offset)"
    )
    return found


async def test_the_page_of_an_item_leads_to_its_records_on_the_board(visitors: Visitors, install: Install) -> None:
    installation = install()
    web = installation.web()
    await submit_by_api(installation, web, *(f"thing {n}" for n in range(1, 12)))
    change_price(installation, web, 1, "4.00")
    page = await (await visitors.new(web)).open("/items/1/")
    await page.get_by_role("link", name="Its records on the live board").click()
    await live(page)
    rows = page.locator(".row[data-kind=record]")
    await expect(rows).to_have_count(2)  # not those of items 10 and 11
    await expect(rows.nth(0)).to_contain_text("updated")
    await expect(rows.nth(1)).to_contain_text("created")
    await expect(page.locator(".found")).to_contain_text("2 of the newest 12 records fit. Nothing older is searched.")

    change_price(installation, web, 1, "5.00")
    change_price(installation, web, 2, "5.00")
    await expect(page.locator(".found")).to_contain_text("3 of the newest 14")

    await page.get_by_role("button", name="Show every key again").click()
    await expect(rows).to_have_count(14)
    await expect(page.locator(".found")).to_be_hidden()
    await expect(page.get_by_label("Filter the records")).to_be_focused()
    await expect(page).to_have_url(f"{web.url}/?topic=items.v1")


async def test_the_address_keeps_what_was_asked_for_until_another_topic_is_chosen(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    await submit_by_api(installation, web, "desk lamp", "desk", "floor lamp")
    page = await (await visitors.new(web)).board()
    rows = page.locator(".row[data-kind=record]")
    await expect(rows).to_have_count(3)
    await page.keyboard.press("/")
    await page.keyboard.type("lamp desk")
    await expect(rows).to_have_count(1)
    await page.wait_for_url("**/?topic=items.v1&filter=lamp+desk")
    await page.reload()
    await live(page)
    await expect(page.get_by_label("Filter the records")).to_have_value("lamp desk")
    await expect(rows).to_have_count(1)

    await rows.first.click(position={"x": 8, "y": 8})
    await page.get_by_role("button", name="Only this key").click()
    await page.wait_for_url(re.compile(r"\?topic=items.v1&filter=lamp\+desk&key=\d+$"))

    await page.get_by_label("Topic").fill(TOPIC)
    await page.get_by_label("Topic").press("Enter")
    await live(page)
    assert page.url.endswith(f"/?topic={TOPIC}")
    await expect(page.get_by_label("Filter the records")).to_have_value("")
    await page.go_back()
    await expect(page.get_by_label("Filter the records")).to_have_value("lamp desk")
    await expect(rows).to_have_count(1)


async def test_a_search_reaches_further_back_when_asked_and_never_past_what_it_says(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    total = 2_500
    produce(web, total)
    page = await (await visitors.new(web)).board(TOPIC)
    await expect(page.locator("#board")).to_have_attribute("data-received", "200")
    await page.get_by_label("Filter the records").fill(str(total - 1_100))  # not among the newest 200
    await expect(page.locator(".nothing")).to_contain_text("No record fits")
    await page.get_by_role("button", name="Search the newest").click()
    await expect(page.locator(".row[data-kind=record]")).to_have_count(1)
    await expect(page.locator(".found")).to_contain_text(re.compile(r"1 of the newest 2\s000 records"))
    await expect(page.get_by_role("button", name="Search the newest")).to_be_hidden()

    await page.goto(f"{web.url}/?topic={TOPIC}&key={total - HELD}")  # the oldest that is searched
    await expect(page.locator(".row[data-kind=record]")).to_have_count(1)
    assert await offsets(page) == [str(total - HELD)]
    await page.goto(f"{web.url}/?topic={TOPIC}&key={total - HELD - 1}")
    await expect(page.locator(".found")).to_contain_text(re.compile(r"0 of the newest 2\s000 records fit"))
    await expect(page.locator(".nothing")).to_contain_text("No record fits")

    await page.goto(f"{web.url}/?topic={TOPIC}&filter=number")  # all of them fit, and 500 are rows
    await expect(page.locator("#board")).to_have_attribute("data-received", str(HELD))
    await expect(page.locator(".row[data-kind=record]")).to_have_count(500)
    await expect(page.locator(".found")).to_contain_text("The newest 500 that fit")
    newest = page.locator(".row[data-kind=record]").first
    await expect(newest).to_have_attribute("data-offset", str(total - 1))  # they are drawn in more than one step
    shown = await offsets(page)
    assert shown == [str(offset) for offset in range(total - 1, total - 501, -1)]
    await expect(page.locator("#board")).to_have_attribute("data-skipped", "0")
