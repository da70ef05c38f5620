"""Times of charts by keys and by fingers, the sheet of keys, and what tiles show while they are renewed."""

from __future__ import annotations

import asyncio
import json
import re
import time
from datetime import datetime

from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Visitors
from tests.browser.test_boards import TOPIC, make_board, settled, tile
from tests.browser.test_pages import axe_source, violations
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import CALL_SECONDS, USERS, Installation, Process
from tests.support.proxy import Proxy

TOTAL = 40
# What its first tile shows whenever something of it changes: its figure, whether that is marked as old, whether a basis
# is told.
REMEMBER = """() => {
  globalThis.remembered = [];
  const grid = document.querySelector("[data-part=grid]");
  const look = () => {
    const tile = grid.querySelector("[data-tile]");
    const figure = tile.querySelector("data[data-figure]")?.value ?? null;
    remembered.push([figure, tile.ariaBusy === "true", "basis" in tile.dataset]);
  };
  new MutationObserver(look).observe(grid, { subtree: true, childList: true, attributes: true, characterData: true });
}"""


def produce(web: Process, now: int) -> None:
    """A record each second until `now`, ms."""
    kafka = producer(web)
    for number in range(TOTAL):
        at = now - 1_000 * (TOTAL - 1 - number)
        kafka.produce(TOPIC, json.dumps({"n": number}).encode(), partition=0, timestamp=at)
    assert kafka.flush(30) == 0


def filled(install: Install) -> tuple[Installation, Process, int]:
    """A product whose topic has a record of each second until now, ms."""
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    now = int(time.time() * 1000)
    produce(web, now)
    return installation, web, now


def chart_of(installation: Installation, web: Process, now: int) -> str:
    dots = tile("dots", "chart", {"y": "value.n", "aggregate": "none", "form": "points"}) | {"w": 12, "h": 6}
    below = tile("count", "number", {"figure": "count"}) | {"y": 6, "h": 30}
    return make_board(installation, web, [dots, below], window={"from": now - 50_000, "to": now + 1_000})


async def refuse(route: Route) -> None:
    """The file is not there."""
    await route.abort()


async def selected(page: Page, *, is_any: bool) -> None:
    """Waits until a span of times is drawn, or none."""
    drawn = "is_any => document.querySelector('.u-select').getBoundingClientRect().width > 0 === is_any"
    await page.wait_for_function(drawn, arg=is_any, timeout=CALL_SECONDS * 1_000)


async def test_a_time_of_a_chart_is_chosen_by_keys(visitors: Visitors, install: Install) -> None:
    installation, web, now = filled(install)
    page = await (await visitors.new(web)).open(chart_of(installation, web, now))
    await settled(page, TOTAL)
    await expect(page.locator(".u-over")).to_be_attached()  # its library has come
    press, times = page.keyboard.press, page.get_by_role("slider", name="dots")
    whole = page.get_by_role("button", name="whole window")

    await times.focus()
    for key, offset in (("ArrowLeft", 39), ("PageUp", 29), ("Home", 0), ("ArrowRight", 1), ("PageDown", 11)):
        await press(key)
        await expect(times).to_have_attribute("aria-valuetext", re.compile(rf"^{offset}\b.* 0:{offset}$"))
    await selected(page, is_any=False)
    await press("Shift+ArrowRight")
    await selected(page, is_any=True)
    await press("Escape")  # the span is left, and nothing else
    await selected(page, is_any=False)
    await expect(whole).to_be_hidden()
    await press("Shift+PageDown")
    await press("Enter")
    await expect(whole).to_be_visible()
    await selected(page, is_any=False)
    assert await violations(page, axe_source()) == []
    await press("Home")  # the times of the chart are those that are shown
    await expect(times).to_have_attribute("aria-valuetext", re.compile(r" 0:12$"))
    await expect(times).to_have_attribute("aria-valuemax", "10")

    await press("Enter")
    sheet = page.get_by_role("dialog", name="Record")
    await expect(sheet.locator("h2")).to_have_text("0:12")
    await press("Escape")
    await expect(sheet).to_have_count(0)
    await expect(times).to_be_focused()
    await press("Escape")
    await expect(whole).to_be_hidden()


