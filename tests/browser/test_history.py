"""Searching in what Kafka keeps, from the board: progress, an end by hand, going on, what is said of what was looked
at; and taking records out as a file."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Download, Locator, Page, Route, expect

from tests.browser.conftest import Visitors, live
from tests.browser.test_pages import PHONE, TWO_FRAMES, Eye
from tests.browser.test_records import producer
from tests.support.processes import (
    SESSION_COOKIE,
    USERS,
    Installation,
    Process,
    command_line,
    make_installation,
    session_of,
)
from tests.support.services import children
from tests.support.waiting import until

pytestmark = pytest.mark.processes

TOPIC = "readings"
RECORDS = 1_000  # in two partitions, a second apart
REFUSED = r"/search: Failed to load resource: .*\b422\b"  # whoever asks what a wrong filter means
TAKEN_AWAY = "UPDATE auth_user SET is_active = false WHERE username = 'bob'"
GIVEN_BACK = "UPDATE auth_user SET is_active = true WHERE username = 'bob'"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running embedded product for the tests of this file, with a topic of RECORDS records."""
    installation = make_installation(tmp_path_factory.mktemp("history"), None, {})
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    for number in range(RECORDS):
        value = json.dumps({"n": number, "name": f"sensor-{number % 7}", "even": number % 2 == 0})
        time = 1_770_000_000_000 + number * 1000
        kafka.produce(TOPIC, value.encode(), key=b"%d" % (number % 10), partition=number // 2 % 2, timestamp=time)
    assert kafka.flush(30) == 0
    yield installation, web
    installation.close()


@pytest.fixture
def web(product: tuple[Installation, Process]) -> Process:
    return product[1]


def panel(page: Page) -> Locator:
    return page.get_by_role("region", name="In history")


def found(page: Page) -> Locator:
    return page.locator("[data-part=history-rows] > .row:not(.beside)")


def said(page: Page) -> Locator:
    return page.locator("[data-part=history-said]")


def worker_of(web: Process) -> list[int]:
    return [pid for pid in children(web.pid) if b"streams.search.worker" in command_line(pid)]


async def test_a_search_says_what_it_looked_at_and_goes_on_where_it_ended(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await page.keyboard.press("/")
    await page.keyboard.type("value.even && value.n < 600")
    await page.keyboard.press("Control+Enter")
    await expect(found(page)).to_have_count(200)  # as many as one go lists
    await expect(found(page).first.locator(".value")).to_contain_text("n: 598")
    await expect(said(page)).to_contain_text("It stopped since it had found as many as it shows at once.")
    await expect(said(page)).to_contain_text("Not looked at: partition 0, 0–")
    await expect(page.locator("[data-part=history-counts]")).to_contain_text("200 found")
    await expect(page.locator("[data-part=history-chart] figcaption")).to_contain_text("found over time: 2026-02-02")
    await page.get_by_role("button", name="Go on").click()
    await expect(found(page)).to_have_count(300)
    await expect(said(page)).to_have_text(
        "All 1\u202f000 offsets there were looked at: 300 found, and no other one matches."
    )
    await expect(page.get_by_role("button", name="Go on")).to_be_hidden()
    order = await found(page).locator(".time").all_text_contents()  # rows out of sight are not laid out
    assert order == sorted(order, reverse=True)
    await expect(page.locator("#board")).to_have_attribute("data-received", "200")  # below all is as it was

    await page.get_by_label("Where").select_option("offsets")
    await page.get_by_label("partition").fill("1")
    await page.locator("[data-part=history-from]").fill("10")
    await page.locator("[data-part=history-to]").fill("20")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(said(page)).to_have_text("All 10 offsets there were looked at: 5 found, and no other one matches.")
    await expect(found(page)).to_have_count(5)  # drawn with the next frame
    assert await found(page).evaluate_all("rows => rows.every(row => row.dataset.partition === '1')")


async def test_what_was_found_is_opened_and_shown_with_what_lies_around_it(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await page.get_by_label("Filter the records").fill("value.n == 501")
    await page.get_by_role("button", name="history", exact=True).click()
    await expect(found(page)).to_have_count(1)
    await expect(found(page).locator("mark")).to_have_text("501")
    await found(page).click(position={"x": 8, "y": 8})
    await expect(page.locator(".detail")).to_contain_text('"n": 501')
    await page.keyboard.press("Escape")
    await expect(found(page)).to_be_focused()
    await page.keyboard.press("ArrowRight")
    around = page.locator("[data-part=history-rows] > .row.beside")
    await expect(around).to_have_count(10)
    shown = await page.locator("[data-part=history-rows] > .row").evaluate_all(
        "rows => rows.map(r => +r.dataset.offset)"
    )
    assert shown == list(range(shown[0], shown[0] - 11, -1))  # its partition's, newest first, itself in the middle
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.locator(".detail")).to_contain_text('"n": 504')
    await page.keyboard.press("ArrowDown")  # the record that is shown is the one that is gone to
    await expect(page.locator(".detail")).to_contain_text('"n": 501')
    await found(page).get_by_role("button", name="around").click()
    await expect(around).to_have_count(0)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Close the search in history").click()
    await expect(panel(page)).to_be_hidden()
    await expect(page.get_by_label("Filter the records")).to_be_focused()


async def test_a_found_row_that_is_pressed_stays_under_the_pointer_while_more_is_found(
    visitors: Visitors, web: Process
) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await page.keyboard.press("o")
    await page.get_by_label("Where").select_option("all")
    await page.get_by_label("Order", exact=True).select_option("place")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(panel(page)).to_have_attribute("data-state", "limit")
    await page.evaluate(TWO_FRAMES)  # rows are drawn with the next
    row = found(page).and_(page.locator("[data-partition='1'][data-offset='0']"))
    await row.hover(position={"x": 20, "y": 15})
    shown = await found(page).count()
    await page.mouse.down()
    await page.get_by_role("button", name="Go on").dispatch_event("click")  # more of partition 0 is to stand above it
    await expect(panel(page)).to_have_attribute("data-state", "limit")
    await page.mouse.up()
    await expect(page.locator(".detail h2")).to_have_text("1:0")
    await expect(found(page)).not_to_have_count(shown)


async def test_what_is_chosen_before_the_search_is_loaded_stays(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    is_chosen = asyncio.Event()

    async def later(route: Route) -> None:
        await is_chosen.wait()
        await route.continue_()

    await page.route("**/board/history.js", later)
    await page.keyboard.press("o")
    await page.get_by_label("Where").select_option("all")
    await page.get_by_label("Order", exact=True).select_option("place")
    await page.get_by_role("button", name="Search", exact=True).click()
    is_chosen.set()
    await expect(panel(page)).to_have_attribute("data-state", "limit")
    await expect(page.get_by_label("Where")).to_have_value("all")


async def test_a_search_can_be_ended_survives_its_process_and_ends_with_the_right(
    visitors: Visitors, product: tuple[Installation, Process]
) -> None:
    installation, web = product
    person = await visitors.new(web, signed_in=False)
    await person.context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[1]), "url": web.url}])
    page = await person.board(TOPIC)
    await page.get_by_label("Filter the records").fill("value.n = 3")
    await page.get_by_role("button", name="history", exact=True).click()
    await expect(said(page)).to_have_text("= means nothing here: == compares. (at character 9)")
    visitors.forgive(REFUSED)

    await page.get_by_label("Filter the records").fill("value.n < 3")
    search = page.get_by_role("button", name="Search", exact=True)
    await search.click()
    await expect(found(page)).to_have_count(3)
    (worker,) = worker_of(web)
    os.kill(worker, signal.SIGSTOP)  # a search takes as long as anybody waits
    try:
        await search.click()
        await expect(page.get_by_role("progressbar", name="How much was looked at")).to_be_visible()
        await expect(said(page)).to_have_text("Looking, newest first …")  # before it begins nothing is not looked at
        await page.get_by_role("button", name="Cancel").click()
        await expect(said(page)).to_contain_text("You ended it.")
        await expect(said(page)).to_contain_text("Not looked at: partition 0")
        await until(lambda: 'searches_running{kind="search"} 0.0' in web.get("/metrics").text, "it ended there, too")

        await search.click()
        await expect(said(page)).to_have_text("Looking, newest first …")
        os.kill(worker, signal.SIGKILL)
        await expect(said(page)).to_contain_text("All 1\u202f000 offsets there were looked at: 3 found")

        (worker,) = worker_of(web)
        os.kill(worker, signal.SIGSTOP)
        await search.click()
        await expect(said(page)).to_have_text("Looking, newest first …")
        installation.query(TAKEN_AWAY)
        await expect(panel(page)).to_have_attribute("data-state", "forbidden")
        await expect(said(page)).to_contain_text("Not looked at: partition 0")
    finally:
        installation.query(GIVEN_BACK)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGCONT)


