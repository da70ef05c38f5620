"""One record: its ways to be shown, its neighbours, what changed, its page; going to a time or an offset; rows under a
pointer that is down."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.browser.conftest import Visitors
from tests.browser.test_records import copied, producer
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, make_installation, session_of
from tests.support.waiting import until

pytestmark = pytest.mark.processes

TOPIC = "orders"
FAST = "fast"
START = 1_700_000_000_000  # ms


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running product for the tests of this file. Partition 0: an order in three steps, with others between, and a
    large record last; a second apart in time. Partition 1: one without a key. Another topic has nothing yet."""
    installation = make_installation(tmp_path_factory.mktemp("record"), None, {})
    installation.watch(TOPIC, "Orders")
    installation.watch(FAST, "Fast")
    web = installation.web()
    kafka = producer(web)
    for number, status in enumerate(("new", "paid", "sent")):
        order = {"status": status, "total": 9007199254740993, "lines": [{"sku": "a", "count": number}]}
        for key, value in ((b"order-7", order), (b"other-%d" % number, {"other": number})):
            place = 2 * number + (key != b"order-7")
            kafka.produce(
                TOPIC, json.dumps(value), key=key, partition=0, timestamp=START + 1000 * place,
                headers=[("kind", b"order"), ("raw", b"\xff")],
            )  # fmt: skip
    whole = json.dumps({"rows": [{"id": number} for number in range(80_000)], "last": "THE END"})
    kafka.produce(TOPIC, whole, key=b"large", partition=0, timestamp=START + 6000)
    kafka.produce(TOPIC, b'{"n": -0, "e": 1e400}', partition=1, timestamp=START + 500)
    assert kafka.flush(30) == 0
    made.clear()
    produce_fast(web, 0)
    yield installation, web
    installation.close()


made: Counter[str] = Counter()  # records of FAST, whichever tests ran before


def produce_fast(web: Process, *partitions: int) -> None:
    """A record in each of them."""
    kafka = producer(web)
    for partition in partitions:
        kafka.produce(FAST, b"{}", partition=partition)
    assert kafka.flush(30) == 0
    made[FAST] += len(partitions)


async def test_a_record_is_shown_in_each_way_by_one_key_found_in_copied_and_compared(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    person = await visitors.new(web)
    await person.context.grant_permissions(["clipboard-read", "clipboard-write"])
    board = await person.board(TOPIC)
    detail, title = board.locator(".detail"), board.locator(".detail h2")
    await board.locator('.row[data-partition="0"][data-offset="4"]').click()
    region = detail.get_by_role("region")
    await expect(region).to_contain_text('"total": 9007199254740993')
    looked: list[str] = []  # for the record before it of its key

    def asked(request: Request) -> None:
        if request.url.endswith("/search") or "/records?" in request.url:
            looked.append(request.url)

    board.on("request", asked)
    for key, shown in [
        ("2", '{"status": "sent", "total": 9007199254740993'),
        ("3", "0000  7b 22 73 74"),
        ("4", "base64 /w=="),
        ("5", 'value.status− before: "paid"+ now: "sent"value.lines[0].count− before: 1+ now: 2'),
    ]:
        await board.keyboard.press(key)
        await expect(region.first).to_contain_text(shown)
    assert len(looked) == 1
    for _ in range(3):  # local, in UTC, how long ago
        await board.keyboard.press("u")
        await expect(region.first).to_contain_text('value.status− before: "paid"+ now: "sent"')
    menu = board.locator("details[data-menu]")
    await menu.locator("summary").click()
    await board.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await expect(title).to_be_visible()
    await board.keyboard.press("1")

    value = '{"status": "sent", "total": 9007199254740993, "lines": [{"sku": "a", "count": 2}]}'
    assert await copied(board, "value") == value
    assert await copied(board, "key") == "order-7"
    assert f'"value":{value}' in await copied(board, "record")
    assert await copied(board, "link") == f"{web.url}/records/{TOPIC}/0/4"
    assert await copied(board, "curl") == (
        f"curl -H \"Authorization: Bearer $TOKEN\" '{web.url}/api/topics/{TOPIC}/records/0/4'"
    )
    assert len(looked) == 1, "what has changed is looked for again although it is the same record"

    await board.locator('.row[data-partition="0"][data-offset="4"]').click()
    for key, place in [
        (",", "0:3"),
        (".", "0:4"),
        ("<", "0:2"),
        ("<", "0:0"),
        (">", "0:2"),
        (".", "0:3"),
        (">", "0:3"),
    ]:
        await board.keyboard.press(key)
        await expect(title).to_have_text(place)
        row = board.locator(f'.row[data-partition="0"][data-offset="{place[2:]}"]')
        await expect(row).to_have_attribute("aria-selected", "true")
        await expect(row).to_be_focused()
    await expect(detail).to_contain_text("Kafka has no newer record of this key in its partition (3 looked at).")


async def test_a_key_that_is_pressed_before_a_record_can_be_shown_waits_for_it(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web)).board(TOPIC)
    released = asyncio.Event()

    async def late(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await board.route("**/record_view*.js", late)
    await board.locator('.row[data-partition="0"][data-offset="4"]').click()
    await board.keyboard.press("4")
    released.set()
    await expect(board.locator(".detail").get_by_role("region")).to_contain_text("base64 /w==")


async def test_what_is_gone_to_is_not_hidden_by_the_record_that_is_shown(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web, viewport={"width": 768, "height": 720})).board(TOPIC)
    detail, found = board.locator(".detail"), board.locator("[data-part=history-rows] .row")
    await board.locator('.row[data-partition="0"][data-offset="4"]').click()
    await expect(detail).to_be_visible()
    await board.keyboard.press("o")
    await expect(detail).to_be_hidden()
    await board.keyboard.type("0:3")
    await board.keyboard.press("Enter")
    await expect(found.first).to_have_attribute("data-offset", "3")
    await expect(board.locator(".detail h2")).to_have_text("0:3")


