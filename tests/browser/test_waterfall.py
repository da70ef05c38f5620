"""How a browser comes to the first view of a page: how many requests, and how long the longest chain in which one is
only known when the one before was read. Counted, not timed: each step of a chain costs a trip over the line."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from streams.demo import replay
from tests.browser.conftest import Visitor, Visitors
from tests.browser.test_board import ITEMS
from tests.browser.test_boards import make_board, tile
from tests.support.processes import CALL_SECONDS, Process, make_installation

pytestmark = pytest.mark.processes

LONGEST = 3  # requests in a chain: the page, what it names, and one that a style sheet names
MOST = 37  # requests of the live board until its first rows stand there; other pages have fewer
# Of boards that are kept: a module each for figures and kinds of tiles, of which the second has all.
MOST_OF_BOARDS = {"/boards/measured/": 65, "/boards/earthquakes/": 87}
SMALL = 200 * 1024  # bytes on the line, compressed; without what charts and maps are drawn with, which comes behind
SAYS_WHEN = {"/?topic=items.v1"}  # the pages that say when their first rows stood there
PAGES = ["/?topic=items.v1", "/items/", "/items/1/", "/items/1/edit/", "/boards/measured/", "/boards/earthquakes/"]


class Waterfall:
    """The requests for what a page consists of, and by which other one the browser came to know of each."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.fetched: list[str] = []  # over the line, and not from what the browser has
        self.known_by: dict[str, str] = {}
        self.bytes = 0  # without libraries
        self._ids: dict[str, str] = {}  # its address

    @classmethod
    async def watch(cls, visitor: Visitor) -> Waterfall:
        page = await visitor.context.new_page()
        found = cls(page)
        line = await visitor.context.new_cdp_session(page)
        line.on("Network.requestWillBeSent", found._asked)
        line.on("Network.responseReceived", found._answered)
        line.on("Network.loadingFinished", found._loaded)
        await line.send("Network.enable")
        return found

    def _asked(self, event: dict[str, Any]) -> None:
        url, initiator = event["request"]["url"], event["initiator"]
        if event.get("type") not in {"Document", "Script", "Stylesheet", "Font", "Image", "Other", None}:
            return  # what is read later: the socket, and what a live page asks again
        self._ids[event["requestId"]] = url
        self.asked.append(url)
        frames = initiator.get("stack", {}).get("callFrames", [])
        self.known_by.setdefault(url, initiator.get("url") or (frames[0]["url"] if frames else ""))

    def _answered(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._ids and not event["response"].get("fromDiskCache"):
            self.fetched.append(event["response"]["url"])

    def _loaded(self, event: dict[str, Any]) -> None:
        if "/vendor/" not in self._ids.get(event["requestId"], "/vendor/"):
            self.bytes += int(event["encodedDataLength"])

    def chain(self, url: str) -> list[str]:
        """From the page to this request."""
        found = [url]
        while (before := self.known_by.get(found[0], "")) and before not in found:
            found.insert(0, before)
        return found


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One running product for all of the pages, with an item and a board that is kept."""
    installation = make_installation(tmp_path_factory.mktemp("waterfall"), None, {})
    installation.manage("collectstatic", "--noinput")
    web = installation.web()
    headers = {"Authorization": f"Bearer {installation.token}"}
    item = {"name": "a lamp", "price": "3.50"}
    assert httpx.post(web.url + ITEMS, json=item, headers=headers, timeout=CALL_SECONDS).status_code == 201
    make_board(installation, web, [tile("count", "number", {"figure": "count"}, "items.v1")])
    of_demo = json.loads(replay.BOARD.read_text())  # every kind but a text
    make_board(installation, web, [each | {"topic": "items.v1"} for each in of_demo["tiles"]], name=of_demo["name"])
    yield web
    installation.close()


async def asked_for_the_first_view(waterfall: Waterfall, path: str) -> list[str]:
    """What the page asked for until its first rows stood there; where it does not say when that was, until now."""
    page = waterfall.page
    if path not in SAYS_WHEN:
        await page.wait_for_load_state("networkidle")
        return waterfall.asked
    await page.wait_for_function("() => performance.getEntriesByName('streamboard.first-view').length > 0")
    asked = list(waterfall.asked)  # some of it since then; what follows was all asked for later
    await page.wait_for_load_state("networkidle")  # what is under way is told only when it has come
    script = """() => {
      const [view] = performance.getEntriesByName("streamboard.first-view");
      const asked = performance.getEntriesByType("resource");
      return asked.filter(({ startTime }) => startTime > view.startTime).map(({ name }) => name);
    }"""
    later = set(await page.evaluate(script))
    return [url for url in asked if url not in later]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_names_all_that_it_needs(visitors: Visitors, web: Process, path: str) -> None:
    waterfall = await Waterfall.watch(await visitors.new(web))
    await waterfall.page.goto(web.url + path)
    pill = waterfall.page.locator("[data-part=pill], [data-part=live-pill]")
    await expect(pill).to_have_class(re.compile(r"\blive\b"))

    asked = await asked_for_the_first_view(waterfall, path)
    fetched = [url for url in waterfall.fetched if url in asked]
    chains = {url: waterfall.chain(url) for url in asked}
    assert {url: chain for url, chain in chains.items() if len(chain) > LONGEST} == {}
    modules = [url for url in waterfall.fetched if url.endswith(".js")]
    assert len(modules) > 10, "the modules were seen"
    assert [url for url, times in Counter(modules).items() if times > 1] == []
    assert len(fetched) <= MOST_OF_BOARDS.get(path, MOST)
    assert waterfall.bytes < SMALL


async def test_a_board_asks_for_what_its_kinds_of_tiles_need_and_for_no_other(visitors: Visitors, web: Process) -> None:
    waterfall = await Waterfall.watch(await visitors.new(web))
    await waterfall.page.goto(f"{web.url}/boards/measured/")
    await expect(waterfall.page.locator("[data-figure=count]")).to_have_attribute("value", re.compile("[1-9]"))
    kinds = re.compile(r"/boards/(?:tiles|figures/of)/(number|top|distribution|table|stream|text|chart|map)[.\w]*\.js$")
    asked = [match.group(1) for url in waterfall.asked if (match := kinds.search(url))]
    assert asked == ["number", "number"]  # its figures, and its drawing


async def test_what_comes_later_is_said_when_it_cannot_be_had_and_is_there_at_the_next_try(
    visitors: Visitors, web: Process
) -> None:
    person = await visitors.new(web)
    parts = re.compile(r"/board/(past|picker)\.js$")
    await person.context.route(parts, lambda route: route.abort())
    board = await person.board()
    older = board.get_by_role("button", name="Load older records")
    await older.press("Enter")
    await expect(board.locator(".row[data-kind=note]")).to_contain_text("could not be loaded")
    topic = board.get_by_role("combobox", name="Topic")
    await topic.press("ArrowDown")
    await expect(topic).to_have_attribute("title", re.compile("could not be loaded"))

    await person.context.unroute(parts)
    await topic.press("ArrowDown")
    await expect(board.get_by_role("option").first).to_be_visible()
    await topic.press("Escape")
    await older.press("Enter")
    await expect(board.locator("[data-part=older-note]")).to_have_text("Nothing older is in Kafka.")
