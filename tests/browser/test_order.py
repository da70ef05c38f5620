"""In which order records stand, and how their times are written: a person's choices, on the live board and in the tiles
of boards that are kept."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visitor, Visitors, live, places
from tests.browser.test_boards import make_board, settled, tile
from tests.browser.test_records import STANDS_STILL, producer
from tests.support.processes import Installation, Process, make_installation
from tests.support.waiting import until

pytestmark = pytest.mark.processes

TOPIC = "ordered"
LATE = "late"  # of those that come late
EACH = 30  # records of a partition at first: more rows than a screen shows
STAMP = 1_700_000_000_000  # 2023-11-14 22:13:20 UTC
AWAY = 300  # px that somebody scrolls away from the newest
Web = tuple[Installation, Process]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One running product with a topic whose two partitions take turns in time."""
    installation = make_installation(tmp_path_factory.mktemp("order"), None, {})
    installation.watch(TOPIC, "Ordered")
    installation.watch(LATE, "Late")
    web = installation.web()
    made.clear()
    for number in range(2 * EACH):
        produce(web, TOPIC, number, partition=number % 2)
        produce(web, LATE, number, partition=number % 2)
    yield installation, web
    installation.close()


made: Counter[str] = Counter()  # records of each topic, whichever tests ran before


def produce(web: Process, topic: str, second: int, *, partition: int) -> None:
    kafka = producer(web)
    value = json.dumps({"second": second}).encode()
    kafka.produce(topic, value, partition=partition, timestamp=STAMP + second * 1000)
    assert kafka.flush(30) == 0
    made[topic] += 1