async def test_a_finger_that_moves_across_a_chart_chooses_a_time_and_one_that_moves_down_scrolls(
    visitors: Visitors, install: Install
) -> None:
    installation, web, now = filled(install)
    person = await visitors.new(web, has_touch=True, viewport={"width": 900, "height": 700})
    page = await person.open(chart_of(installation, web, now))
    await settled(page, TOTAL)
    box = await page.locator(".u-over").bounding_box()
    assert box
    line = await person.context.new_cdp_session(page)
    whole = page.get_by_role("button", name="whole window")

    async def move(*places: tuple[float, float]) -> None:
        for number, (across, down) in enumerate(places):
            at = {"x": box["x"] + box["width"] * across, "y": box["y"] + down}
            kind = "touchMove" if number else "touchStart"
            await line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [at]})
        await line.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    # A finger that was swift leaves the page scrolling on by itself, whatever it is told meanwhile.
    await page.evaluate("() => addEventListener('scrollend', () => (globalThis.hasScrolled = true), { once: true })")
    await move((0.5, 120), (0.5, 100), (0.5, 60), (0.5, 10))
    await page.wait_for_function("() => globalThis.hasScrolled && scrollY > 0", timeout=CALL_SECONDS * 1_000)
    await expect(whole).to_be_hidden()
    await page.evaluate("() => scrollTo({ top: 0, behavior: 'instant' })")

    await move((0.4, 50), (0.45, 52), (0.5, 55), (0.6, 50))
    await expect(whole).to_be_visible()
    await selected(page, is_any=False)
    await page.get_by_role("button", name="all tiles").click()
    await expect(page.get_by_role("group", name="Time window").locator("[aria-pressed=true]")).to_contain_text("–")
    asked = await page.evaluate("() => Object.fromEntries(new URLSearchParams(location.search))")
    assert 8_000 < int(asked["to"]) - int(asked["from"]) < 14_000


