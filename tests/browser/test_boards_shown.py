"""What tiles show on a low wall, under a finger, beside the panel of a phone, and once a right is taken away."""

from __future__ import annotations

import json
import random
import re

from playwright.async_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_boards import SEED, TOPIC, edited, make_board, produce, settled, tile
from tests.browser.test_records import producer
from tests.conftest import Install

PHONE = {"width": 360, "height": 740}
LOW_WALL = {"width": 1024, "height": 600}
# Of each name of a top list: how high its row is, and how high its letters are.
HEIGHTS = "rows => rows.map((row) => [row.offsetHeight, row.querySelector('bdi').getBoundingClientRect().height])"


async def test_names_of_a_top_list_lie_below_each_other_on_a_low_wall(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 200, random.Random(SEED))
    top = tile("top", "top", {"field": "value.kind", "limit": 6}) | {"h": 5}
    below = tile("count", "number", {"figure": "count"}) | {"y": 5, "h": 21}
    path = make_board(installation, web, [top, below])
    page = await (await visitors.new(web, viewport=LOW_WALL)).open(f"{path}?wall=1")
    await settled(page, 200)
    rows = page.locator('[data-tile="top"] li')
    await expect(rows).to_have_count(6)
    for row, letters in await rows.evaluate_all(HEIGHTS):
        assert row >= letters > 9
    await page.set_viewport_size({"width": 1920, "height": 1080})
    for row, letters in await rows.evaluate_all(HEIGHTS):
        assert row >= letters > 12  # as large as the row leaves room for


async def test_a_finger_opens_the_record_of_a_point_on_a_map(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    kafka.produce(TOPIC, json.dumps({"lat": 0, "lon": 0}).encode(), partition=0)
    assert kafka.flush(30) == 0
    place = {"latitude": "value.lat", "longitude": "value.lon"}
    path = make_board(installation, web, [tile("map", "map", place) | {"w": 12, "h": 8}])
    person = await visitors.new(web, viewport=PHONE, has_touch=True)
    page = await person.open(path)
    await settled(page, 1)
    world = page.get_by_role("img", name=re.compile("World map"))
    await page.wait_for_function("canvas => canvas.width > 300", arg=await world.element_handle())  # it is drawn
    await world.tap()  # in its middle, where the point is
    await expect(page.get_by_role("dialog", name="Record").locator("h2")).to_have_text("0:0")


async def test_handles_of_tiles_lie_below_the_panel(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    counts = [tile(f"count-{place}", "number", {"figure": "count"}) | {"y": 4 * place} for place in range(8)]
    person = await visitors.new(web, viewport=PHONE, has_touch=True, is_mobile=True)
    page = await edited(person, make_board(installation, web, counts))
    await expect(page.locator(".ui-resizable-handle").first).to_be_attached()
    over = """panel => {
      const { left, top, width, height } = panel.getBoundingClientRect();
      for (let x = left + 2; x < left + width - 2; x += 4) for (let y = top + 2; y < top + height - 2; y += 4) {
        const hit = document.elementFromPoint(x, y);
        if (hit?.closest(".grid-stack")) return hit.className;
      }
      return "";
    }"""
    assert await page.locator(".board-panel").evaluate(over) == ""


async def test_what_may_be_watched_no_more_is_shown_no_more(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 30, random.Random(SEED))
    count = tile("count", "number", {"figure": "count"})
    rows = tile("rows", "stream", {"columns": ["value.kind"]}) | {"x": 4}
    path = make_board(installation, web, [count, rows])
    installation.query("UPDATE auth_user SET is_superuser = false WHERE username = 'alice'")
    page = await (await visitors.new(web)).open(path)
    await settled(page, 30)

    installation.query("INSERT INTO auth_group (name) VALUES ('Others')")
    installation.query(
        "INSERT INTO streams_topic_readers (topic_id, group_id) SELECT t.id, g.id FROM streams_topic t, auth_group g "
        f"WHERE t.name = '{TOPIC}' AND g.name = 'Others'"
    )
    tiles = page.locator("[data-tile]")
    for place in range(2):
        await expect(tiles.nth(place).locator(".tile-problem")).to_contain_text(f"You may not watch {TOPIC}")
        await expect(tiles.nth(place).locator(".tile-body")).to_be_hidden()
    await expect(page.locator("[data-tile][data-basis]")).to_have_count(0)
    await expect(page.locator("tr[data-offset]")).to_have_count(0)
    await expect(page.locator("data[data-figure]")).to_have_text("")

    installation.query("DELETE FROM streams_topic_readers")
    await settled(page, 30)
    await expect(page.locator("data[data-figure]")).to_have_text("30")
    await expect(page.locator("tr[data-offset]")).to_have_count(30)
