"""A walk over the board with the keyboard alone."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.conftest import Visitors
from tests.browser.test_board import submit_by_api
from tests.conftest import Install

FOCUSED = "document.activeElement.dataset.part ?? document.activeElement.textContent.trim()"
# The second key of a sequence counts for a moment after the first. By this clock no time passes between any two keys.
BELONG_TOGETHER = "Object.defineProperty(Event.prototype, 'timeStamp', { get: () => 1 })"


async def test_the_board_is_used_without_a_mouse(visitors: Visitors, install: Install) -> None:
    installation = install()
    web = installation.web()
    person = await visitors.new(web)
    await person.context.add_init_script(BELONG_TOGETHER)
    board = await person.board()
    rows, detail, keys = board.locator(".row[data-kind=record]"), board.locator(".detail"), board.keyboard
    for count, name in enumerate(("red lamp", "green chair", "blue table"), 1):
        await submit_by_api(installation, web, name)
        # Each for itself: of what arrives together and in one millisecond, different keys have no order.
        await expect(rows).to_have_count(count)

    await keys.press("j")
    await expect(rows.nth(0)).to_be_focused()
    await keys.press("j")
    await expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    await keys.press("Enter")
    await expect(detail).to_contain_text('"green chair"')
    await keys.press("k")
    await expect(detail).to_contain_text('"blue table"')
    await keys.press("Escape")
    await expect(detail).to_be_hidden()
    await expect(rows.nth(0)).to_be_focused()

    await keys.press("/")
    await expect(board.get_by_label("Filter the records")).to_be_focused()
    await keys.type("g jt? lamp")  # keys that mean something elsewhere are letters here
    await expect(board.locator(".nothing")).to_contain_text("No record fits")
    await board.get_by_label("Filter the records").fill("lamp")
    await expect(rows).to_have_count(1)
    await board.get_by_label("Filter the records").fill("")
    await keys.press("Escape")
    await expect(rows).to_have_count(3)

    await keys.press("?")
    await expect(board.get_by_role("dialog", name="Keys and signs")).to_be_visible()
    await keys.press("Escape")
    await expect(board.get_by_role("dialog")).to_have_count(0)

    dark = "document.documentElement.dataset.theme"
    await keys.press("t")
    assert await board.evaluate(dark) == "dark"
    await keys.press("t")
    assert await board.evaluate(dark) is None

    for second, address in (("i", r"/items/$"), ("l", r":\d+/$")):
        await keys.press("g")
        await keys.press(second)
        await expect(board).to_have_url(re.compile(address))
        await board.wait_for_load_state()  # from then on the page hears keys


async def test_every_control_is_reached_with_tab_and_the_first_stop_skips_to_the_content(
    visitors: Visitors, install: Install
) -> None:
    board = await (await visitors.new(install().web())).board()
    await board.keyboard.press("Tab")
    await expect(board.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached = set()
    for _ in range(25):
        reached.add(await board.evaluate(FOCUSED))
        await board.keyboard.press("Tab")
    assert {"Live", "Items", "Admin", "pill", "pause", "filter", "help-button"} <= reached
