"""Every page, on a phone in the dark and on a wide screen in the light: nothing for axe to complain about, nothing
wider than the screen. And what looks at pages so, for other tests too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_board import submit_by_api
from tests.conftest import Install
from tests.support import services
from tests.support.processes import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
ITEM_PAGES = ["/items/", "/items/new/", "/items/1/", "/items/1/edit/", "/items/1/delete/"]
BOARDS = {"/": "live", "/?topic=items.v1": "live", "/?topic=gone": "refused"}  # path -> the board's state
# What is right is not worked out for every element, and no style sheet is fetched and parsed once more for the one rule
# that reads them, which is experimental and off: together that takes four fifths of the time.
LOOKED_FOR = "{ resultTypes: ['violations'], preload: { assets: ['media'] } }"
PHONE: Any = {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"}
WIDE: Any = {"viewport": {"width": 1280, "height": 740}, "color_scheme": "light"}
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
CONTROLS = "button, select, input:not([type=hidden], [type=checkbox], [type=radio]), summary, nav a"
SMALL_TARGETS = """controls => controls
  .filter(control => control.checkVisibility())
  .filter(control => control.getBoundingClientRect().height < 39.5)
  .map(control => control.outerHTML.slice(0, 120))"""


def axe_source() -> str:
    if not AXE.is_file():
        services.missing("axe-core is not installed (npm ci)")
    return Path(AXE).read_text()


async def violations(page: Page, axe: str) -> list[str]:
    await page.wait_for_load_state("load")  # a click waits for the next document's beginning only
    if await page.evaluate("!window.axe"):  # a document that was looked at has it
        await page.evaluate(axe)  # not as a script tag: the content security policy forbids that, and rightly
    result: dict[str, Any] = await page.evaluate(f"axe.run({LOOKED_FOR})")
    return [
        f"{found['id']}: {found['help']}: {node['html']}" for found in result["violations"] for node in found["nodes"]
    ]


async def small_targets(page: Page) -> list[str]:
    found: list[str] = await page.locator(CONTROLS).evaluate_all(SMALL_TARGETS)
    return found


async def turn(page: Page, screen: Any) -> None:
    """Shows an open page on PHONE or WIDE."""
    await page.set_viewport_size(screen["viewport"])
    await page.emulate_media(color_scheme=screen["color_scheme"])
    await page.evaluate(TWO_FRAMES)  # what measures itself does so before the next is drawn


class Eye:
    """Looks at pages that were opened on a phone in the dark (PHONE), and then on a wide screen in the light (WIDE).
    wrong: what is wrong with them."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self._axe = axe_source()

    async def look(self, page: Page) -> None:
        """At the page as it is now; afterwards it is a phone's again."""
        await self._look(page, "on a phone")
        self.wrong += [f"{page.url}: too small for a finger: {control}" for control in await small_targets(page)]
        await turn(page, WIDE)
        await self._look(page, "wide")
        await turn(page, PHONE)

    async def _look(self, page: Page, how: str) -> None:
        found = await violations(page, self._axe)
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append("wider than the screen")
        self.wrong += [f"{page.url} {how}: {each}" for each in found]


async def test_pages_are_accessible_and_fit_the_screen(visitors: Visitors, install: Install) -> None:
    eye = Eye()
    installation = install()
    web = installation.web()
    await submit_by_api(installation, web, "A lamp with a name that is long enough to be inconvenient on a phone", "b")
    stranger = await visitors.new(web, signed_in=False, **PHONE)
    person = await visitors.new(web, **PHONE)
    for visitor, path in [(stranger, "/accounts/login/"), *((person, path) for path in [*BOARDS, *ITEM_PAGES])]:
        page = await visitor.open(path)
        if path in BOARDS:
            await expect(page.locator("#board")).to_have_attribute("data-state", BOARDS[path])
        if path == "/?topic=items.v1":
            await page.locator(".row[data-kind=record]").first.click(position={"x": 8, "y": 8})
            await expect(page.locator(".detail")).to_be_visible()
        await eye.look(page)
        await page.close()
    assert eye.wrong == []


async def test_a_chosen_theme_stays_and_never_flashes(visitors: Visitors, install: Install) -> None:
    person = await visitors.new(install().web(), color_scheme="light")
    page = await person.open("/items/")
    await page.get_by_role("button", name="Change to the other theme").click()
    again = await person.open("/items/new/")
    background = await again.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(15, 18, 22)"
    assert (
        await again.evaluate("document.querySelector('script[src*=theme]').type") == ""
    )  # runs before the first paint


async def test_what_is_drawn_hears_of_the_systems_other_theme(visitors: Visitors, install: Install) -> None:
    page = await (await visitors.new(install().web(), color_scheme="light")).open("/items/")
    await page.evaluate("document.addEventListener('themechange', () => (document.title = 'told'))")
    await page.emulate_media(color_scheme="dark")
    await expect(page).to_have_title("told")


async def test_error_pages_have_the_products_look(visitors: Visitors, install: Install) -> None:
    person = await visitors.new(install().web())
    page = await person.context.new_page()
    await page.goto(f"{person.address}/no/such/page")
    await expect(page.get_by_role("heading", name="There is nothing at this address")).to_be_visible()
    await expect(page.get_by_role("link", name="All items")).to_be_visible()
