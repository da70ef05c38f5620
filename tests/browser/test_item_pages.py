"""The pages around the items list (import, history, deleted items, export): for axe in light and dark, on a phone, by
keyboard, without JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_pages import PHONE, Eye
from tests.conftest import Install
from tests.support.processes import PASSWORD, USERS, Installation, Process

ROWS = [f"Lamp {number},{number}.50,SKU-{number}" for number in range(1, 40)]
FAILED = 2
PRODUCTS = "\n".join(["Product,Cost,Code", *ROWS, "No price,nothing,SKU-X", ",3.00,SKU-Y"])
IMPORT_MS = 60_000  # a process of its own, on a loaded machine


def changed_item(installation: Installation, web: Process) -> str:
    """The path of an item with a history and a SKU."""
    headers = {"Authorization": f"Bearer {installation.token}"}
    with httpx.Client(base_url=web.url, headers=headers, timeout=30) as client:
        item = client.post("/api/items/", json={"name": "Lamp", "price": "3.00", "sku": "OLD"}).json()["item"]["id"]
        text = "A description that is long enough to wrap wherever it is shown. " * 5
        for change in ({"price": "4.00"}, {"description": text}, {"tax": "0.50", "price": "5.00"}):
            assert client.patch(f"/api/items/{item}", json=change).status_code == 200
    return f"/items/{item}/"


async def choose_file(page: Page, name: str = "products of this spring, all of them.csv") -> None:
    file: Any = {"name": name, "mimeType": "text/csv", "buffer": PRODUCTS.encode()}
    await page.get_by_label("File", exact=True).set_input_files(files=[file])


async def press(page: Page, role: Any, name: str) -> None:
    """Reaches a control and presses Enter, as somebody without a mouse."""
    control = page.get_by_role(role, name=name)
    await control.focus()
    await expect(control).to_be_focused()
    await page.keyboard.press("Enter")


async def look_while_it_runs(page: Page, eye: Eye, installation: Installation) -> None:
    """Looks at the page of an import that runs, which looks again by itself: not under the eye. One that really ran
    could be done before anybody looks."""
    await page.route("**/lookagain.js*", lambda route: route.abort())
    installation.query("UPDATE items_importjob SET state = 'running', alive_at = '2100-01-01 00:00:00'")
    await page.reload()
    await expect(page.locator("progress")).to_be_visible()
    await eye.look(page)
    installation.query("UPDATE items_importjob SET state = 'ready', alive_at = NULL")
    await page.unroute("**/lookagain.js*")
    await page.reload()


async def test_import_history_and_deleted_items_are_accessible_and_fit_the_screen(
    visitors: Visitors, install: Install
) -> None:
    eye = Eye()
    installation = install()
    web = installation.web()
    person = await visitors.new(web, **PHONE)
    page = await person.open("/items/import/")
    await page.get_by_role("button", name="Upload file").click()  # without a file
    await expect(page.get_by_role("alert")).to_be_visible()
    await eye.look(page)
    await choose_file(page)
    await page.get_by_role("button", name="Upload file").click()
    await expect(page.get_by_label("Price")).to_be_visible()  # the file was looked at
    await look_while_it_runs(page, eye, installation)
    await page.get_by_label("Price").select_option("Cost")
    await eye.look(page)
    await page.get_by_role("button", name="Import items").click()
    await expect(page.get_by_role("link", name="Download the report")).to_be_visible(timeout=IMPORT_MS)
    await eye.look(page)
    await page.get_by_role("link", name="All imports").click()
    await eye.look(page)

    item = web.url + changed_item(installation, web)
    await page.goto(item)
    await expect(page.locator(".history tbody tr")).to_have_count(4)
    await eye.look(page)
    await page.get_by_role("link", name="Delete…").click()
    await page.get_by_role("button", name="Delete item").click()
    await expect(page.get_by_role("status").filter(has_text="was deleted")).to_be_visible()
    await eye.look(page)
    await page.get_by_role("link", name="Deleted items").click()
    await eye.look(page)
    await page.get_by_role("button", name="Restore Lamp").click()
    await page.goto(f"{web.url}/items/deleted/")
    await expect(page.get_by_role("heading", name="Nothing to restore")).to_be_visible()
    await eye.look(page)
    await page.goto(f"{item}delete/")
    await page.get_by_role("button", name="Delete item").click()
    await page.goto(item)
    await expect(page.get_by_role("heading", name="was deleted")).to_be_visible()
    await eye.look(page)
    await page.get_by_role("button", name="Restore item").click()
    await page.get_by_role("link", name="Edit item").click()
    await page.get_by_label("SKU").fill("")
    await page.get_by_role("button", name="Save item").click()
    await expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()
    visitors.forgive(r"status of 40[04] ")  # no file was chosen; the item is deleted
    assert eye.wrong == []


async def test_a_file_is_imported_exported_and_an_item_restored_by_keyboard_without_javascript(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    web = installation.web()
    page = await (await visitors.new(web, signed_in=False, java_script_enabled=False)).open("/accounts/login/")
    await page.get_by_label("Username").focus()
    await page.keyboard.type(USERS[0])
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("noscript .notice")).to_be_visible()
    await expect(page.locator("#board")).to_be_hidden()

    await press(page, "link", "Import")
    await choose_file(page)
    await press(page, "button", "Upload file")
    await page.get_by_label("Price").focus()
    await page.keyboard.type("Cost")
    await press(page, "button", "Import items")
    report = page.get_by_role("link", name="Download the report")
    await expect(report).to_be_visible(timeout=IMPORT_MS)  # the page looks again by itself
    async with page.expect_download() as download:
        await press(page, "link", "Download the report")
    assert len(Path(await (await download.value).path()).read_text().splitlines()) == 1 + FAILED

    await press(page, "link", "Items")
    async with page.expect_download() as download:
        await press(page, "link", "CSV")
    exported = Path(await (await download.value).path()).read_text()
    assert len(exported.splitlines()) == 1 + len(ROWS)

    await press(page, "link", "Lamp 39")
    await press(page, "link", "Delete…")
    await press(page, "button", "Delete item")
    await press(page, "link", "Deleted items")
    await press(page, "button", "Restore Lamp 39")
    await expect(page.get_by_role("heading", name="Lamp 39")).to_be_visible()
    await expect(page.locator(".history tbody tr")).to_have_count(3)
    await expect(page.locator(".history tbody tr").first).to_contain_text("restored")


async def test_an_import_that_runs_is_followed_without_taking_the_focus_away(
    visitors: Visitors, install: Install
) -> None:
    person = await visitors.new(install().web())
    page = await person.open("/items/import/")
    rows = "\n".join(f"Lamp {number},{number}.50" for number in range(150_000))  # more than a standstill lets pass
    file: Any = {"name": "many.csv", "mimeType": "text/csv", "buffer": f"name,price\n{rows}".encode()}
    await page.get_by_label("File", exact=True).set_input_files(files=[file])
    await page.get_by_role("button", name="Upload file").click()
    await page.get_by_role("button", name="Import items").click()
    cancel = page.get_by_role("button", name="Cancel import")
    await cancel.focus()
    await expect(page.locator(".import-state dd").first).not_to_have_text("0", timeout=IMPORT_MS)
    await expect(cancel).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".import-state")).to_contain_text("Cancelled", timeout=IMPORT_MS)
