"""Tiles that read their topic by other formats than its own: what they count, what a record of theirs shows, and how
somebody who edits a board comes to them."""

from __future__ import annotations

import json
import re

import msgpack
from playwright.async_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_boards import definition, edited, make_board, settled, tile
from tests.browser.test_pages import axe_source, violations
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import Installation, Process

TOPIC = "packed"
PACKED = {"value_format": "msgpack"}
ALL = {"figure": "sum", "field": "value.n"}


def produce(web: Process, numbers: range) -> None:
    """Values in MessagePack, which nothing but the tiles knows."""
    kafka = producer(web)
    for number in numbers:
        kafka.produce(TOPIC, msgpack.packb({"n": number, "of": "ab"[number % 2]}), key=b"k%d" % number, partition=0)
    assert kafka.flush(30) == 0


def packed(install: Install, values: int) -> tuple[Installation, Process]:
    """A product that watches the topic, with so many values in it."""
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, range(values))
    return installation, web


async def test_tiles_read_a_topic_by_their_own_formats_and_those_that_agree_share_a_stream(
    visitors: Visitors, install: Install
) -> None:
    installation, web = packed(install, 20)
    tiles = [
        tile("sum", "number", ALL | PACKED, TOPIC),
        tile("rows", "stream", {"columns": ["value.n"], **PACKED}, TOPIC) | {"y": 4, "w": 12},
        tile("as-it-is", "number", ALL, TOPIC) | {"x": 4},
    ]
    page = await (await visitors.new(web)).open(make_board(installation, web, tiles))
    await settled(page, 20)  # a connection holds a stream once: a second one of the same would be refused
    total = page.locator("[data-tile=sum] [data-figure]")
    await expect(total).to_have_attribute("value", str(sum(range(20))))
    await expect(page.locator("[data-tile=sum] footer")).to_contain_text("values read as msgpack")
    bare = page.locator("[data-tile=as-it-is]")
    await expect(bare.locator("footer")).to_contain_text("20 without a value")
    await expect(bare.locator("footer")).not_to_contain_text("read as")

    produce(web, range(20, 30))  # what comes live, too
    await settled(page, 30)
    await expect(total).to_have_attribute("value", str(sum(range(30))))

    await page.locator("[data-tile=rows] tr[data-offset]").first.click()
    sheet = page.get_by_role("dialog", name="Record")
    await expect(sheet.locator(".detail-value")).to_contain_text('"n": 29')
    await page.keyboard.press(",")
    await expect(sheet.locator(".detail-value")).to_contain_text('"n": 28')  # and those around it
    await page.keyboard.press("Escape")


async def test_who_edits_a_board_chooses_formats_and_is_offered_what_they_make_of_the_topic(
    visitors: Visitors, install: Install
) -> None:
    installation, web = packed(install, 20)
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"}, TOPIC)])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    card = page.locator("[data-add=distribution]")
    await expect(card).to_be_disabled()  # no number in bytes
    await page.get_by_label("Values as").select_option("msgpack")
    await expect(card).to_be_enabled()
    assert await violations(page, axe_source()) == []
    await card.click()
    preview = page.locator(".preview")
    await expect(preview.locator("[data-from]").first).to_be_attached()
    await expect(page.get_by_label("Field")).to_have_value("value.n")
    await expect(page.get_by_label("Values as")).to_have_value("msgpack")
    await page.locator("[data-accept]").click()
    added = page.locator('[data-tile="distribution-1"]')
    await expect(added.locator("[data-from]").first).to_be_attached()
    await expect(added.locator("footer")).to_contain_text("values read as msgpack")

    # Back to the topic's own: it has no such field.
    await page.get_by_label("Values as").select_option("")
    await expect(added.locator("footer")).to_contain_text("20 without a value")
    await page.get_by_label("Values as").select_option("msgpack")
    await expect(added.locator("footer")).not_to_contain_text("without a value")
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_be_hidden()
    kept = (await definition(visitor, path))["tiles"]
    assert kept[1]["options"] == {"field": "value.n", "bins": None, **PACKED}
    assert kept[0]["options"] == {"figure": "count", "field": None}


async def test_a_format_that_a_topic_cannot_be_read_by_is_said_on_the_tile(
    visitors: Visitors, install: Install
) -> None:
    installation, web = packed(install, 2)
    path = make_board(installation, web, [tile("sum", "number", ALL | {"value_format": "avro"}, TOPIC)])
    page = await (await visitors.new(web)).open(path)
    await expect(page.locator("[data-tile=sum] .tile-problem")).to_contain_text(re.compile("schema registry"))
    assert json.loads(await page.locator("[data-tile=sum]").get_attribute("data-basis") or "{}").get("used", 0) == 0
