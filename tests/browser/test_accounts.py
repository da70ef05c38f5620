"""The pages of a person's own account and the check of links: for axe, on a phone, by keyboard, without JavaScript."""

from __future__ import annotations

import re

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_pages import PHONE, Eye
from tests.conftest import Install
from tests.support.processes import Installation
from tests.support.waiting import until

WORD = "a long enough word"


async def type_in(page: Page, *texts: str) -> None:
    """From field to field with Tab, then Enter, as somebody without a mouse."""
    for number, text in enumerate(texts):
        if number:
            await page.keyboard.press("Tab")
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")


def add_item(installation: Installation, address: str, link: str) -> str:
    body = {"name": "Lamp", "price": "1", "link": link}
    headers = {"Authorization": f"Bearer {installation.token}"}
    response = httpx.post(f"{address}/api/items/", json=body, headers=headers, timeout=30)
    return f"/items/{response.json()['item']['id']}/"


def status_with(secret: str, address: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{address}/api/items/", headers=headers, timeout=30).status_code


async def test_account_pages_are_accessible_and_fit_the_screen(visitors: Visitors, install: Install) -> None:
    eye = Eye()
    installation = install(SIGN_UP="true", LINK_CHECK_PRIVATE="true")
    web = installation.web()
    stranger = await visitors.new(web, signed_in=False, **PHONE)
    person = await visitors.new(web, **PHONE)
    for path, button in (("sign-up/", "Send the link"), ("password/reset/", "Send the link")):
        page = await stranger.open(f"/accounts/{path}")
        await eye.look(page)
        await page.get_by_role("button", name=button).click()  # with nothing typed
        await expect(page.get_by_role("alert")).to_be_visible()
        await eye.look(page)
    await eye.look(await stranger.open("/accounts/login/"))
    await eye.look(await stranger.open("/accounts/password/reset/sent/"))
    await eye.look(await stranger.open("/accounts/password/reset/x/y/"))
    page = await person.open("/accounts/password/")
    await page.get_by_role("button", name="Change password").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await eye.look(page)
    page = await person.open("/accounts/tokens/")
    await eye.look(page)
    await page.get_by_label("What is it for?").fill("A script with a name that is long enough for a phone")
    await page.get_by_role("button", name="Make token").click()
    await expect(page.locator("#secret")).to_be_visible()
    await eye.look(page)
    page = await person.open(add_item(installation, web.url, f"{web.url}/no/such/page/and/a/rather/long/address"))
    await page.get_by_role("button", name="Check link now").click()
    await expect(page.locator(".link-check .pill")).to_have_text("broken")
    await eye.look(page)
    assert eye.wrong == []


async def test_signing_up_and_tokens_by_keyboard_without_javascript(visitors: Visitors, install: Install) -> None:
    web = install(SIGN_UP="true").web()  # mail is printed
    nina = await visitors.new(web, signed_in=False, java_script_enabled=False)
    page = await nina.open("/accounts/sign-up/")
    await page.get_by_label("Username").focus()
    await type_in(page, "nina", "nina@example.com")
    await expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    link = await until(lambda: re.search(r"http://\S+/accounts/sign-up/\S+/", web.log()), "the mail is in the log")
    assert link is not None
    await page.goto(link[0])
    await page.get_by_label("New password", exact=True).focus()
    await type_in(page, WORD, WORD)
    await expect(page.get_by_text("Welcome, nina.")).to_be_visible()
    await page.goto(f"{web.url}/accounts/tokens/")
    await page.get_by_label("What is it for?").focus()
    await type_in(page, "my script")
    secret = await page.locator("#secret").inner_text()
    assert status_with(secret, web.url) == 200
    await page.get_by_role("button", name="Revoke the token my script").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You have no tokens.")).to_be_visible()
    assert status_with(secret, web.url) == 401


async def test_the_overview_of_the_admin_tells_of_this_process(visitors: Visitors, install: Install) -> None:
    person = await visitors.new(install().web())
    board = await person.board()
    page = await person.open("/admin/")
    await page.get_by_role("link", name="Overview").click()
    await expect(page.get_by_role("row", name="Link to Kafka")).to_be_visible()

    async def is_told() -> bool:
        await page.reload()
        link, sockets = (page.get_by_role("row", name=name) for name in ("Link to Kafka", "Open sockets"))
        return "live since" in await link.inner_text() and "1" in await sockets.inner_text()

    await until(is_told, "the overview says that the link is live, and that one socket is open")
    await board.close()
