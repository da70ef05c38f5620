"""A real Chromium for the tests of the pages, one for all of them; a person is a context of their own in it. Every
page's console is read: an error, a violation of the content security policy or a request that failed makes the test
fail, unless it was told to expect that."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.support.processes import PASSWORD, SESSION_COOKIE, USERS, Process, session_of

# For what is expected, and for what is done, which waits for as much: two loaded cores, and a board that lost its
# server waits up to 20 s between tries.
PATIENCE_MS = 45_000
expect.set_options(timeout=PATIENCE_MS)

# What Chromium writes when a connection ends or is refused, which tests of a broken network bring about; and when a
# filter is looked at that somebody is still writing, which a slow machine has happen in the middle of any word.
NOISE = re.compile(
    r"WebSocket connection to|Failed to load resource: net::ERR_"
    r"|/api/filters/check: Failed to load resource: .*\b422\b"
)


HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of this folder share the event loop in which the browser was started."""
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


class Visitor:
    """One person with a browser of their own (its cookies, its storage)."""

    def __init__(self, context: BrowserContext, address: str, complaints: list[str]) -> None:
        self.context = context
        self.address = address
        self._complaints = complaints

    async def open(self, path: str = "/") -> Page:
        page = await self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._complaints.append(f"{page.url}: {error}"))
        await page.goto(self.address + path)
        return page

    def _console(self, message: ConsoleMessage) -> None:
        said = f"{message.location.get('url')}: {message.text}"
        if message.type in {"error", "warning"} and not NOISE.search(said):
            self._complaints.append(said)

    async def sign_in(self, user: str = USERS[0]) -> None:
        """Through the form."""
        page = await self.open("/accounts/login/")
        await page.get_by_label("Username").fill(user)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#board")).to_be_attached()
        await page.close()

    async def board(self, topic: str = "items.v1") -> Page:
        """An open board that is live."""
        page = await self.open(f"/?topic={topic}")
        await live(page)
        return page


class Visitors:
    """Lets people in. complaints: what their pages complained about."""

    def __init__(self, browser: Browser) -> None:
        self.complaints: list[str] = []
        self._forgiven: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def new(self, web: Process | str, *, signed_in: bool = True, **options: Any) -> Visitor:
        """Someone on the given process or address; `options` are those of Playwright's new_context. Whoever is signed
        in has been so since the installation was prepared (tests/support/processes.py)."""
        address = web if isinstance(web, str) else web.url
        context = await self._browser.new_context(**{"timezone_id": "UTC", **options})
        context.set_default_timeout(PATIENCE_MS)
        self._contexts.append(context)
        if signed_in:
            await context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[0]), "url": address}])
        return Visitor(context, address, self.complaints)

    async def leave(self) -> None:
        """Closes every page; what they say while they close is still heard."""
        for context in self._contexts:
            await context.close()

    def forgive(self, pattern: str) -> None:
        """Forgives complaints that the test brought about on purpose, whenever they are heard: what a worker of a page
        complains about comes by another way than what the page shows."""
        self._forgiven.append(pattern)

    def unforgiven(self) -> list[str]:
        return [each for each in self.complaints if not any(re.search(pattern, each) for pattern in self._forgiven)]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """The one Chromium of a run."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(browser: Browser) -> AsyncIterator[Visitors]:
    found = Visitors(browser)
    yield found
    await found.leave()
    assert found.unforgiven() == []


async def live(page: Page) -> None:
    await expect(page.locator("#board")).to_have_attribute("data-state", "live")


async def press_swiftly(page: Page, letters: str) -> None:
    """Presses them one right after the other, as the page's clock has it: whatever stands still in between."""
    line = await page.context.new_cdp_session(page)
    at = time.time()
    for letter in letters:
        key = {
            "key": letter,
            "code": f"Key{letter.upper()}",
            "windowsVirtualKeyCode": ord(letter.upper()),
            "timestamp": at,
        }
        await line.send("Input.dispatchKeyEvent", {"type": "keyDown", "text": letter, **key})
        await line.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
    await line.detach()


async def places(page: Page) -> list[str]:
    """partition:offset of each record on the board, newest first."""
    script = "rows => rows.map(row => `${row.dataset.partition}:${row.dataset.offset}`)"
    found: list[str] = await page.locator(".row[data-kind=record]").evaluate_all(script)
    return found