async def test_what_lies_further_back_than_a_filtered_stream_is_in_history(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).open(f"/?topic={TOPIC}&filter=value.even")
    rows = page.locator("[data-part=rows] > .row[data-kind=record]")
    await expect(rows).to_have_count(200)
    await expect(page.locator(".found")).to_contain_text("the newest 200 that match; older ones are in history")
    await page.get_by_role("button", name="Search older ones in history").click()
    await expect(found(page)).to_have_count(200)
    assert await rows.count() == 200


async def content(download: Download) -> str:
    path = await download.path()
    return Path(path).read_text()


async def test_what_is_shown_and_what_was_found_is_exported(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await page.get_by_label("Filter the records").fill("sensor-3")
    rows = page.locator("[data-part=rows] > .row[data-kind=record]")
    await expect(page.locator(".found")).to_contain_text("of the newest 200 records fit")
    shown = [int(re.findall(r"n: (\d+)", text)[0]) for text in await rows.locator(".value").all_text_contents()]
    assert len(shown) > 20
    assert {number % 7 for number in shown} == {3}
    await page.get_by_role("button", name="export").click()
    dialog = page.get_by_role("dialog", name="Export")
    async with page.expect_download() as waiting:
        await dialog.get_by_role("button", name="Export").click()
    lines: list[dict[str, Any]] = [json.loads(line) for line in (await content(await waiting.value)).splitlines()]
    assert [line["value"]["n"] for line in lines[:-1]] == shown
    end = {"type": "end", "reason": "complete", "failed": 0, "unchecked": 0, "undecodable": 0}
    assert lines[-1] == {**end, "records": len(shown)}
    await dialog.get_by_role("button", name="Close").click()

    await page.get_by_label("Filter the records").fill("value.n < 3")
    await page.get_by_role("button", name="history", exact=True).click()
    await expect(found(page)).to_have_count(3)
    await page.get_by_role("button", name="export").click()
    await dialog.get_by_label("the 3 records found in history").check()
    await dialog.get_by_label("CSV").check()
    await dialog.get_by_label("value.n", exact=True).check()
    await dialog.get_by_label("partition").check()
    async with page.expect_download() as waiting:
        await dialog.get_by_role("button", name="Export").click()
    download = await waiting.value
    assert re.fullmatch(rf"{TOPIC}-\d{{4}}-\d\d-\d\dT\d{{6}}\.csv", download.suggested_filename)
    *table, last = (await content(download)).splitlines()
    assert list(csv.reader(table)) == [["partition", "value.n"], ["1", "2"], ["0", "1"], ["0", "0"]]
    assert json.loads(last.removeprefix("# ")) == {**end, "records": 3}


async def test_nothing_of_what_was_found_stays_when_another_topic_is_chosen(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await page.get_by_label("Filter the records").fill("value.n < 3")
    await page.get_by_role("button", name="history", exact=True).click()
    await expect(found(page)).to_have_count(3)
    await page.get_by_role("button", name="Close the search in history").click()
    await page.get_by_label("Topic").fill("items.v1")
    await page.get_by_label("Topic").press("Enter")
    await expect(page.locator("#board")).to_have_attribute("data-topic", "items.v1")
    await live(page)
    await page.get_by_role("button", name="go to").click()
    await expect(panel(page)).to_be_visible()
    await expect(found(page)).to_have_count(0)
    await expect(said(page)).to_be_empty()
    await expect(page.locator("[data-part=history-filter]")).to_be_empty()
    await page.get_by_role("button", name="export").click()
    await expect(page.get_by_role("dialog", name="Export")).to_be_visible()
    await expect(page.get_by_label("records found in history")).to_be_hidden()


async def test_the_panel_and_the_dialog_are_accessible_and_fit_the_screen(visitors: Visitors, web: Process) -> None:
    eye = Eye()
    page = await (await visitors.new(web, **PHONE)).board(TOPIC)
    await page.get_by_label("Filter the records").fill("value.n == 501 || value.n == 7")
    await page.get_by_role("button", name="history", exact=True).click()
    await expect(found(page)).to_have_count(2)
    await found(page).first.get_by_role("button", name="around").click()
    await expect(page.locator(".row.beside")).to_have_count(10)
    await page.get_by_label("Where").select_option("time")
    await eye.look(page)
    await page.get_by_role("button", name="export").click()
    await expect(page.get_by_role("dialog", name="Export")).to_be_visible()
    await eye.look(page)
    await expect(page.get_by_role("dialog", name="Export")).to_be_visible()  # it stayed open
    assert eye.wrong == []


async def test_the_whole_topic_is_exported_by_who_may_and_offered_to_nobody_else(
    visitors: Visitors, product: tuple[Installation, Process]
) -> None:
    installation, web = product
    page = await (await visitors.new(web)).open(f"/?topic={TOPIC}&filter=value.even")
    await expect(page.locator("[data-part=rows] > .row[data-kind=record]")).to_have_count(200)
    answered = asyncio.Event()

    async def late(route: Route) -> None:
        await answered.wait()
        await route.continue_()

    await page.route("**/api/topics/", late)
    await page.get_by_role("button", name="export").click()
    dialog = page.get_by_role("dialog", name="Export")
    everything = dialog.get_by_label("all of readings that matches value.even")
    before = await dialog.get_by_role("button", name="Export").bounding_box()
    await expect(everything).to_be_hidden()
    answered.set()
    await expect(everything).to_be_visible()
    assert await dialog.get_by_role("button", name="Export").bounding_box() == before, "it moves under the pointer"
    await everything.check()
    await expect(dialog.locator("[data-part=export-zone]")).to_have_text("local time")
    await dialog.get_by_label("value.n", exact=True).check()
    async with page.expect_download() as waiting:
        await dialog.get_by_role("button", name="Export").click()
    lines: list[dict[str, Any]] = [json.loads(line) for line in (await content(await waiting.value)).splitlines()]
    assert sorted(line["value.n"] for line in lines[:-1]) == list(range(0, RECORDS, 2))
    assert (lines[-1]["type"], lines[-1]["reason"], lines[-1]["records"]) == ("end", "complete", RECORDS // 2)
    await expect(dialog.get_by_role("status")).to_contain_text("The last line of the file says whether it is complete")

    installation.query("UPDATE auth_user SET is_superuser = false WHERE username = 'bob'")
    person = await visitors.new(web, signed_in=False)
    await person.context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[1]), "url": web.url}])
    page = await person.board(TOPIC)
    await expect(page.locator("[data-part=rows] > .row[data-kind=record]")).to_have_count(200)
    async with page.expect_response("**/api/topics/") as waiting_for_answer:
        await page.get_by_role("button", name="export").click()
    await (await waiting_for_answer.value).finished()
    await page.evaluate("fetch('/api/topics/').then(answer => answer.json())")  # by then the dialog has its own answer
    await expect(page.get_by_label("the 200 records that the stream shows")).to_be_checked()
    await expect(page.get_by_label("all of readings")).to_be_hidden()