async def test_a_large_record_is_loaded_whatever_is_pressed_meanwhile_and_found_in_however_it_is_folded(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web)).board(TOPIC)
    detail = board.locator(".detail")
    region, found = detail.get_by_role("region"), detail.locator(".detail-found")

    released = asyncio.Event()

    async def late(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await board.route("**/records/0/6", late)
    await board.locator('.row[data-offset="6"]').click()
    await expect(region).to_contain_text("rows")  # its beginning
    await board.keyboard.press("3")
    await expect(detail.locator(".detail-body")).to_have_text("Loading …")
    await board.keyboard.press(".")
    await expect(detail).to_contain_text("This is the newest record of its partition")
    released.set()
    await expect(region.first).to_contain_text("0000  7b 22 72 6f")
    await board.keyboard.press("1")
    await expect(detail.locator(".long-text")).to_be_visible()
    nodes: int = await board.evaluate("document.querySelector('.detail').querySelectorAll('*').length")
    assert nodes < 500, "a large value is in the page as a whole"
    await board.keyboard.press("f")
    await board.keyboard.type("THE END")
    await expect(found).to_have_text("1 of 1")
    await expect(detail.locator(".long-text")).to_contain_text('"last": "THE END"')

    await board.locator('.row[data-offset="5"]').click()
    await expect(found).to_have_text("none")
    await board.locator('.row[data-offset="6"]').click()
    await expect(found).to_have_text("1 of 1")  # it stays what is looked for
    await detail.get_by_role("button", name="Hex").click()
    await expect(found).to_have_text("1 of 1")
    field = detail.get_by_label("Find in this record")

    async def bytes_marked() -> bool:
        await field.press("Enter")  # brings the only match into sight
        script = "[...(CSS.highlights.get('record-found-now') ?? [])].map(String).join()"
        shown: str = await board.evaluate(script)
        return shown != "" and "54 48 45 20 45 4e 44".startswith(shown)

    for width in (1280, 700):  # as many bytes a line as there is room for
        await board.set_viewport_size({"width": width, "height": 720})
        await until(bytes_marked, f"the bytes that were found are marked, {width} px wide")


async def test_the_address_of_a_record_opens_for_who_may_watch_its_topic_and_leads_to_its_neighbours(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    installation, web = orders
    page = await (await visitors.new(web)).open(f"/records/{TOPIC}/1/0")
    await expect(page.get_by_role("region", name="Value")).to_have_text('{\n  "n": -0,\n  "e": 1e400\n}')
    await page.goto(f"{web.url}/records/{TOPIC}/0/2")
    await expect(page.locator(".detail h2")).to_have_text("0:2")
    await page.keyboard.press(">")
    await expect(page.locator(".detail h2")).to_have_text("0:4")
    await expect(page).to_have_url(f"{web.url}/records/{TOPIC}/0/4")
    to_board = page.get_by_role("link", name="Show it on the board")
    await expect(to_board).to_have_attribute("href", f"{web.url}/?topic={TOPIC}&at=p0%3A4")
    await page.go_back()
    await expect(page.locator(".detail h2")).to_have_text("0:2")

    async with httpx.AsyncClient(base_url=web.url, timeout=30) as anybody:
        assert (await anybody.get(f"/records/{TOPIC}/0/2")).headers["location"].startswith("/accounts/login/")
        anybody.cookies.set(SESSION_COOKIE, session_of(USERS[1]))
        assert f"/?topic={TOPIC}&amp;at=p0:2" in (await anybody.get(f"/records/{TOPIC}/0/2")).text
        for path, said in [
            ("no-such-topic/0/0", "There is no topic no-such-topic that you may watch"),
            (f"{TOPIC}/0/99", "has no record at offset 99"),
            (f"{TOPIC}/99/0", "has no such record"),
        ]:
            answer = await anybody.get(f"/records/{path}")
            assert answer.status_code == 404
            assert said in answer.text
        installation.query("INSERT INTO auth_group (name) VALUES ('nobody')")
        installation.query(
            "INSERT INTO streams_topic_readers (topic_id, group_id) SELECT t.id, g.id "
            f"FROM streams_topic t, auth_group g WHERE t.name = '{TOPIC}' AND g.name = 'nobody'"
        )
        installation.query(f"UPDATE auth_user SET is_superuser = false WHERE username = '{USERS[1]}'")

        async def refused() -> str:
            answer = await anybody.get(f"/records/{TOPIC}/0/2")
            return answer.text if answer.status_code == 404 else ""

        # Who somebody is, is remembered for a second.
        assert "that you may watch" in await until(refused, "the record's page refused to who may not watch its topic")


async def test_a_row_that_is_pressed_stays_under_the_pointer_however_fast_records_come(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web, viewport={"width": 1024, "height": 768})).board(FAST)
    await all_received(board)
    row = board.locator('.row[data-partition="0"][data-offset="0"]')
    await row.hover(position={"x": 20, "y": 15})
    await board.mouse.down()
    produce_fast(web, *(number % 4 for number in range(50)))
    await all_received(board)
    await board.mouse.up()
    await expect(board.locator(".detail h2")).to_have_text("0:0")
    await expect(row).to_have_attribute("aria-selected", "true")
    await expect(board.locator("[data-part=newer-count]")).to_have_text("50 new")


async def all_received(board: Page) -> None:
    await expect(board.locator("#board")).to_have_attribute("data-received", str(made[FAST]))


async def test_going_to_a_time_or_an_offset_shows_what_follows_in_the_order_that_is_chosen(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web)).board(TOPIC)
    found, place = board.locator("[data-part=history-rows] .row"), board.get_by_label("A time or an offset")

    async def places() -> list[str]:
        script = "rows => rows.map(row => `${row.dataset.partition}:${row.dataset.offset}`)"
        seen: list[str] = await found.evaluate_all(script)
        return seen

    await board.keyboard.press("o")
    await expect(place).to_be_focused()
    await board.keyboard.type("2023-11-14 22:13:20.250")
    await expect(board.locator("[data-part=history-at-means]")).to_have_text("2023-11-14 22:13:20.250 UTC+00:00")
    await board.keyboard.press("Enter")
    await expect(board.locator("[data-part=history-said]")).to_contain_text("All 7 offsets there were looked at")
    await expect(found).to_have_count(7)  # drawn with the next frame
    assert await places() == ["1:0", "0:1", "0:2", "0:3", "0:4", "0:5", "0:6"], "across partitions by time"
    await board.get_by_label("Order", exact=True).select_option("place")
    await expect(found.first).to_have_attribute("data-offset", "1")
    assert await places() == ["0:1", "0:2", "0:3", "0:4", "0:5", "0:6", "1:0"]

    await place.fill("0:4")
    await board.keyboard.press("Enter")
    await expect(found).to_have_count(3)
    await expect(board.locator(".detail h2")).to_have_text("0:4")

    said = board.locator("[data-part=history-said]")
    for nowhere, why in [
        ("0:99", "Partition 0 does not reach offset 99 yet."),
        ("2099-01-01", "No record is of that time or later."),
    ]:
        await place.fill(nowhere)
        await place.press("Enter")
        await expect(said).to_have_text(why)

    await board.goto(f"{web.url}/?topic={TOPIC}&at=p1:0")  # as the page of a record leads here
    await expect(board.locator(".detail h2")).to_have_text("1:0")


