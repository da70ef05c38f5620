"""What leads from a board's tiles further into the records: a record over the board, and a time of a chart."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_boards import TOPIC, make_board, settled, tile
from tests.browser.test_pages import axe_source, violations
from tests.browser.test_records import producer
from tests.conftest import Install

PLACE = re.compile(r"^0:1$")


async def test_a_record_is_read_whole_over_the_board_by_keys(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    for number, name in enumerate(["one", "other", "one"]):
        body = {"kind": "abc"[number], "large": 2**60 + number}
        kafka.produce(TOPIC, json.dumps(body).encode(), key=name.encode(), partition=0, headers=[("x", b"y")])
    assert kafka.flush(30) == 0
    stream = tile("rows", "stream", {"columns": ["value.kind"], "order": "newest"}) | {"w": 12}
    path = make_board(installation, web, [stream])
    page = await (await visitors.new(web)).open(path)
    await settled(page, 3)
    keys = page.keyboard
    sheet = page.get_by_role("dialog", name="Record")

    rows = page.locator("tr[data-offset]")
    await rows.first.focus()
    await keys.press("Enter")
    await expect(sheet.locator(".detail-value")).to_contain_text(f'"large": {2**60 + 2}')  # digit for digit
    link = sheet.get_by_role("link", name="0:2")
    await expect(link).to_have_attribute("href", re.compile(rf"/records/{TOPIC}/0/2$"))
    await keys.press("5")  # against the record of this key before it
    await expect(sheet.locator(".changes")).to_contain_text("a")
    await expect(sheet.locator(".changes")).to_contain_text("0:0")
    for key, says in (("2", '{"kind": "c"'), ("3", "7b 22 6b"), ("4", "x"), ("1", '"kind": "c"')):
        await keys.press(key)
        await expect(sheet.locator(".detail-body")).to_contain_text(says)
    assert await violations(page, axe_source()) == []
    await keys.press(",")
    await expect(sheet.locator("h2")).to_have_text(PLACE)
    await keys.press(".")
    await expect(sheet.locator("h2")).to_have_text("0:2")
    await keys.press("<")
    await expect(sheet.locator("h2")).to_have_text("0:0")
    await keys.press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(rows.first).to_be_focused()

    await rows.nth(1).click()
    await sheet.locator(".pick", has_text="b").first.click()  # what is picked narrows the board
    await expect(sheet).to_have_count(0)
    await expect(rows).to_have_count(1)
    await expect(page.get_by_role("button", name="Remove the condition")).to_have_count(1)
    await rows.first.click()
    await sheet.get_by_role("button", name="Only this key").click()
    await expect(page.get_by_role("button", name="Remove the condition")).to_have_count(2)
    assert parse_qs(urlsplit(page.url).query)["where"][1] == 'key == "other"'


async def test_a_time_of_a_chart_is_looked_at_by_itself_or_on_the_whole_board(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    now = int(time.time() * 1000)
    for number in range(40):
        body = json.dumps({"n": number, "kind": "abcd"[number % 4]}).encode()
        kafka.produce(TOPIC, body, partition=0, timestamp=now - 1_000 * (39 - number))
    assert kafka.flush(30) == 0
    dots = tile("dots", "chart", {"y": "value.n", "aggregate": "none", "split": "value.kind", "form": "points"})
    path = make_board(installation, web, [dots | {"w": 12, "h": 6}], window={"from": now - 50_000, "to": now + 1_000})
    page = await (await visitors.new(web)).open(path)
    await settled(page, 40)
    chart = page.locator("[data-tile=dots]")
    whole = chart.get_by_role("button", name="whole window")
    await expect(whole).to_be_hidden()

    async def drag() -> None:
        box = await chart.locator(".u-over").bounding_box()
        assert box
        await page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 30)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40, steps=5)
        await page.mouse.up()

    await drag()
    await expect(whole).to_be_visible()
    for _ in range(30):  # another series becomes the largest, and so the first: the time that is looked at stays
        kafka.produce(TOPIC, b'{"n": 1, "kind": "d"}', partition=0, timestamp=now)
    assert kafka.flush(30) == 0
    await settled(page, 70)
    await expect(chart.locator(".legend li").first).to_have_text("d")
    await expect(whole).to_be_visible()
    await whole.click()
    await expect(whole).to_be_hidden()

    await drag()
    await chart.get_by_role("button", name="all tiles").click()
    await expect(page.get_by_role("group", name="Time window").locator("[aria-pressed=true]")).to_contain_text("–")
    asked = {name: int(value[0]) for name, value in parse_qs(urlsplit(page.url).query).items()}
    assert now - 50_000 < asked["from"] < asked["to"] < now
    assert 8_000 < asked["to"] - asked["from"] < 14_000
    inside = [n for n in range(40) if asked["from"] <= now - 1_000 * (39 - n) < asked["to"]]
    await settled(page, len(inside))


async def test_a_map_is_drawn_as_large_as_its_tile_becomes(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    kafka.produce(TOPIC, b'{"lat": 48.2, "lon": 16.4}', partition=0)
    assert kafka.flush(30) == 0
    places = tile("map", "map", {"latitude": "value.lat", "longitude": "value.lon"}) | {"w": 12, "h": 9}
    page = await (await visitors.new(web)).open(make_board(installation, web, [places]))
    await settled(page, 1)
    # The land is drawn when the size changes, and never by itself.
    fits = """() => { const land = document.querySelector(".map-land");
      return land && land.width > 300 && land.width === land.clientWidth && land.height === land.clientHeight; }"""
    await page.wait_for_function(fits)
    for width in (800, 1180):
        await page.set_viewport_size({"width": width, "height": 700})
        await page.wait_for_function(fits)
