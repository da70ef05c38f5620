"""The page of an item and its form while others change it: both tell it, and two edits are brought together."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_items_live import Api, api, installation, web  # noqa: F401  (fixtures)
from tests.browser.test_pages import PHONE, Eye
from tests.support.processes import SESSION_COOKIE, USERS, Installation, Process, session_of


async def live_page(visitor: Visitor, path: str) -> Page:
    page = await visitor.open(path)
    await expect(page.locator("[data-part=live-pill]")).to_have_attribute("data-kind", "live")
    return page


async def colleague(visitors: Visitors, web: Process, **options: bool) -> Visitor:  # noqa: F811
    visitor = await visitors.new(web, signed_in=False, **options)
    await visitor.context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[1]), "url": web.url}])
    return visitor


async def save(page: Page, button: str = "Save item", **fields: str) -> None:
    for label, text in fields.items():
        await page.get_by_label(label).fill(text)
    await page.get_by_role("button", name=button).click()


async def test_what_others_change_shows_on_the_page_of_an_item(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp", "39.90", description="Small")
    page = await live_page(await colleague(visitors, web), f"/items/{lamp}/")
    await page.get_by_role("link", name="Edit item").focus()
    await api.change(lamp, price="29.90", name="Floor <b>lamp</b>", description="Large")
    await expect(page.get_by_role("heading", name="Floor <b>lamp</b>")).to_be_visible()
    for shown in ("29.90", "Large"):
        await expect(page.locator(".facts").first).to_contain_text(shown)
    await expect(page.locator(".history tbody tr")).to_have_count(2)
    await expect(page.locator("[data-part=live-changed]")).to_have_text("alice changed this item: version 2.")
    await expect(page).to_have_title("Floor <b>lamp</b> · Streamboard")
    await expect(page.get_by_role("link", name="Edit item")).to_be_focused()
    await expect(page.locator("[data-part=live-pill]")).to_be_visible()

    await api.delete(lamp)
    await expect(page.get_by_text("alice deleted this item.")).to_be_visible()
    again = page.get_by_role("link", name="Look again")
    await again.focus()
    async with page.expect_response(f"{web.url}/items/{lamp}/"):  # read anew after a break, and answered the same
        await page.context.set_offline(True)
        await page.context.set_offline(False)
    await expect(page.locator("[data-part=live-pill]")).to_have_attribute("data-kind", "live")
    await expect(again).to_be_focused()
    await again.click()
    await page.get_by_role("button", name="Restore item").click()
    await expect(page.get_by_role("heading", name="Floor <b>lamp</b>")).to_be_visible()
    visitors.forgive("status of 404")


async def test_a_page_that_lost_its_connection_shows_afterwards_what_happened(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp")
    person = await visitors.new(web)
    page = await live_page(person, f"/items/{lamp}/")
    await person.context.set_offline(True)
    await api.change(lamp, price="29.90")
    await person.context.set_offline(False)
    await expect(page.locator(".facts").first).to_contain_text("29.90")


async def test_the_form_says_what_others_save_and_keeps_what_is_typed(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp", "39.90", description="Small")
    page = await live_page(await colleague(visitors, web), f"/items/{lamp}/edit/")
    name = page.get_by_label("Name")
    await name.fill("Reading lamp")
    await api.change(lamp, price="29.90", description="Large")
    told = page.locator("[data-part=meanwhile]")
    await expect(told).to_contain_text("alice saved this item")
    await expect(told).to_contain_text("39.90 → 29.90")
    await expect(name).to_be_focused()
    await expect(name).to_have_value("Reading lamp")
    await expect(page.get_by_label("Price")).to_have_value("39.90")
    await api.change(lamp, price="19.90")
    await expect(told).to_contain_text("39.90 → 19.90")

    await save(page)
    conflict = page.locator("#conflict")
    await expect(conflict).to_be_focused()
    await expect(conflict).to_contain_text("alice saved this item while you were editing")
    await expect(page.get_by_label("Price")).to_have_value("19.90")
    await expect(name).to_have_value("Reading lamp")
    await save(page)
    await expect(page.get_by_role("heading", name="Reading lamp")).to_be_visible()
    await expect(page.locator(".facts").first).to_contain_text("19.90")
    await expect(page.locator(".facts").first).to_contain_text("Large")
    visitors.forgive("status of 409")


async def test_a_form_says_that_its_item_was_deleted_and_loses_nothing(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp")
    page = await live_page(await visitors.new(web), f"/items/{lamp}/edit/")
    await page.get_by_label("Name").fill("Reading lamp")
    await api.delete(lamp)
    await expect(page.locator("[data-part=meanwhile]")).to_contain_text("This item was deleted")
    await save(page)
    await page.get_by_role("button", name="Restore the item and save this").click()
    await expect(page.get_by_role("heading", name="Reading lamp")).to_be_visible()
    visitors.forgive(r"status of 40[49]")


async def test_who_may_not_watch_the_items_topic_hears_nothing_and_is_told(
    visitors: Visitors,
    installation: Installation,  # noqa: F811
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp", "39.90")
    installation.manage("shell", "--no-imports", "--command", RESTRICTED)
    page = await (await colleague(visitors, web)).open(f"/items/{lamp}/")
    pill = page.locator("[data-part=live-pill]")
    await expect(pill).to_have_attribute("data-kind", "not-live")
    other = await live_page(await visitors.new(web), f"/items/{lamp}/")
    await api.change(lamp, price="29.90")
    await expect(other.locator(".facts").first).to_contain_text("29.90")
    await expect(page.locator(".facts").first).to_contain_text("39.90")


RESTRICTED = """
from django.contrib.auth.models import Group, User
from streams.models import Topic
readers = Group.objects.create(name="readers")
Topic.objects.get(name="items.v1").readers.add(readers)
User.objects.filter(username="bob").update(is_superuser=False, is_staff=False)
"""


async def test_both_sides_of_a_field_are_chosen_between_by_keyboard_without_javascript(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp", "39.90")
    page = await (await colleague(visitors, web, java_script_enabled=False)).open(f"/items/{lamp}/edit/")
    await api.change(lamp, price="29.90", link="https://lamp.example/")
    await save(page, Price="25", Name="Reading lamp")
    choice = page.get_by_role("group", name="Price")
    await expect(choice).to_contain_text("alice saved")
    await expect(choice).to_contain_text("29.90")
    await expect(page.get_by_label("Price, yours")).to_have_value("25")
    await expect(page.get_by_label("Link")).to_have_value("https://lamp.example/")

    await save(page)  # without having chosen
    errors = page.locator("#errors")
    await expect(errors).to_contain_text("Price: Choose which one is saved.")
    await expect(errors).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # the link to the choice
    await expect(page.get_by_role("radio", name="alice saved")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="You typed")).to_be_checked()
    await page.get_by_label("Price, yours").fill("24")
    await save(page)
    facts = page.locator(".facts").first
    for saved in ("24.00", "https://lamp.example/"):
        await expect(facts).to_contain_text(saved)
    await expect(page.get_by_role("heading", name="Reading lamp")).to_be_visible()
    visitors.forgive("status of 409")


async def test_what_the_form_says_is_accessible_and_fits_the_screen(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    eye = Eye()
    lamp = await api.create("Desk lamp", "39.90", description="Small", sku="L-1")
    await api.create("Chair", sku="C-1")
    page = await live_page(await visitors.new(web, **PHONE), f"/items/{lamp}/edit/")
    long = "A description that is long enough to wrap wherever it is shown. " * 5
    await api.change(lamp, price="29.90", description=long, link=f"https://lamp.example/{'x' * 200}")
    await expect(page.locator("[data-part=meanwhile]")).to_contain_text("saved this item")
    await eye.look(page)
    await save(page, Price="25", Description="Mine")
    await expect(page.locator("#conflict")).to_be_visible()
    await eye.look(page)
    await save(page)
    await expect(page.locator("#errors")).to_be_visible()
    await eye.look(page)
    await page.goto(f"{web.url}/items/new/")
    await save(page, "Submit item", Price="much", SKU="C-1")
    await expect(page.locator("#errors")).to_be_focused()
    await expect(page.locator("#errors li")).to_have_count(3)  # no name, no price, a SKU that is taken
    await eye.look(page)
    visitors.forgive("status of 409")
    assert eye.wrong == []


async def test_the_list_is_used_by_keys(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    for name in ("red lamp", "green chair", "blue table"):
        await api.create(name)
    page = await live_page(await visitors.new(web), "/items/")
    keys = page.keyboard
    await keys.press("j")
    await expect(page.get_by_role("link", name="blue table")).to_be_focused()
    await keys.press("j")
    await keys.press("j")
    await keys.press("j")  # there is no fourth
    await expect(page.get_by_role("link", name="red lamp")).to_be_focused()
    await keys.press("k")
    await expect(page.get_by_role("link", name="green chair")).to_be_focused()
    await keys.press("/")
    await expect(page.get_by_label("Search")).to_be_focused()
    await keys.type("jk/")
    await expect(page.get_by_label("Search")).to_have_value("jk/")
    await page.get_by_label("Search").fill("green")
    await keys.press("Enter")
    await expect(page.locator("tr[data-item]")).to_have_count(1)
    # The page hears keys when its scripts have begun, not when its rows stand there.
    await expect(page.locator("[data-part=live-pill]")).to_have_attribute("data-kind", "live")
    await keys.press("j")
    await expect(page.get_by_role("link", name="green chair")).to_be_focused()
    await keys.press("Enter")
    await expect(page.get_by_role("heading", name="green chair")).to_be_visible()