async def test_seconds_of_the_live_board_are_chosen_by_keys_and_loaded(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    board = await (await visitors.new(web)).board(TOPIC)
    bars, press = board.locator(".chart canvas"), board.keyboard.press
    await expect(bars).to_have_attribute("aria-label", re.compile(": now "))  # it is loaded behind the first view
    await bars.focus()
    await press("ArrowLeft")
    await expect(bars).to_have_attribute("aria-valuenow", "299")
    await press("Shift+PageUp")
    caption = board.locator("[data-part=chart-caption]")
    await expect(caption).to_contain_text("enter loads its records")
    await expect(bars).to_have_attribute("aria-valuetext", re.compile("enter loads its records"))
    await press("Escape")
    await expect(caption).not_to_contain_text("enter loads")
    await press("Shift+PageUp")
    await press("Enter")
    await expect(board.locator("[data-part=history-where]")).to_have_value("time")
    first, last = [
        datetime.fromisoformat(await board.locator(f"[data-part=history-{end}-time]").input_value())
        for end in ("from", "to")
    ]
    assert (last - first).total_seconds() == 11  # both ends, and what lies between them


async def test_tiles_keep_their_figures_until_those_of_another_window_or_filter_come(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, int(time.time() * 1000))
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    page = await (await visitors.new(web)).open(path)
    await settled(page, TOTAL)

    await page.evaluate(REMEMBER)
    await page.get_by_label("Filter the board").fill("value.n < 10")
    await page.keyboard.press("Enter")
    await settled(page, 10)
    remembered = await page.evaluate("() => remembered")
    assert {tuple(each) for each in remembered if each[1]} == {(str(TOTAL), True, False)}
    assert remembered[-1] == ["10", False, True]
    assert None not in [figure for figure, *_ in remembered]

    # A filter that cannot be used has no figures, and those of before are no longer true.
    await page.evaluate(
        """() => {
          const address = new URL(location.href);
          address.searchParams.set("filter", "value.n <");
          history.pushState(null, "", address);
          dispatchEvent(new PopStateEvent("popstate"));
        }"""
    )
    await expect(page.locator("[data-tile] .tile-problem")).to_have_text("The board's filter cannot be used.")
    await expect(page.locator("data[data-figure]")).to_have_text("")
    await expect(page.locator("[aria-busy]")).to_have_count(0)
    await page.go_back()
    await settled(page, 10)


async def test_the_keys_of_a_board_are_told(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    page = await (await visitors.new(web)).open(make_board(installation, web, []))
    await expect(page.get_by_text("This board has no tiles yet.")).to_be_visible()
    await page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    await expect(sheet).to_be_visible()
    assert await violations(page, axe_source()) == []
    await page.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await page.keyboard.press("/")
    await expect(page.get_by_label("Filter the board")).to_be_focused()
    await expect(page.get_by_label("Filter the board")).to_have_value("")
    await page.keyboard.type("?")  # is typed there, and opens nothing
    await expect(page.get_by_label("Filter the board")).to_have_value("?")
    await expect(sheet).to_be_hidden()


async def test_a_board_is_shared_with_a_group_that_is_offered(visitors: Visitors, install: Install) -> None:
    installation = install()
    web = installation.web()
    hidden = tile("hidden", "number", {"figure": "count"}, "not-there") | {"x": 4}
    path = make_board(installation, web, [tile("words", "text", {"text": "Hello"}, ""), hidden])
    installation.query("UPDATE auth_user SET is_superuser = false WHERE username IN ('alice', 'bob')")
    installation.query("INSERT INTO auth_group (name) VALUES ('Readers'), ('Writers')")
    for user in ("alice", "bob"):
        installation.query(
            "INSERT INTO auth_user_groups (user_id, group_id) SELECT u.id, g.id FROM auth_user u, auth_group g "
            f"WHERE u.username = '{user}' AND g.name = 'Readers'"
        )
    owner = await visitors.new(web)
    other = await visitors.new(web, signed_in=False)
    await other.sign_in(USERS[1])
    assert (await other.context.request.get(web.url + path)).status == 403

    page = await owner.open(path)
    await page.get_by_role("button", name="Share").click()
    sheet, groups = page.locator("dialog[open]"), page.get_by_role("group", name="Groups")
    await expect(groups).to_be_hidden()
    await page.get_by_label("May be seen by").select_option("groups")
    await expect(groups.get_by_role("checkbox")).to_have_count(1)  # a group of others is not offered
    await page.get_by_role("button", name="Save who may").click()
    said = "Name at least one group, or share with nobody or everyone."
    await expect(sheet.get_by_role("alert")).to_have_text(said)
    await groups.get_by_label("Readers").check()
    assert await violations(page, axe_source()) == []
    await page.get_by_role("button", name="Save who may").click()
    await expect(sheet).to_have_count(0)
    await page.get_by_role("button", name="Share").click()
    await expect(groups.get_by_label("Readers")).to_be_checked()

    seen = await other.open(path)
    await expect(seen.get_by_text("Hello")).to_be_visible()
    await expect(seen.get_by_role("button", name="Edit")).to_have_count(0)
    # Of what may not be watched nothing is said, also no zero.
    denied = seen.locator("[data-tile=hidden]")
    await expect(denied.locator(".tile-problem")).to_contain_text("You may not watch not-there")
    await expect(denied.locator(".tile-problem")).to_contain_text("can let you")
    await expect(denied.locator("data[data-figure]")).to_have_text("")
    await expect(denied.locator(".tile-foot span")).to_have_text("")
    visitors.forgive("status of 422")


async def test_the_editor_takes_the_keys_from_nobody_who_has_gone_elsewhere(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    person = await visitors.new(web)
    page = await person.open(make_board(installation, web, []))
    edit = page.get_by_role("button", name="Edit", exact=True)
    gallery, asked, go_on = page.locator("[data-add=number]"), asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await go_on.wait()
        await route.continue_()

    await person.context.route(re.compile("gridstack-all"), hold)
    await edit.press("Enter")
    await asyncio.wait_for(asked.wait(), CALL_SECONDS)
    elsewhere = page.locator("[data-part=times]")
    await elsewhere.focus()
    go_on.set()
    await expect(gallery).to_be_visible()
    await expect(elsewhere).to_be_focused()

    await page.get_by_role("button", name="Leave as it was").click()
    await edit.press("Enter")
    await expect(page.locator("[data-part=panel] :focus")).to_have_count(1)


async def test_a_part_that_cannot_be_loaded_is_said_and_comes_when_it_can_be(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    person = await visitors.new(web)
    page = await person.open(make_board(installation, web, []))
    said = page.get_by_text("could not be loaded")

    visitors.forgive("net::ERR_FAILED")
    for part, name, comes in (
        ("edit/editor", "Edit", page.locator("[data-add=number]")),
        ("boards/share", "Share", page.locator("dialog[open]")),
    ):
        modules = re.compile(part)
        await person.context.route(modules, refuse)
        press = page.get_by_role("button", name=name, exact=True)
        await press.click()
        await expect(said).to_be_visible()
        await person.context.unroute(modules, refuse)
        await press.click()
        await expect(comes).to_be_visible()
        await expect(said).to_be_hidden()
        if name == "Edit":
            await page.get_by_role("button", name="Leave as it was").click()


async def test_trying_now_stays_while_the_words_beside_it_change_and_connects_anew(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        page = await (await visitors.new(f"http://{proxy.address}")).open(make_board(installation, web, []))
        banner, root = page.locator("[data-part=banner]"), page.locator("#board")
        await expect(root).to_have_attribute("data-state", "live")
        proxy.freeze()
        await expect(root).to_have_attribute("data-state", "silent")
        again = banner.get_by_role("button", name="Try now")
        await again.focus()
        said = await banner.text_content() or ""
        await expect(banner).not_to_have_text(said)
        await expect(again).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(root).to_have_attribute("data-state", "reconnecting")
        proxy.mend()
        await expect(banner).to_be_hidden()


async def test_a_chart_without_its_library_goes_on_saying_so(visitors: Visitors, install: Install) -> None:
    installation, web, now = filled(install)
    person = await visitors.new(web)

    visitors.forgive("net::ERR_FAILED")
    await person.context.route(re.compile("uPlot.iife"), refuse)
    page = await person.open(chart_of(installation, web, now))
    problem = page.locator("[data-tile=dots] .tile-problem")
    await expect(problem).to_contain_text("is not installed here")
    for total in (TOTAL, 2 * TOTAL):
        await settled(page, total)
        await expect(problem).to_contain_text("is not installed here")
        produce(web, now)


async def test_a_row_that_is_pressed_stays_under_the_pointer(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, int(time.time() * 1000))
    count = tile("count", "number", {"figure": "count"}) | {"y": 6}
    path = make_board(installation, web, [tile("rows", "stream", {"columns": ["value.n"]}), count])
    page = await (await visitors.new(web)).open(path)
    await settled(page, TOTAL)
    rows = page.locator("[data-tile=rows]")
    row = rows.locator(f"tr[data-offset='{TOTAL - 1}']")
    await row.hover()
    await page.mouse.down()
    produce(web, int(time.time() * 1000))
    await expect(page.locator("[data-tile=count] data[data-figure]")).to_have_text(str(2 * TOTAL))
    assert json.loads(await rows.get_attribute("data-basis") or "")["records"] == TOTAL
    await page.mouse.up()
    await expect(page.get_by_role("dialog", name="Record").locator("h2")).to_have_text(f"0:{TOTAL - 1}")
    await settled(page, 2 * TOTAL)


async def test_the_rows_of_a_stream_are_one_stop_of_the_tab_key(visitors: Visitors, install: Install) -> None:
    installation, web, now = filled(install)
    rows = tile("rows", "stream", {"columns": ["value.n"], "order": "newest"}) | {"w": 12, "h": 9}
    window = {"from": now - 50_000, "to": now + 1_000}
    page = await (await visitors.new(web)).open(make_board(installation, web, [rows], window=window))
    await expect(page.locator(".stream-table tbody tr")).to_have_count(TOTAL)
    stops = page.locator(".stream-table tbody tr[tabindex='0']")
    await expect(stops).to_have_attribute("data-offset", str(TOTAL - 1))

    await stops.focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(stops).to_have_attribute("data-offset", str(TOTAL - 3))
    await expect(stops).to_be_focused()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Record")
    await expect(dialog).to_contain_text(f"0:{TOTAL - 3}")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await stops.focus()
    await page.keyboard.press("Tab")
    await expect(page.locator(".stream-table tbody tr:focus")).to_have_count(0)