async def seconds(page: Page) -> list[int]:
    """Of each record in the list, from the top."""
    script = "rows => rows.map(row => Number(row.querySelector('[data-ms]').dataset.ms))"
    found: list[int] = await page.locator("[data-part=rows] .row[data-kind=record]").evaluate_all(script)
    return [(ms - STAMP) // 1000 for ms in found]


async def at_bottom(scroller: Locator) -> None:
    """Rows that come into sight get their height with the next frame; then it is there again."""
    left = "node => Math.round(node.scrollHeight - node.clientHeight - node.scrollTop)"

    async def is_there() -> bool:
        return bool(await scroller.evaluate(left) <= 1)

    await until(is_there, "the end of the list is in sight")


async def test_oldest_first_sticks_to_the_bottom_only_while_somebody_stands_there(visitors: Visitors, web: Web) -> None:
    process = web[1]
    person = await visitors.new(process)
    await person.context.add_init_script(STANDS_STILL)
    board = await person.board(TOPIC)
    root, stream = board.locator("#board"), board.locator(".stream")
    shown = board.locator("[data-part=rows] .row[data-kind=record]")
    await expect(shown).to_have_count(made[TOPIC])
    first = await seconds(board)
    assert first == sorted(first, reverse=True)
    await board.keyboard.press("s")
    await expect(board.get_by_role("grid", name="Records, oldest first")).to_be_visible()
    assert await seconds(board) == first[::-1]
    await expect(board).to_have_url(re.compile("order=oldest"))
    await at_bottom(stream)

    produce(process, TOPIC, 100, partition=0)
    await expect(shown.last).to_contain_text("100")
    await at_bottom(stream)

    await stream.evaluate(f"node => {{ node.scrollTop -= {AWAY} }}")
    await expect(root).to_have_attribute("data-held", "true")
    seen, read = await places(board), await top_of(board)
    produce(process, TOPIC, 101, partition=1)
    newer = board.get_by_role("button", name="1 new")
    await expect(newer).to_have_text("1 new ↓")
    assert (await places(board), await top_of(board)) == (seen, read)
    await newer.click()
    await expect(root).to_have_attribute("data-held", "false")
    await expect(shown.last).to_contain_text("101")
    await at_bottom(stream)

    again = await board.context.new_page()  # remembered, and another address says something else
    await again.goto(f"{process.url}/?topic={TOPIC}")
    await expect(again.locator("[data-part=order]")).to_have_value("oldest")
    await again.goto(f"{process.url}/?topic={TOPIC}&order=newest")
    await expect(again.locator("[data-part=order]")).to_have_value("newest")


async def top_of(page: Page) -> dict[str, float]:
    """Where each row that is in sight stands on the screen."""
    script = """rows => Object.fromEntries(rows.map(row => [`${row.dataset.partition}:${row.dataset.offset}`,
      row.getBoundingClientRect().top]).filter(([, top]) => top > 200 && top < innerHeight))"""
    found: dict[str, float] = await page.locator(".row[data-kind=record]").evaluate_all(script)
    return found


async def test_what_comes_late_stands_by_time_or_by_its_partition(visitors: Visitors, web: Web) -> None:
    process = web[1]
    board = await (await visitors.new(process)).board(LATE)
    order = board.get_by_label("Order of the records")
    shown = board.locator("[data-part=rows] .row[data-kind=record]")
    count = made[LATE]
    await expect(shown).to_have_count(count)
    produce(process, LATE, 10, partition=0)  # of a second that long ago was the newest one
    await expect(shown).to_have_count(count + 1)
    assert (await seconds(board))[0] == 10, "as they came"

    await order.select_option("newest first, by time")
    stood = await seconds(board)
    assert stood == sorted(stood, reverse=True)
    produce(process, LATE, 11, partition=1)
    await expect(shown).to_have_count(count + 2)
    stood = await seconds(board)
    assert stood == sorted(stood, reverse=True)

    await order.select_option("oldest first, by partition")
    found = [[int(part) for part in place.split(":")] for place in await places(board)]
    assert found == sorted(found)
    assert len({partition for partition, _ in found}) > 1
    await expect(board).to_have_url(re.compile("order=place-oldest"))


async def test_a_streams_tile_takes_the_order_of_its_board_until_somebody_chooses(visitors: Visitors, web: Web) -> None:
    installation, process = web
    streams = [{**tile("log", "stream", {"columns": ["value.second"], "order": "oldest"}, TOPIC), "w": 12, "h": 6}]
    path = make_board(installation, process, streams, window={"from": STAMP, "to": STAMP + 10**9}, clock="utc")
    page = await kept(await visitors.new(process), path)
    rows, scroll = page.locator("tbody tr"), page.locator(".tile-scroll")
    await settled(page, made[TOPIC])  # the window is filled in pieces
    offered = await tile_seconds(page)
    await at_bottom(scroll)
    select = page.get_by_label("Order of log")
    await expect(select).to_have_value("oldest")
    await select.select_option("newest first, by time")
    await expect(rows.first).to_contain_text(str(max(offered)))
    stood = await tile_seconds(page)
    assert stood == sorted(offered, reverse=True)
    await expect(page).to_have_url(re.compile("order=time-newest"))


async def tile_seconds(page: Page) -> list[int]:
    cells = page.locator("tbody [data-field='value.second']")
    return [int(text) for text in await cells.all_text_contents()]


async def kept(person: Visitor, path: str) -> Page:
    page = await person.open(path)
    await live(page)
    return page


async def test_the_one_switch_of_times_reaches_tiles_and_their_records_and_is_remembered(
    visitors: Visitors, web: Web
) -> None:
    installation, process = web
    tiles = [
        tile("log", "stream", {"columns": [], "order": "newest"}, TOPIC),
        tile("line", "chart", {"y": "count", "aggregate": "count", "split": None, "form": "line"}, TOPIC),
    ]
    tiles[0] |= {"w": 12, "h": 6}
    tiles[1] |= {"y": 6}
    path = make_board(installation, process, tiles, window={"from": STAMP, "to": STAMP + 200_000}, clock="utc")
    person = await visitors.new(process, timezone_id="America/New_York")
    page = await kept(person, path)
    await settled(page, made[TOPIC])
    time, switch = page.locator("tbody tr .time").first, page.locator("[data-part=times]")
    await expect(switch).to_have_text("times UTC")
    await expect(time).to_have_text(re.compile(r"^22:1\d:\d\d\.000$"))
    await page.keyboard.press("u")
    await expect(switch).to_have_text("times ago")
    await expect(time).to_have_text(re.compile(r"^−\d+:\d\d:\d\d\.\d{3}$"))
    await page.keyboard.press("u")
    await expect(time).to_have_text(re.compile(r"^17:1\d:\d\d\.000$"))
    await page.locator("tbody tr").first.click()
    said = page.locator("dialog[open] .facts")
    await expect(said).to_contain_text(re.compile(r"2023-11-14 17:1\d:\d\d\.000 UTC−05:00"))
    await page.keyboard.press("u")
    await expect(said).to_contain_text(re.compile(r"2023-11-14 22:1\d:\d\d\.000 UTC(?!−)"))
    await page.keyboard.press("u")

    board = await person.board(TOPIC)  # one choice for all pages
    await expect(board.locator("[data-part=clock]")).to_have_text("times ago")


async def test_every_page_of_the_navigation_is_reached_on_a_phone(visitors: Visitors, web: Web) -> None:
    person = await visitors.new(web[1], viewport={"width": 360, "height": 740}, has_touch=True)
    page = await person.open("/items/")
    await page.get_by_role("navigation", name="Main").get_by_role("link", name="Topics").tap()
    await expect(page.get_by_role("heading", name="Topics", exact=True)).to_be_visible()
    await page.locator("[data-menu] summary").tap()
    for name in ("Import", "Admin"):
        await expect(page.locator("[data-menu]").get_by_role("link", name=name)).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
