"""Ways to look at a board that change nothing that is kept: filters, what is pressed, two times, and keys alone."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors, live, press_swiftly
from tests.browser.test_boards import TOPIC, make_board, settled, snapshot, tile, without
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import Process

TILES = [
    tile("count", "number", {"figure": "count"}),
    tile("top", "top", {"field": "value.kind", "limit": 10}),
    tile("spread", "distribution", {"field": "value.n", "bins": 10}),
    tile("table", "table", {"by": "key", "columns": ["value.kind"], "sort": "key"}),
]
TOTAL = 60
# Remembers each lock on the screen that the page was given; no browser tells of them by itself.
REMEMBER_LOCKS = """() => {
  const request = navigator.wakeLock.request.bind(navigator.wakeLock);
  globalThis.locks = [];
  navigator.wakeLock.request = async (type) => {
    const lock = await request(type);
    globalThis.locks.push(lock);
    return lock;
  };
}"""
TABS = 120  # presses of the Tab key that lead everywhere on these pages


def body(number: int) -> dict[str, Any]:
    return {"kind": "abc"[number % 3], "n": "many" if number % 10 == 9 else number % 20}


def spread_out(tiles: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, beside and below one another."""
    return [each | {"x": 4 * (place % 3), "y": 5 * (place // 3), "h": 5} for place, each in enumerate(tiles)]


def produce(web: Process, numbers: range) -> list[dict[str, Any]]:
    kafka = producer(web)
    for number in numbers:
        kafka.produce(TOPIC, json.dumps(body(number)).encode(), key=b"k%d" % (number % 12), partition=number % 3)
    assert kafka.flush(30) == 0
    return [body(number) for number in numbers]


def conditions(page: Page) -> list[str]:
    """Those of its address."""
    return parse_qs(urlsplit(page.url).query).get("where", [])


async def test_what_is_pressed_narrows_the_board_and_the_address_opens_the_same(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    bodies = produce(web, range(TOTAL))
    visitor = await visitors.new(web)
    page = await visitor.open(make_board(installation, web, spread_out(TILES)))
    await settled(page, TOTAL)

    await page.locator('[data-tile="top"]').get_by_role("button", name="a", exact=True).click()
    of_a = [each for each in bodies if each["kind"] == "a"]
    shown = await settled(page, len(of_a))
    assert [row[:2] for row in shown["top"]["rows"]] == [["a", str(len(of_a))]]
    assert conditions(page) == ['value.kind == "a"']

    start, end, _ = shown["spread"]["bins"][1]
    await page.locator('[data-tile="spread"] [data-from]').nth(1).get_by_role("button").click()
    both = [each for each in of_a if each["n"] != "many" and start <= each["n"] < end]
    assert both
    await settled(page, len(both))
    again = await visitor.open(page.url.removeprefix(web.url))
    assert (await settled(again, len(both)))["count"]["figure"] == str(len(both))

    await page.get_by_role("button", name="Remove the condition kind = a").click()
    await settled(page, len([each for each in bodies if each["n"] != "many" and start <= each["n"] < end]))
    await page.go_back()
    await settled(page, len(both))
    for condition in ("kind = a", "≤ n <"):
        await page.get_by_role("button", name=condition).click()
    await settled(page, TOTAL)
    await page.locator('[data-tile="table"] [data-field="key"]').first.click()
    await settled(page, TOTAL // 12)
    await expect(page.get_by_role("button", name="Remove the condition key = k0")).to_be_visible()

    narrowed, to_the_wall = conditions(page), page.get_by_role("link", name="Wall")
    await visitor.context.grant_permissions(["screen-wake-lock"])
    await page.evaluate(REMEMBER_LOCKS)
    release = await without(visitor, "**/boards/wall*.js")
    await to_the_wall.click()
    await expect(to_the_wall).to_be_hidden()
    # Before anything is loaded: a press lets take the screen for some seconds only.
    await page.wait_for_function("() => document.fullscreenElement")
    release.set()
    awake = "() => document.fullscreenElement && locks.some(({ released }) => !released)"
    await page.wait_for_function(awake)
    assert "wall=1" in page.url
    assert conditions(page) == narrowed
    await settled(page, TOTAL // 12)
    await page.keyboard.press("Escape")
    await expect(to_the_wall).to_be_visible()
    as_before = "() => !document.fullscreenElement && locks.every(({ released }) => released)"
    await page.wait_for_function(as_before)
    assert "wall" not in page.url
    assert conditions(page) == narrowed


async def test_the_server_filters_what_tiles_show_also_what_comes_live(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    bodies = produce(web, range(TOTAL))
    tiles = [
        tile("all", "number", {"figure": "count"}),
        tile("a", "number", {"figure": "count"}) | {"filter": 'value.kind == "a"'},
        tile("the same", "number", {"figure": "count"}) | {"id": "same", "filter": "value.kind=='a'"},
        tile("wrong", "number", {"figure": "count"}) | {"filter": "value.kind ="},
    ]
    page = await (await visitors.new(web)).open(make_board(installation, web, spread_out(tiles), filter="value.n >= 5"))

    async def show(expected: dict[str, int]) -> None:
        for name, count in expected.items():
            await expect(page.locator(f'[data-tile="{name}"] data')).to_have_attribute("value", str(count))

    def passing(seen: list[dict[str, Any]]) -> dict[str, int]:
        found = [each["kind"] for each in seen if each["n"] != "many" and each["n"] >= 5]
        return {"all": len(found), "a": found.count("a"), "same": found.count("a")}

    await show(passing(bodies))
    await expect(page.locator('[data-tile="wrong"] .tile-problem')).to_contain_text("This tile's filter cannot be used")
    bodies += produce(web, range(TOTAL, 2 * TOTAL))
    await show(passing(bodies))
    await live(page)
    # Two streams: two ways to write one filter are one. A stream that is asked for twice would break the connection.
    await expect(page.locator("#board")).to_have_attribute("data-jumps", "0")
    for name, failed in (("all", 6), ("a", 2)):  # where another condition decides, a failure does not count
        told = f"the filter failed with {failed} records"
        await expect(page.locator(f'[data-tile="{name}"] .tile-foot')).to_contain_text(told)
    basis = await snapshot(page)
    assert basis["a"]["basis"] == basis["same"]["basis"]

    field = page.get_by_label("Filter the board")
    await field.fill("value.n >=")
    await field.press("Enter")
    await expect(page.locator("#filter-wrong")).not_to_be_empty()
    await expect(field).to_have_attribute("aria-invalid", "true")
    await show(passing(bodies))  # what was shown stays
    assert "value.n+%3E%3D&" not in f"{page.url}&"
    wrong = await page.context.new_page()
    await wrong.goto(f"{page.url.partition('?')[0]}?filter=value.n+%3E%3D")  # as a link that somebody wrote says
    await expect(wrong.locator('[data-tile="all"] .tile-problem')).to_have_text("The board's filter cannot be used.")
    await wrong.close()
    await field.fill("")
    await field.press("Enter")
    await show({"all": 2 * TOTAL})
    await expect(page.locator("#filter-wrong")).to_be_hidden()
    visitors.forgive("status of 422")


async def test_a_board_is_looked_at_between_two_times(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, range(TOTAL))
    now = time.time()
    page = await (await visitors.new(web)).open(make_board(installation, web, TILES[:1]))
    await settled(page, TOTAL)

    async def choose(start: float, end: float) -> None:
        await page.get_by_role("button", name="from – to").click()
        for label, at in (("From", start), ("To", end)):
            await page.get_by_label(label, exact=True).fill(time.strftime("%Y-%m-%dT%H:%M", time.gmtime(at)))
        await page.get_by_role("button", name="Show", exact=True).click()

    await choose(now, now - 7_200)
    await expect(page.get_by_role("alert")).to_have_text("The end has to be later than the beginning.")
    await page.keyboard.press("Escape")
    await choose(now - 7_200, now - 3_600)
    await settled(page, 0)
    await page.go_back()
    await settled(page, TOTAL)
    await choose(now - 7_200, now + 3_600)
    await settled(page, TOTAL)
    start, end = (int(parse_qs(urlsplit(page.url).query)[name][0]) / 1_000 for name in ("from", "to"))
    assert (start // 60, end // 60) == ((now - 7_200) // 60, (now + 3_600) // 60)
    await expect(page.locator('[data-part="windows"] [aria-pressed="true"]')).to_have_count(1)


async def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until it leads to such an element."""
    for _ in range(TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


async def test_a_board_is_used_without_a_mouse(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, range(TOTAL))
    path = make_board(installation, web, spread_out(TILES))
    page = await (await visitors.new(web)).open("/items/")
    keys = page.keyboard
    await press_swiftly(page, "gb")
    await expect(page.get_by_role("heading", name="Boards")).to_be_visible()
    await tab_to(page, f'a[href="{path}"]')
    await keys.press("Enter")
    await settled(page, TOTAL)

    await tab_to(page, ".top-key")
    await keys.press("Enter")
    await settled(page, TOTAL // 3)
    await tab_to(page, ".board-chips .chip")
    await keys.press("Enter")
    await settled(page, TOTAL)

    await tab_to(page, ".bins .bin")
    await keys.press("ArrowRight")
    await expect(page.locator(".bins .bin").nth(1)).to_be_focused()
    await tab_to(page, "td[data-field]")
    await keys.press("ArrowDown")
    await keys.press("ArrowRight")
    await expect(page.locator('[data-key="k1"] [data-field="value.kind"]')).to_be_focused()
    await keys.press("ArrowRight")
    await keys.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text('"kind"')
    await keys.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await tab_to(page, "[data-part=edit]")
    await keys.press("Enter")
    await expect(page.locator("[data-part=panel] :focus")).to_have_count(1)  # it goes on in the panel
    if not await page.locator("[data-add=text]:focus").count():
        await tab_to(page, "[data-add=text]")
    await keys.press("Enter")
    await expect(page.locator("[data-accept]")).to_be_focused()
    await keys.press("Enter")
    await expect(page.locator("[data-tile]")).to_have_count(len(TILES) + 1)
    await keys.press("Escape")
    await expect(page.locator("[data-tile]")).to_have_count(len(TILES))
