"""The one field of the board: words, filters of the server, what completes them, and conditions that are picked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visitors, live
from tests.browser.test_pages import PHONE, WIDE, axe_source, turn, violations
from tests.browser.test_records import producer
from tests.support.processes import Process, make_installation

pytestmark = pytest.mark.processes

TOPIC = "quakes"
GROWING = "quakes.growing"
PLACES = ("Castaic, CA", "Hualian, Taiwan", "Kodiak, Alaska")

# Writes what is given into parts of the page and answers, before anything else runs, where the tools stand then.
SAYS = """(texts) => {
  for (const [part, text] of Object.entries(texts)) document.querySelector(`[data-part=${part}]`).textContent = text;
  const tools = [...document.querySelectorAll("[data-part=field], [data-part=pause], [data-part=help-button], .bar")];
  return JSON.stringify(tools.map((tool) => tool.getBoundingClientRect()));
}"""


def quake(number: int) -> bytes:
    """Each third is at one place; every tenth has no magnitude, the others one from 0 to 8."""
    props: dict[str, object] = {"mag": number % 10, "place": PLACES[number % 3]}
    if number % 10 == 9:
        del props["mag"]
    return json.dumps({"id": f"q{number}", "props": props}).encode()


def produce(web: Process, topic: str, *numbers: int) -> None:
    kafka = producer(web)
    for number in numbers:
        kafka.produce(topic, quake(number), key=b"k%d" % (number % 4), partition=0)
    assert kafka.flush(30) == 0


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One running embedded product for the tests of this file, with 60 records in each of two topics."""
    installation = make_installation(tmp_path_factory.mktemp("field"), None, {})
    for topic in (TOPIC, GROWING):
        installation.watch(topic)
    web = installation.web()
    for topic in (TOPIC, GROWING):
        produce(web, topic, *range(60))
    yield web
    installation.close()


def field(page: Page) -> Locator:
    return page.get_by_label("Filter the records")


def rows(page: Page) -> Locator:
    return page.locator(".row[data-kind=record]")


async def test_a_filter_is_applied_by_the_server_counted_and_kept_in_the_address(
    visitors: Visitors, web: Process
) -> None:
    page = await (await visitors.new(web)).board(GROWING)
    await expect(rows(page)).to_have_count(60)
    await page.keyboard.press("/")
    await page.keyboard.type("value.props.mag >= 8")
    await expect(page.locator("[data-part=filter-kind]")).to_have_text("filter")
    said = page.locator(".field-said")
    await expect(said).to_have_text("Filter: 6 of the newest 60 records match (failed with 6). Enter applies it.")
    await expect(page.locator(".example").first).to_contain_text("0:58")
    await expect(page.locator(".example.failed")).to_contain_text("failed at 0:59")
    await expect(page.locator(".found")).to_be_hidden()  # nothing holds yet
    await expect(rows(page)).to_have_count(60)

    await page.keyboard.press("Enter")
    await expect(rows(page)).to_have_count(6)
    await expect(page.locator(".field-help")).to_be_hidden()
    assert page.url.endswith(f"?topic={GROWING}&filter=value.props.mag+%3E%3D+8")
    await expect(page.locator(".found")).to_contain_text("Before that 6 match, since the beginning of the topic.")
    produce(web, GROWING, 68, 69, 70)
    await expect(rows(page)).to_have_count(7)
    await expect(page.locator(".found")).to_contain_text("1 of 3 records matches, 1 failed.")
    await expect(page.locator("#board")).to_have_attribute("data-jumps", "0")

    await page.reload()
    await live(page)
    await expect(field(page)).to_have_value("value.props.mag >= 8")
    await expect(rows(page)).to_have_count(7)
    await page.go_back()
    await expect(field(page)).to_have_value("")
    await expect(rows(page)).to_have_count(63)
    await page.go_forward()
    await expect(rows(page)).to_have_count(7)
    await page.get_by_role("button", name="Clear the field").click()
    await expect(rows(page)).to_have_count(63)
    await expect(page.locator(".found")).to_be_hidden()


