"""The live board in real browsers, on a real server: what happens is there, once, whatever the network does."""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import Visitors, live, places
from tests.conftest import Install
from tests.support.processes import CALL_SECONDS, SESSION_COOKIE, USERS, Installation, Process, session_of
from tests.support.proxy import Proxy
from tests.support.services import Kafka
from tests.support.waiting import until

ITEMS = "/api/items/"
# The items topic is for a group now, and bob is not in it; another topic is left to him.
TAKEN_AWAY = """
from django.contrib.auth.models import Group, User
from streams.models import Topic
User.objects.filter(username="bob").update(is_superuser=False, is_staff=False)
Topic.objects.create(name="another")
Topic.objects.get(name="items.v1").readers.add(Group.objects.create(name="readers"))
"""


@pytest_asyncio.fixture
async def installation(install: Install) -> AsyncIterator[Installation]:
    yield install()


@pytest_asyncio.fixture
async def web(installation: Installation) -> AsyncIterator[Process]:
    yield installation.web()


async def submit_by_api(installation: Installation, web: Process, *names: str) -> None:
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=20) as client:
        for name in names:
            answer = await client.post(ITEMS, json={"name": name, "price": "3.50"})
            assert answer.status_code == 201, answer.text


async def submit_by_form(page: Page, name: str, price: str) -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Price").fill(price)
    await page.get_by_role("button", name="Submit item").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def test_an_item_submitted_in_one_browser_appears_in_the_other(visitors: Visitors, web: Process) -> None:
    watcher, writer = await visitors.new(web), await visitors.new(web)
    board = await watcher.board()
    form = await writer.open("/items/new/")
    await submit_by_form(form, "Desk lamp", "39.90")
    row = board.locator(".row[data-kind=record]")
    await expect(row).to_have_count(1)
    for shown in ("created", "Desk lamp", "39.90", "v1", "by alice"):
        await expect(row).to_contain_text(shown)
    await row.get_by_role("link", name="Desk lamp").click()
    await expect(board.get_by_role("heading", name="Desk lamp")).to_be_visible()


async def test_changes_and_deletions_appear_too(visitors: Visitors, web: Process) -> None:
    someone = await visitors.new(web)
    board, form = await someone.board(), await someone.open("/items/new/")
    await submit_by_form(form, "Desk lamp", "39.90")
    await form.get_by_role("link", name="Edit").click()
    await form.get_by_label("Price").fill("29.90")
    await form.get_by_role("button", name="Save").click()
    await expect(board.locator(".row").first).to_contain_text("updated")
    await form.get_by_role("link", name="Delete").click()
    await form.get_by_role("button", name="Delete").click()
    rows = board.locator(".row[data-kind=record]")
    await expect(rows).to_have_count(3)
    await expect(rows.first).to_contain_text("deleted")
    await expect(rows.first.get_by_role("link")).to_have_count(0)


async def test_a_cut_network_costs_no_record_and_doubles_none(
    visitors: Visitors, installation: Installation, web: Process
) -> None:
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        near = await (await visitors.new(web)).board()
        far = await (await visitors.new(f"http://{proxy.address}")).board()
        await submit_by_api(installation, web, "one", "two")
        await expect(far.locator(".row[data-kind=record]")).to_have_count(2)
        proxy.cut()
        await expect(far.locator("#board")).not_to_have_attribute("data-state", "live")
        await submit_by_api(installation, web, "three", "four", "five")
        proxy.mend()
        await live(far)
        await submit_by_api(installation, web, "six")
        for board in (near, far):
            await expect(board.locator("#board")).to_have_attribute("data-received", "6")
            await expect(board.locator(".row[data-kind=record]")).to_have_count(6)
            assert len(set(await places(board))) == 6
            await expect(board.locator(".row[data-kind=gap]")).to_have_count(0)
        await expect(far.locator(".row[data-kind=note]")).to_contain_text("nothing missed")


