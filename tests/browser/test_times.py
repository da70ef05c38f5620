"""One zone on all pages: the browser's, as on the board; UTC, and said so, where no script runs."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.async_api import Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_items_live import Api, api, installation, live_list, web  # noqa: F401  (fixtures)
from tests.support.processes import Process

NEW_YORK = "America/New_York"


async def times(page: Page) -> list[tuple[str, str]]:
    """Of each time on the page when it was, and what it says."""
    script = "times => times.map(time => [time.dateTime, time.textContent])"
    return [(iso, said) for iso, said in await page.locator("time").evaluate_all(script)]


def there(iso: str) -> str:
    return datetime.fromisoformat(iso).astimezone(ZoneInfo(NEW_YORK)).strftime("%Y-%m-%d %H:%M:%S")


async def test_the_list_and_an_items_page_say_times_in_the_browsers_zone(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp")
    person = await visitors.new(web, timezone_id=NEW_YORK)
    page = await live_list(person)
    await expect(page.locator("[data-zone]")).to_have_text(NEW_YORK)
    await api.change(lamp, price="5")  # by its event, then by the list that is read again
    await expect(page.locator(f'tr[data-item="{lamp}"]')).to_have_attribute("data-version", "2")
    another = await api.create("Another")
    await expect(page.locator(f'tr[data-item="{another}"]')).to_be_visible()
    said = await times(page)
    assert [text for _, text in said] == [there(iso) for iso, _ in said]
    assert len(said) == 2
    await expect(page.locator("[data-zone]")).to_have_text(NEW_YORK)

    detail = await person.open(f"/items/{lamp}/")
    await expect(detail.locator(".facts time").first).to_contain_text("UTC−0")
    said = await times(detail)  # on the way of each version it is the time alone, to the millisecond
    assert [there(iso).endswith(text.partition(" UTC")[0].partition(".")[0]) for iso, text in said] == [True] * len(
        said
    )
    assert [text.partition(" UTC")[0] for iso, text in said if "." not in text] == [
        there(iso) for iso, text in said if "." not in text
    ]


async def test_without_scripts_it_is_utc_and_said_so(
    visitors: Visitors,
    web: Process,  # noqa: F811
    api: Api,  # noqa: F811
) -> None:
    lamp = await api.create("Desk lamp")
    person = await visitors.new(web, timezone_id=NEW_YORK, java_script_enabled=False)
    page = await person.open("/items/")
    await expect(page.locator("[data-zone]")).to_have_text("UTC")
    page = await person.open(f"/items/{lamp}/")
    await expect(page.locator(".facts time").first).to_contain_text(" UTC")
