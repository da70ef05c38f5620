"""Reading in peace: what somebody reads stays where it is, whatever arrives; the way back; what lies further down."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.conftest import Visitors, places
from tests.browser.test_records import STANDS_STILL, producer
from tests.conftest import Install
from tests.support.processes import Installation, Process
from tests.support.waiting import until

TOPIC = "readings"
MANY = 60  # more rows than a screen shows


def watched(installation: Installation) -> Process:
    installation.watch(TOPIC, "Readings")
    return installation.web()


def produce(web: Process, first: int, count: int, *, partition: int = 0) -> None:
    """Records with their numbers as values, a second apart by their timestamps."""
    kafka = producer(web)
    for number in range(first, first + count):
        kafka.produce(
            TOPIC, b'{"number": %d}' % number, partition=partition, timestamp=1_700_000_000_000 + number * 1000
        )
    assert kafka.flush(30) == 0


async def received(page: Page, count: int) -> None:
    await expect(page.locator("#board")).to_have_attribute("data-received", str(count))


async def drawn(page: Page, count: int) -> None:
    """The rows of so many records stand there; before there is nothing to read or to scroll in."""
    await expect(page.locator("#board")).to_have_attribute("data-shown", str(count))


async def scroll(page: Page, top: int) -> None:
    await page.evaluate("top => { document.querySelector('.stream').scrollTop = top }", top)


# A clock that stands still until a test has time pass, ms; and whether the board ever said that there is nothing.
CLOCK = "{ let now = Date.now(); Date.now = () => now; window.pass = ms => (now += ms); }"
NOTES_NOTHING = """new MutationObserver(() => {
  window.saidNothing ||= document.querySelector('.nothing')?.checkVisibility() ?? false;
}).observe(document, { subtree: true, childList: true, attributes: true })"""


async def test_a_topic_is_not_called_empty_while_its_records_are_on_the_way(
    visitors: Visitors, install: Install
) -> None:
    web = watched(install())
    produce(web, 0, 3)
    person = await visitors.new(web)
    await person.context.add_init_script(CLOCK)
    await person.context.add_init_script(NOTES_NOTHING)
    held: list[Callable[[], None]] = []

    def hold(client: WebSocketRoute) -> None:
        server = client.connect_to_server()
        client.on_message(server.send)

        def heard(message: str | bytes) -> None:
            if '"type":"records"' in str(message):
                held.append(lambda: client.send(message))
            else:
                client.send(message)

        server.on_message(heard)

    await person.context.route_web_socket(re.compile("/ws/live/"), hold)
    board = await person.board(TOPIC)
    await until(lambda: held, "the records are on the way")
    asked: list[str] = []
    board.on("request", lambda request: asked.append(request.url))
    for second in (2, 4):  # the board looks at its clock: what it would say of nothing would be loaded then, and shown
        await board.evaluate("pass(2000)")
        await expect(board.locator("[data-count=connected]")).to_have_text(f"00:00:0{second}")
    assert [url for url in asked if "empty" in url] == []
    for release in held:
        release()
    await drawn(board, 3)
    assert not await board.evaluate("window.saidNothing")


async def test_scrolling_selecting_and_marking_text_hold_the_view_and_new_ones_lead_back(
    visitors: Visitors, install: Install
) -> None:
    web = watched(install())
    produce(web, 0, MANY)
    board = await (await visitors.new(web)).board(TOPIC)
    root, newer = board.locator("#board"), board.get_by_role("button", name="new")
    total = MANY
    await drawn(board, total)

    async def hold_and_return(count: int) -> None:
        await expect(root).to_have_attribute("data-held", "true")
        seen = await places(board)
        produce(web, total, count)
        await received(board, total + count)
        assert await places(board) == seen, "what is read has moved"
        await expect(newer).to_have_text(f"{count} new ↑")
        await newer.click()
        await expect(root).to_have_attribute("data-held", "false")
        await expect(board.locator(".row[data-kind=record]").first).to_have_attribute(
            "data-offset", f"{total + count - 1}"
        )

    await scroll(board, 300)
    await hold_and_return(3)
    total += 3
    await board.keyboard.press("j")
    await hold_and_return(4)
    total += 4
    await board.locator(".row[data-kind=record] .value").nth(2).dblclick()  # marks a word, and opens the detail
    await hold_and_return(5)
    total += 5
    await expect(board.locator(".detail")).to_be_visible()
    await board.keyboard.press("Escape")

    await scroll(board, 300)
    await expect(root).to_have_attribute("data-held", "true")
    await scroll(board, 0)
    await expect(root).to_have_attribute("data-held", "false")


async def test_the_start_stands_in_the_order_of_time_and_older_records_are_loaded_to_the_beginning(
    visitors: Visitors, install: Install
) -> None:
    web = watched(install())
    each = 150
    kafka = producer(web)
    for number in range(3 * each):  # three partitions whose records take turns in time
        stamp = 1_700_000_000_000 + number * 1000
        kafka.produce(TOPIC, b'{"number": %d}' % number, partition=number % 3, timestamp=stamp)
    assert kafka.flush(30) == 0
    person = await visitors.new(web)
    await person.context.add_init_script(STANDS_STILL)  # however long the past takes, it is waited for
    board = await person.board(TOPIC)
    await drawn(board, 200)
    shown = await numbers(board)
    assert shown == list(range(3 * each - 1, 3 * each - 201, -1))

    older, rows = board.locator("[data-part=older-load]"), board.locator(".row[data-kind=record]")
    await older.focus()  # comes into sight by that, and what lies further down is loaded
    await expect(rows).to_have_count(400)
    await expect(older).to_be_focused()
    await scroll(board, 10**6)
    await expect(rows).to_have_count(3 * each)
    assert await numbers(board) == list(range(3 * each - 1, -1, -1))
    await expect(board.locator("[data-part=older-note]")).to_have_text("Nothing older is in Kafka.")


async def numbers(page: Page) -> list[int]:
    # Not the text that is laid out: rows out of sight are not.
    texts = await page.locator(".row[data-kind=record] .value").all_text_contents()
    return [int(text.split(":")[1]) for text in texts]


async def test_what_is_passed_over_in_a_burst_has_a_row_that_loads_it(visitors: Visitors, install: Install) -> None:
    web = watched(install())
    produce(web, 0, MANY)
    board = await (await visitors.new(web)).board(TOPIC)
    await drawn(board, MANY)
    await scroll(board, 300)
    await expect(board.locator("#board")).to_have_attribute("data-held", "true")
    burst = 4_400  # more than a board keeps while it stands still
    produce(web, MANY, burst)
    await received(board, MANY + burst)
    await expect(board.get_by_role("button", name="new")).to_have_text("4\u202f400 new ↑")
    await board.keyboard.press("Space")  # somebody reads already: pausing changes nothing of what is new
    await expect(board.locator("[data-part=pause-label]")).to_have_text("go on · 4\u202f400 new")
    await board.keyboard.press("n")
    await expect(board.locator("#board")).to_have_attribute("data-held", "false")
    row = board.locator(".row[data-reason=passed]")
    await expect(row).to_have_count(1)  # with it all that was passed over is counted
    skipped = int(await board.locator("#board").get_attribute("data-skipped") or "")
    assert skipped > 0
    await board.locator("[data-part=skipped-button]").click()
    await expect(row).to_be_focused()
    await expect(row).to_contain_text(f"offsets {MANY}")
    load = row.get_by_role("button", name="Load")
    await board.keyboard.press("Enter")
    await expect(row).to_contain_text(f"offsets {MANY + 500}")
    await expect(board.locator(f".row[data-offset='{MANY}']")).to_have_count(1)
    await expect(row).to_be_focused()
    # What was pressed stays under the keyboard, and after the last of them the newest that was loaded is.
    await load.focus()
    for loaded in range(1000, skipped, 500):
        await expect(load).to_be_focused()
        await board.keyboard.press("Enter")
        await expect(row).to_contain_text(f"offsets {MANY + loaded:,}".replace(",", "\u202f"))
    await board.keyboard.press("Enter")
    await expect(row).to_have_count(0)
    newest = board.locator(f".row[data-offset='{MANY + skipped - 1}']")
    await expect(newest).to_be_focused()
    await expect(newest).to_have_attribute("aria-selected", "true")