async def test_a_connection_that_died_in_silence_is_replaced_when_the_network_returns(
    visitors: Visitors, installation: Installation, web: Process
) -> None:
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        person = await visitors.new(f"http://{proxy.address}")
        board = await person.board()
        await submit_by_api(installation, web, "one")
        await expect(board.locator("#board")).to_have_attribute("data-received", "1")
        proxy.freeze()
        await person.context.set_offline(True)
        await submit_by_api(installation, web, "two")
        proxy.cut()
        proxy.mend()
        await person.context.set_offline(False)
        await expect(board.locator("#board")).to_have_attribute("data-received", "2")
        await expect(board.locator(".row[data-kind=record]")).to_have_count(2)
        assert len(set(await places(board))) == 2


async def test_a_restarted_server_is_found_again(visitors: Visitors, installation: Installation, web: Process) -> None:
    board = await (await visitors.new(web)).board()
    await submit_by_api(installation, web, "one")
    await expect(board.locator(".row[data-kind=record]")).to_have_count(1)
    web.terminate()
    web.wait()
    await expect(board.locator("#board")).to_have_attribute("data-state", "reconnecting")
    web.start()
    await live(board)
    # The embedded broker forgot, and the relay published again: a new life, said so, and its records marked.
    await expect(board.locator(".row[data-kind=note]").first).to_contain_text("new life")
    await expect(board.locator(".row[data-kind=record]").first).to_contain_text("seen before")


async def test_down_says_since_when_and_what_waits(visitors: Visitors, install: Install) -> None:
    installation = install(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9")  # nobody listens on the discard port
    web = installation.web()
    board = await (await visitors.new(web)).open("/?topic=items.v1")
    await expect(board.locator("#board")).to_have_attribute("data-state", "down")
    await submit_by_api(installation, web, "one", "two")
    since = r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"  # with its day once another one has begun
    await expect(board.locator(".pill")).to_contain_text(re.compile(f"down since {since}, 2 events wait"))
    await expect(board.locator(".banner")).to_contain_text("Pages, forms, API and admin go on working")


async def test_signing_out_elsewhere_ends_the_board_and_signing_in_continues_it(
    visitors: Visitors, installation: Installation, web: Process
) -> None:
    person = await visitors.new(web)
    board = await person.board()
    other = await person.open("/items/")
    await other.locator("details[data-menu] summary").click()
    await other.get_by_role("button", name="Sign out").click()
    await expect(board.locator("#board")).to_have_attribute("data-state", "signed-out")
    await submit_by_api(installation, web, "while away")
    await board.get_by_role("link", name="Sign in").click()
    await expect(board.get_by_role("button", name="Sign in")).to_be_visible()
    await person.sign_in()
    await expect((await person.board()).locator(".row[data-kind=record]")).to_have_count(1)
    visitors.forgive(r"/api/topics/(\?names=|items\.v1/rates).* 401 ")  # asked before the board heard of it


async def test_a_topic_that_is_not_there_is_explained(visitors: Visitors, web: Process) -> None:
    board = await (await visitors.new(web)).open("/?topic=no-such-topic")
    await expect(board.locator("#board")).to_have_attribute("data-state", "refused")
    nothing = board.locator(".nothing")
    await expect(nothing).to_contain_text("There is no topic no-such-topic that you may watch.")
    await expect(nothing).to_contain_text("Staff can add it")
    await expect(nothing).to_contain_text("addtopic no-such-topic")
    await expect(board.locator(".banner")).to_be_hidden()  # it is said once, and trying again would not help
    await expect(board.get_by_role("button", name="Try again")).to_have_count(0)
    await board.get_by_label("Topic").fill("items.v1")
    await board.get_by_label("Topic").press("Enter")
    await live(board)
    assert board.url.endswith("?topic=items.v1")


async def test_enter_counts_before_the_list_of_topics_is_there(visitors: Visitors, web: Process) -> None:
    person = await visitors.new(web)
    goes_on = asyncio.Event()

    async def late(route: Route) -> None:
        await goes_on.wait()
        await route.continue_()

    await person.context.route("**/board/picker.js", late)
    board = await person.open("/?topic=no-such-topic")
    await expect(board.locator("#board")).to_have_attribute("data-state", "refused")
    await board.get_by_label("Topic").fill("items.v1")
    await board.get_by_label("Topic").press("Enter")
    goes_on.set()
    await live(board)


async def test_a_topic_that_is_not_in_kafka_is_told_in_plain_text_and_begins_by_itself(
    visitors: Visitors, install: Install, kafka: Kafka
) -> None:
    topic = f"unborn-{uuid.uuid4().hex}"
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address)  # the embedded broker has whatever is watched
    installation.watch(topic)
    board = await (await visitors.new(installation.web())).open(f"/?topic={topic}")
    await expect(board.get_by_role("heading", name=f"{topic} is not in Kafka yet")).to_be_visible()
    await expect(board.locator(".nothing")).to_contain_text("begins by itself once it is there")
    await expect(board.locator("[data-part=pill-label]")).to_have_text("not in Kafka yet")
    await expect(board.locator(".banner")).to_be_hidden()
    kafka.create_topic(topic, partitions=1)
    kafka.produce(topic, [b'{"text": "hello"}'])
    await live(board)
    await expect(board.locator(".row[data-kind=record]")).to_have_count(1)