async def test_where_to_go_to_can_be_typed_before_the_search_is_there(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    person = await visitors.new(web)
    released = asyncio.Event()

    async def late(route: Route) -> None:
        await released.wait()
        await route.continue_()

    await person.context.route("**/board/history*.js", late)
    board = await person.board(TOPIC)
    await board.keyboard.press("o")
    await board.keyboard.type("0:4")
    await board.keyboard.press("Enter")
    released.set()
    await expect(board.locator(".detail h2")).to_have_text("0:4")
    await expect(board.get_by_label("A time or an offset")).to_have_value("0:4")
    await expect(board.locator("[data-part=history-rows] .row")).to_have_count(3)


async def test_times_are_written_in_one_way_that_is_remembered(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    person = await visitors.new(web, timezone_id="Asia/Tokyo")
    board = await person.board(TOPIC)
    time = board.locator('.row[data-partition="1"] .time')
    await expect(time).to_have_text("07:13:20.500")
    await board.keyboard.press("u")
    await expect(time).to_have_text("22:13:20.500")
    await board.locator('.row[data-partition="1"]').click()
    await expect(board.locator(".detail .facts")).to_contain_text("2023-11-14 22:13:20.500 UTC")
    await board.keyboard.press("u")
    await moves_on(board)
    await board.keyboard.press("u")
    await board.keyboard.press("u")
    await expect(time).to_have_text("22:13:20.500")
    page = await person.open(f"/records/{TOPIC}/1/0")
    await expect(page.locator(".facts").first).to_contain_text("2023-11-14 22:13:20.500 UTC")
    await page.keyboard.press("u")
    await expect(page.locator(".facts").first).to_contain_text(
        re.compile(r"−\d+:\d\d:\d\d\.\d{3} \(2023-11-15 07:13:20")
    )
    await moves_on(page)


async def moves_on(page: Page) -> None:
    """How long ago the record is that a page shows is written again and again."""
    said = page.locator(".facts").first
    await expect(said).to_contain_text("−")
    before = await said.inner_text()
    await expect(said).not_to_have_text(before, use_inner_text=True)
    await expect(said).to_contain_text(" (2023-11-15 07:13:20.500")


async def test_a_span_that_is_dragged_over_the_bars_loads_its_records(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web)).board(FAST)
    produce_fast(web, 2, 2, 2)
    await all_received(board)
    canvas = board.locator(".chart canvas")
    await expect(canvas).to_have_attribute("aria-label", re.compile(": now "))  # it is loaded behind the first view
    box = await canvas.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    await board.mouse.move(box["x"] + box["width"] * 0.6, middle)
    await board.mouse.down()
    await board.mouse.move(box["x"] + box["width"] - 1, middle, steps=4)
    await expect(board.locator("[data-part=chart-caption]")).to_contain_text("let go to load its records")
    await board.mouse.up()
    await expect(board.locator("[data-part=history-where]")).to_have_value("time")
    await expect(board.locator("[data-part=history-said]")).to_contain_text(re.compile("looked at|no offsets there"))
    # Exactly what has its time in the span: the bars end with the last whole second.
    span = [await board.locator(f"[data-part=history-{end}-time]").input_value() for end in ("from", "to")]
    first, last = (datetime.fromisoformat(each).replace(tzinfo=UTC).timestamp() * 1000 for each in span)
    assert last - first == pytest.approx(120_000, abs=3_000)
    async with httpx.AsyncClient(base_url=web.url, cookies={SESSION_COOKIE: session_of(USERS[0])}, timeout=30) as api:
        newest = (await api.get(f"/api/topics/{FAST}/newest?limit=500")).json()
    every = [record["timestamp"] for each in newest["ranges"] for record in each["records"]]
    rows = board.locator("[data-part=history-rows] .row")
    await expect(rows).to_have_count(sum(first <= time < last for time in every))
    times = await rows.locator(".time").evaluate_all("all => all.map(e => +e.dataset.ms)")
    assert all(first <= time < last for time in times)
