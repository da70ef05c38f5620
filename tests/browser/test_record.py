"""One record: its ways to be shown, its neighbours, what changed, its page; going to a time or an offset; rows under a
pointer that is down."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, session_of

TOPIC = "orders"
START = 1_700_000_000_000  # ms


@pytest.fixture
def orders(install: Install) -> tuple[Installation, Process]:
    """Partition 0: an order in three steps, with others between, and a large record last; a second apart in time.
    Partition 1: one without a key."""
    installation = install()
    installation.watch(TOPIC, "Orders")
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
    whole = '{"rows": [' + ", ".join('{"id": %d}' % number for number in range(80_000)) + '], "last": "THE END"}'
    kafka.produce(TOPIC, whole, key=b"large", partition=0, timestamp=START + 6000)
    kafka.produce(TOPIC, b'{"n": -0, "e": 1e400}', partition=1, timestamp=START + 500)
    assert kafka.flush(30) == 0
    return installation, web


async def copied(page: Page, what: str) -> str:
    await page.get_by_role("button", name=f"Copy {what}").click()
    await expect(page.get_by_role("button", name="Copied")).to_be_visible()
    found: str = await page.evaluate("navigator.clipboard.readText()")
    await expect(page.get_by_role("button", name="Copied")).to_have_count(0)
    return found


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
    for key, shown in [
        ("2", '{"status": "sent", "total": 9007199254740993'),
        ("3", "0000  7b 22 73 74"),
        ("4", "base64 /w=="),
        ("5", "value.status− before: \"paid\"+ now: \"sent\"value.lines[0].count− before: 1+ now: 2"),
    ]:
        await board.keyboard.press(key)
        await expect(region.first).to_contain_text(shown)
    await board.keyboard.press("1")

    value = '{"status": "sent", "total": 9007199254740993, "lines": [{"sku": "a", "count": 2}]}'
    assert await copied(board, "value") == value
    assert await copied(board, "key") == "order-7"
    assert f'"value":{value}' in await copied(board, "record")
    assert await copied(board, "link") == f"{web.url}/records/{TOPIC}/0/4"
    assert await copied(board, "curl") == (
        f"curl -H \"Authorization: Bearer $TOKEN\" '{web.url}/api/topics/{TOPIC}/records/0/4'"
    )

    for key, place in [(",", "0:3"), (".", "0:4"), ("<", "0:2"), ("<", "0:0"), (">", "0:2"), (".", "0:3"), (">", "0:3")]:
        await board.keyboard.press(key)
        await expect(title).to_have_text(place)
    await expect(detail).to_contain_text("Kafka has no newer record of this key in its partition")

    await board.locator('.row[data-offset="6"]').click()
    await expect(detail.locator(".long-text")).to_be_visible()
    nodes: int = await board.evaluate("document.querySelector('.detail').querySelectorAll('*').length")
    assert nodes < 500, "a large value is in the page as a whole"
    await board.keyboard.press("f")
    await board.keyboard.type("the end")
    await expect(detail.locator(".detail-found")).to_have_text("1 of 1")
    await expect(detail.locator(".long-text")).to_contain_text('"last": "THE END"')


async def test_the_address_of_a_record_opens_for_who_may_watch_its_topic_and_leads_to_its_neighbours(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    installation, web = orders
    page = await (await visitors.new(web)).open(f"/records/{TOPIC}/1/0")
    await expect(page.get_by_role("region", name="Value")).to_have_text('{\n  "n": -0,\n  "e": 1e400\n}')
    await page.goto(f"{web.url}/records/{TOPIC}/0/2")
    await page.keyboard.press(">")
    await expect(page.locator("h2")).to_have_text("0:4")
    await expect(page).to_have_url(f"{web.url}/records/{TOPIC}/0/4")
    await page.go_back()
    await expect(page.locator("h2")).to_have_text("0:2")

    async with httpx.AsyncClient(base_url=web.url, timeout=30) as anybody:
        assert (await anybody.get(f"/records/{TOPIC}/0/2")).headers["location"].startswith("/accounts/login/")
        anybody.cookies.set(SESSION_COOKIE, session_of(USERS[0]))
        for path, said in [
            ("no-such-topic/0/0", "There is no topic no-such-topic that you may watch"),
            (f"{TOPIC}/0/99", "has no record at offset 99"),
            (f"{TOPIC}/99/0", "has no such record"),
        ]:
            answer = await anybody.get(f"/records/{path}")
            assert answer.status_code == 404 and said in answer.text
        installation.query("INSERT INTO auth_group (name) VALUES ('nobody')")
        installation.query(
            "INSERT INTO streams_topic_readers (topic_id, group_id) SELECT t.id, g.id FROM streams_topic t, auth_group g"
            f" WHERE t.name = '{TOPIC}' AND g.name = 'nobody'"
        )
        installation.query("UPDATE auth_user SET is_superuser = false")
        answer = await anybody.get(f"/records/{TOPIC}/0/2")
        assert answer.status_code == 404 and "that you may watch" in answer.text


async def test_a_row_that_is_pressed_stays_under_the_pointer_however_fast_records_come(
    visitors: Visitors, orders: tuple[Installation, Process]
) -> None:
    _, web = orders
    board = await (await visitors.new(web, viewport={"width": 1024, "height": 768})).board(TOPIC)
    row = board.locator('.row[data-partition="0"][data-offset="3"]')
    box = await row.bounding_box()
    assert box
    await board.mouse.move(box["x"] + 20, box["y"] + 15)
    await board.mouse.down()
    kafka = producer(web)
    for number in range(50):
        kafka.produce(TOPIC, b"{}", partition=number % 4)
    assert kafka.flush(30) == 0
    await expect(board.locator("#board")).to_have_attribute("data-received", "58")
    await board.mouse.up()
    await expect(board.locator(".detail h2")).to_have_text("0:3")
    await expect(row).to_have_attribute("aria-selected", "true")
    await expect(board.locator("[data-part=newer-count]")).to_have_text(re.compile("^50 new"))