async def test_a_right_that_is_taken_away_is_told_once_with_who_can_grant_it(
    visitors: Visitors, installation: Installation, web: Process
) -> None:
    person = await visitors.new(web, signed_in=False)
    await person.context.add_cookies([{"name": SESSION_COOKIE, "value": session_of(USERS[1]), "url": web.url}])
    board = await person.board()
    await submit_by_api(installation, web, "one")
    await expect(board.locator(".row[data-kind=record]")).to_have_count(1)
    installation.manage("shell", "--no-imports", "--command", TAKEN_AWAY)
    banner = board.locator(".banner")
    await expect(banner).to_contain_text("You may not watch items.v1 any more. Staff can grant it")
    await expect(banner.get_by_role("button")).to_have_count(0)
    await expect(board.locator(".nothing")).to_be_hidden()
    installation.query("DELETE FROM streams_topic_readers")
    await live(board)
    await expect(banner).to_be_hidden()
    visitors.forgive(r"/api/topics/items\.v1/rates.* 404 ")  # asked before the board heard of it


async def test_an_empty_topic_shows_how_to_fill_it(visitors: Visitors, web: Process) -> None:
    board = await (await visitors.new(web)).board()
    await expect(board.locator(".nothing")).to_contain_text("curl -X POST")
    await expect(board.locator(".nothing").get_by_role("link", name="Submit an item")).to_be_visible()


async def test_the_bars_begin_before_the_page_was_opened(
    visitors: Visitors, installation: Installation, web: Process
) -> None:
    await (await visitors.new(web)).board()
    for name in ("one", "two", "three"):
        await submit_by_api(installation, web, name)
    address = f"{web.url}/api/topics/items.v1/rates"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {installation.token}"}) as client:

        async def counted() -> dict[str, Any] | None:
            rates: dict[str, Any] = (await client.get(address, timeout=CALL_SECONDS)).json()
            return rates if sum(rates["records"]) == 3 else None

        rates = await until(counted, "the seconds that had the three records are over")
    assert 0 < len(rates["records"]) <= 300
    assert rates["from"] + len(rates["records"]) <= time.time()
    late = await (await visitors.new(web)).board()
    await expect(late.locator("[data-part=chart-caption]")).to_contain_text(f"highest {max(rates['records'])}")
    assert (await late.request.get(f"{web.url}/api/topics/no-such-topic/rates")).status == 404


async def test_a_held_view_goes_on_receiving(visitors: Visitors, installation: Installation, web: Process) -> None:
    board = await (await visitors.new(web)).board()
    await submit_by_api(installation, web, "one")
    rows = board.locator(".row[data-kind=record]")
    await expect(rows).to_have_count(1)
    await board.keyboard.press("Space")
    await submit_by_api(installation, web, "two", "three")
    await expect(board.locator("[data-part=pause]")).to_contain_text("go on · 2 new")
    await expect(rows).to_have_count(1)
    await board.keyboard.press("Space")
    await expect(rows).to_have_count(3)
    await expect(board.locator("#board")).to_have_attribute("data-skipped", "0")