async def test_what_is_wrong_stands_under_its_character_and_is_not_applied(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await expect(rows(page)).to_have_count(60)
    await field(page).fill("value.props.mag = 3")
    await expect(page.locator(".field-said.wrong")).to_have_text("= means nothing here: == compares.")
    line, under = (await page.locator(".pointed").inner_text()).split("\n")
    assert line[under.index("▲")] == "="
    await expect(field(page)).to_have_attribute("aria-invalid", "true")
    await page.keyboard.press("Enter")
    await expect(page.locator(".field-help")).to_be_visible()
    await expect(rows(page)).to_have_count(60)
    assert "filter" not in page.url
    await page.get_by_role("button", name="Look for these words instead").click()
    await expect(field(page)).to_have_value('text("value.props.mag = 3")')
    await expect(rows(page)).to_have_count(0)

    await page.goto(f"{web.url}/?topic={TOPIC}&filter=value.props.mag+%3D+3")
    await expect(page.locator(".nothing")).to_contain_text("This filter cannot be used: = means nothing here")
    await expect(page.locator("[data-part=pill-label]")).to_have_text("filter is wrong")
    await expect(page.locator(".nothing")).not_to_contain_text("addtopic")
    await field(page).fill("Kodiak")
    await expect(rows(page)).to_have_count(20)


async def test_a_filter_is_completed_from_the_records_seen_with_the_keyboard_alone(
    visitors: Visitors, web: Process
) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await expect(rows(page)).to_have_count(60)
    await page.keyboard.press("/")
    await page.keyboard.type("plac")
    options = page.locator("#field-options").get_by_role("option")
    await expect(options.first).to_contain_text("value.props.place")
    await expect(field(page)).to_have_attribute("aria-expanded", "true")
    await page.keyboard.press("ArrowDown")
    active = await field(page).get_attribute("aria-activedescendant")
    await expect(page.locator(f"#{active}")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Enter")
    await expect(field(page)).to_have_value("value.props.place ")
    await expect(options.first).to_contain_text("==")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(options).to_have_count(3)
    await page.keyboard.type('"hual')
    await expect(options).to_have_count(1)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(field(page)).to_have_value('value.props.place == "Hualian, Taiwan" ')
    await expect(page.locator(".field-said")).to_contain_text("20 of the newest 60 records match")
    await page.keyboard.press("Escape")
    await expect(page.locator(".field-help")).to_be_hidden()
    await expect(field(page)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(rows(page)).to_have_count(20)
    await expect(rows(page).first.locator("mark")).to_have_text("Hualian, Taiwan")


async def test_a_click_on_a_value_adds_a_condition_and_so_do_the_keys(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await expect(rows(page)).to_have_count(60)
    await rows(page).first.click(position={"x": 8, "y": 8})  # number 59
    detail = page.locator(".detail")
    await detail.get_by_role("button", name='"Kodiak, Alaska"').click()
    await expect(field(page)).to_have_value('value.props.place == "Kodiak, Alaska"')
    await expect(rows(page)).to_have_count(20)
    await expect(detail).to_be_visible()  # it stays on its record
    await expect(detail.locator("mark")).to_have_text("Kodiak, Alaska")

    await detail.get_by_role("button", name="without it").click()
    await detail.get_by_role("button", name="k3", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(field(page)).to_have_value('value.props.place == "Kodiak, Alaska" && key != "k3"')
    await expect(rows(page)).to_have_count(15)
    await expect(detail.get_by_role("button", name="k3", exact=True)).to_be_focused()
    await detail.get_by_role("button", name='"q59"').focus()
    await page.keyboard.press("ArrowDown")
    await expect(detail.get_by_role("button", name='"Kodiak, Alaska"')).to_be_focused()
    await page.keyboard.press("Enter")  # the opposite takes the place of what was there
    await expect(field(page)).to_have_value('key != "k3" && value.props.place != "Kodiak, Alaska"')
    await expect(rows(page)).to_have_count(30)

    await field(page).fill("")
    await expect(rows(page)).to_have_count(60)
    await rows(page).first.locator(".key").click(modifiers=["Alt"])
    await expect(field(page)).to_have_value('key == "k3"')
    await expect(rows(page)).to_have_count(15)  # where the first one stands now
    box = await rows(page).first.locator(".value").bounding_box()
    assert box is not None
    await page.keyboard.down("Alt")
    await page.mouse.click(box["x"] + 12, box["y"] + 14)  # on the first name or what it says
    await page.keyboard.up("Alt")
    await expect(field(page)).to_have_value(re.compile(r'^key == "k3" && value\.'))


async def test_words_stay_words_and_the_field_says_so(visitors: Visitors, web: Process) -> None:
    page = await (await visitors.new(web)).board(TOPIC)
    await expect(rows(page)).to_have_count(60)
    await field(page).fill("taiwan")
    await expect(page.locator("[data-part=filter-kind]")).to_have_text("words")
    await expect(rows(page)).to_have_count(20)
    await expect(rows(page).first.locator("mark")).to_have_text("Taiwan")
    await expect(page.locator(".found")).to_contain_text("20 of the newest 60 records fit. Nothing older is searched.")
    await page.get_by_role("button", name="As a filter, by the server").click()
    await expect(field(page)).to_have_value('text("taiwan")')
    await expect(page.locator(".found")).to_contain_text("Before that 20 match, since the beginning of the topic.")
    await expect(rows(page)).to_have_count(20)


async def test_the_field_and_what_it_opens_are_accessible_and_move_nothing(visitors: Visitors, web: Process) -> None:
    axe = axe_source()
    wrong = []
    page = await (await visitors.new(web, **PHONE)).board(TOPIC)
    for screen in (PHONE, WIDE):
        await turn(page, screen)
        width = screen["viewport"]["width"]
        await field(page).fill("")
        await expect(rows(page)).to_have_count(60)
        before = await field(page).bounding_box()
        bar = await page.locator(".bar").bounding_box()
        for text, said in (
            ("plac", "Words: "),
            ("value.props.mag = 3", "= means nothing here"),
            ("value.props.mag > 3 && value.", "A name was expected"),
            ("value.props.mag > 3", "of the newest 60 records match"),
        ):
            await field(page).fill(text)
            await expect(page.locator(".field-said")).to_contain_text(said)
            assert await field(page).bounding_box() == before
            assert await page.locator(".bar").bounding_box() == bar
            wrong += [f"{width} {text}: {violation}" for violation in await violations(page, axe)]
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"wider than {width} px with {text}")
    assert wrong == []


async def test_what_goes_on_moves_no_tool_beside_it(visitors: Visitors, web: Process) -> None:
    """Rates grow, states change: nobody's field may slip away under their finger."""
    for width in (360, 768, 1280, 1920):
        person = await visitors.new(web, viewport={"width": width, "height": 740})
        page = await person.board(TOPIC)
        await expect(rows(page)).to_have_count(60)
        places = set()
        for state, rate, lag in (
            ("live", "0/s", "–"),
            ("live", "9.9/s", "999 ms"),
            ("catching up", "12\u202f345/s", "119 min"),
            ("reconnecting in 12 s", "0/s", "1.2 s"),
            ("down since 14:03:22, 1\u202f200 events wait", "0/s", "48 h"),
        ):
            places.add(await page.evaluate(SAYS, {"pill-label": state, "rate": rate, "lag": lag}))
        assert len(places) == 1, f"at {width} px: {places}"
        await page.close()
