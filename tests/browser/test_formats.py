"""One board by another format: chosen on the page, in the address, said plainly, and nothing of it at others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visitors, live
from tests.browser.test_records import producer
from tests.support.processes import Installation, Process, make_installation

pytestmark = pytest.mark.processes

TOPIC = "otherwise"
RECORDS = 260  # more than a board begins with
Web = tuple[Installation, Process]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One running product with a topic of small JSON."""
    installation = make_installation(tmp_path_factory.mktemp("formats"), None, {})
    installation.watch(TOPIC, "Otherwise")
    web = installation.web()
    produce(web, range(RECORDS))
    yield installation, web
    installation.close()


def value(number: int) -> bytes:
    return b'{"n":%d}' % number


def produce(web: Process, numbers: range) -> None:
    kafka = producer(web)
    for number in numbers:
        kafka.produce(TOPIC, value(number), key=b"k%d" % number, partition=0)
    assert kafka.flush(30) == 0


def row(page: Page, text: str) -> Locator:
    return page.locator("[data-part=rows] .row[data-kind=record]").filter(has_text=text)


async def test_values_are_shown_by_another_format_for_one_person_alone(visitors: Visitors, web: Web) -> None:
    process = web[1]
    first, second = await visitors.new(process), await visitors.new(process)
    page, other = await first.board(TOPIC), await second.board(TOPIC)
    strip = page.locator("[data-part=formats]")
    await expect(strip).to_be_hidden()

    # By the keyboard alone.
    await page.get_by_role("button", name="read as …").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Read as")).to_be_visible()
    await page.get_by_label("values as").select_option("hex")
    await page.get_by_label("keys as").select_option("base64")
    await page.get_by_role("button", name="Show so").press("Enter")
    await expect(strip).to_contain_text("Only for you: values as hex, keys as base64.")
    assert "value_format=hex&key_format=base64" in page.url
    await expect(row(page, value(RECORDS - 1).hex())).to_have_count(1)  # what was there before

    # What comes, at both.
    await live(page)
    produce(process, range(1000, 1001))
    await expect(row(page, value(1000).hex())).to_have_count(1)
    await expect(row(other, "n: 1000")).to_have_count(1)
    await expect(row(other, value(1000).hex())).to_have_count(0)
    await expect(other.locator("[data-part=formats]")).to_be_hidden()

    # What lies further down, and one record.
    await page.get_by_role("button", name="Load older records").press("Enter")
    await expect(page.locator("[data-part=older-note]")).to_have_text("Nothing older is in Kafka.")
    await expect(row(page, value(0).hex())).to_have_count(1)
    await row(page, value(0).hex()).click()
    detail = page.locator("[data-part=detail]")
    await expect(detail).to_contain_text(value(0).hex())
    await expect(detail.locator(".detail-decoded")).to_contain_text("hex")

    # In history, with a filter that sees it so.
    await page.locator("#filter").fill(f'value == "{value(7).hex()}"')
    await page.locator("#filter").press("Control+Enter")
    found = page.locator("[data-part=history-rows] .row[data-kind=record]")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text(value(7).hex())

    # A reload keeps it; going back, and the button, give it up.
    await page.reload()
    await expect(row(page, value(1000).hex())).to_have_count(1)
    await expect(strip).to_be_visible()
    await page.get_by_role("button", name="As the topic has them").click()
    await expect(strip).to_be_hidden()
    await expect(row(page, value(1000).hex())).to_have_count(0)
    await expect(row(page, "n: 1000")).to_have_count(1)
    assert "format" not in page.url
    await page.go_back()
    await expect(row(page, value(1000).hex())).to_have_count(1)


async def test_a_format_that_cannot_be_says_what_to_do(visitors: Visitors, web: Web) -> None:
    page = await (await visitors.new(web[1])).open(f"/?topic={TOPIC}&value_format=avro")
    await expect(page.locator("[data-part=nothing]")).to_contain_text("There is no schema registry")
    await page.get_by_role("button", name="As the topic has them").click()
    await expect(row(page, "k259")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_a_phone(visitors: Visitors, web: Web, scheme: str) -> None:
    page = await (await visitors.new(web[1])).board(f"{TOPIC}&value_format=hex")
    await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    await page.set_viewport_size({"width": 360, "height": 720})
    await expect(page.locator("[data-part=formats-said]")).to_be_visible()
    order = await page.locator("#order").bounding_box()
    assert order is not None
    assert order["width"] > 40  # there is room for it
    await page.get_by_role("button", name="read as …").click()
    await expect(page.get_by_label("values as")).to_have_value("hex")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    box = await page.locator(".formats-sheet").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
