"""Finding a topic among thousands: on the board with the keyboard alone, and on the page of all topics."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visitors, live
from tests.browser.test_pages import PHONE, Eye
from tests.conftest import Install
from tests.support.processes import Installation, Process
from tests.support.services import Kafka

THERE = 5_000
Product = tuple[Installation, Process, str]


@pytest.fixture
def product(install: Install, kafka: Kafka) -> Product:
    """A server on which 5,000 topics may be watched, and the one of them that is in Kafka and has ten records."""
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    rows = ", ".join(
        f"('team-{number % 40:02}.events-{number:04}', 'Events {number} of team {number % 40}', '{number}')"
        for number in range(THERE)
    )
    installation.query(f"INSERT INTO streams_topic (name, label, epoch) VALUES {rows}")
    topic = kafka.create_topic(partitions=2, retention_ms=3_600_000)
    installation.watch(topic, "The real one")
    web = installation.web()
    kafka.produce(topic, [b"1"] * 10, partition=1)
    return installation, web, topic


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="What may be watched").get_by_role("option")


async def test_a_topic_is_found_among_thousands_with_the_keyboard_alone(visitors: Visitors, product: Product) -> None:
    _, web, real = product
    page = await (await visitors.new(web)).board(real)
    field, keys = page.get_by_role("combobox", name="Topic"), page.keyboard
    await expect(field).to_have_value("The real one")

    await field.focus()
    await expect(field).to_have_attribute("aria-expanded", "false")
    await keys.press("ArrowDown")
    await expect(field).to_have_attribute("aria-expanded", "true")
    await expect(options(page)).to_have_count(50)
    await expect(options(page).and_(page.locator("[aria-selected=true]"))).to_contain_text(real)  # where one is
    await keys.press("Escape")
    await expect(field).to_have_attribute("aria-expanded", "false")
    await expect(field).to_be_focused()

    await keys.type("4217 TEAM")  # what stood there is typed over
    await expect(options(page)).to_have_count(1)
    await expect(options(page)).to_contain_text("Events 4217 of team 17")
    await keys.press("Control+a")
    await keys.type("events-00")
    await expect(page.locator("[data-part=topic-said]")).to_have_text("50 of 100; type to find others.")
    active = page.locator("[role=option][aria-selected=true]")
    await expect(active).to_contain_text("team-00.events-0000")
    await keys.press("ArrowDown")
    await expect(active).to_contain_text("team-00.events-0040")
    await expect(field).to_have_attribute("aria-activedescendant", await active.get_attribute("id") or "")
    await keys.press("ArrowUp")
    await keys.press("ArrowUp")  # from the first to the last
    await expect(active).to_contain_text(re.compile("events-00"))
    await keys.press("Escape")
    await expect(field).to_have_value("The real one")  # as it was

    await keys.type("events-4217")
    await keys.press("Enter")
    await expect(page).to_have_url(f"{web.url}/?topic=team-17.events-4217")
    await expect(field).to_have_value("Events 4217 of team 17")
    await expect(page.locator(".nothing")).to_contain_text("is not in Kafka yet")

    await page.get_by_role("button", name="Favourite").click()
    await expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    await field.focus()
    await keys.press("ArrowDown")
    headings = page.locator(".topic-heading")
    await expect(headings).to_have_text(["Favourites", "Recent", "Others"])
    await expect(options(page).nth(0)).to_contain_text("not in Kafka")
    await expect(options(page).nth(1)).to_contain_text(real)
    await options(page).nth(1).click()
    await live(page)
    await expect(page).to_have_url(f"{web.url}/?topic={real}")


async def test_a_list_that_is_open_stays_where_somebody_is_in_it_when_there_is_another_topic(
    visitors: Visitors, product: Product
) -> None:
    installation, web, real = product
    page = await (await visitors.new(web)).board(real)
    field = page.get_by_role("combobox", name="Topic")
    await field.click()
    await page.keyboard.type("events")
    await expect(page.locator("[data-part=topic-said]")).to_have_text("50 of 5\u202f000; type to find others.")
    for _ in range(4):
        await page.keyboard.press("PageDown")
    active = page.locator("[role=option][aria-selected=true]")
    await expect(active).to_contain_text("team-00.events-1600")
    topic = await active.get_attribute("data-topic")
    place = await active.bounding_box()
    installation.watch("team-00.events-new", "New events")
    await expect(page.locator("[data-part=topic-said]")).to_have_text("50 of 5\u202f001; type to find others.")
    await expect(active).to_have_attribute("data-topic", topic or "")
    assert await active.bounding_box() == place


async def test_all_topics_are_found_on_their_page_with_what_kafka_keeps(visitors: Visitors, product: Product) -> None:
    _, web, real = product
    visitor = await visitors.new(web)
    board = await visitor.board(real)
    await expect(board.locator("#board")).to_have_attribute("data-received", "10")  # the server knows what Kafka has
    page = await visitor.open("/topics/")
    await expect(page.locator("tr[data-topic]")).to_have_count(50)
    await expect(page.locator("[data-part=topics-count]")).to_have_text("1–50 of 5\u202f002")
    await page.keyboard.press("/")
    await page.keyboard.type("real one")
    rows = page.locator("tr[data-topic]")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(re.compile(r"/topics/\?search=real\+one$"))
    await expect(rows.locator("[data-field=offsets]")).to_have_text("10")
    await expect(rows.locator("[data-field=size]")).to_have_text(re.compile(r"^\d+ B$"))
    await expect(rows.locator("[data-field=retention]")).to_have_text("1 h")
    await expect(rows.locator("time")).to_be_visible()
    await rows.get_by_text("2 partitions").click()
    await expect(rows.get_by_role("listitem")).to_have_text(["0: 0 – 0", "1: 0 – 10"])
    await rows.get_by_role("button", name="Favourite").click()
    await expect(rows.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    await page.goto(f"{web.url}/topics/")
    await expect(page.locator("tr[data-topic]").first).to_have_attribute("data-topic", real)
    await expect(page.locator("[data-part=recents]")).to_contain_text(real)
    await page.get_by_role("link", name="The real one").click()
    await live(page)


async def test_picker_and_page_are_accessible_and_fit_the_screen(visitors: Visitors, product: Product) -> None:
    _, web, real = product
    eye = Eye()
    visitor = await visitors.new(web, **PHONE)
    page = await visitor.board(real)
    await page.get_by_label("Topic").click()
    await expect(options(page)).to_have_count(50)
    await eye.look(page)
    await expect(options(page)).to_have_count(50)  # it stayed open
    await page.keyboard.type("no such topic")  # what stood there is typed over, after a press as well
    await expect(page.get_by_label("Topic")).to_have_value("no such topic")
    await expect(options(page)).to_have_count(0)
    await eye.look(page)
    await eye.look(await visitor.open("/topics/"))
    assert eye.wrong == []
