"""Boards in a real browser, on a real server: what tiles show is what a program computes from the offsets they name."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser.conftest import Visitor, Visitors, live
from tests.browser.test_pages import axe_source, violations
from tests.browser.test_records import producer
from tests.conftest import Install
from tests.support.processes import ROOT, USERS, Installation, Process
from tests.support.proxy import Proxy
from tests.support.services import Kafka

TOPIC = "measured"
SEED = 20261125
AWAY_S = 30.0  # longer than a connection is believed to be alive
SIZED = re.compile(r"\bsized\b")
SEEN_MS = 60_000  # until the server has looked at Kafka's topics again
Record = tuple[int, int, str | None, Any]  # partition, offset, key, value; None for a tombstone


def tile(name: str, kind: str, options: dict[str, Any], topic: str = TOPIC) -> dict[str, Any]:
    place = {"x": 0, "y": 0, "w": 4, "h": 4}
    return {"id": name, "kind": kind, "title": name, "topic": topic, "options": options, **place}


NUMBERS = ["count", "sum", "mean", "min", "max", "p50", "p95", "distinct"]
TILES = [
    *(tile(figure, "number", {"figure": figure, "field": "value.n"}) for figure in NUMBERS),
    tile("top", "top", {"field": "value.kind", "limit": 4}),
    tile("spread", "distribution", {"field": "value.n", "bins": 10}),
    tile("table", "table", {"by": "key", "columns": ["value.n"], "sort": "key"}),
]


def make_board(installation: Installation, web: Process, tiles: list[dict[str, Any]], **more: Any) -> str:
    """Makes a board by the API; returns its path."""
    headers = {"Authorization": f"Bearer {installation.token}"}
    definition = {"name": "Measured", "tiles": tiles, "window": {"last_seconds": 600}, **more}
    answer = httpx.post(f"{web.url}/api/boards/", json=definition, headers=headers, timeout=30)
    assert answer.status_code == 201, answer.text
    return f"/boards/{answer.json()['slug']}/"


def value(random_: random.Random) -> dict[str, Any]:
    kind = random_.choice(["a", "b", "c", "d", "e", 7])
    return {"kind": kind, **({"n": random_.randrange(-500, 9_000) / 4} if random_.random() < 0.9 else {"n": "many"})}


def produce(web: Process, total: int, random_: random.Random) -> None:
    kafka = producer(web)
    for _ in range(total):
        key = f"k{random_.randrange(12)}"
        body = None if random_.random() < 0.05 else json.dumps(value(random_)).encode()
        kafka.produce(TOPIC, body, key=key.encode(), partition=int(key[1:]) % 3)
    assert kafka.flush(30) == 0


def stored(installation: Installation, web: Process, basis: dict[str, Any]) -> list[Record]:
    """The records of exactly the offsets that a basis names, as the records API gives them."""
    found: list[Record] = []
    with httpx.Client(
        base_url=web.url, headers={"Authorization": f"Bearer {installation.token}"}, timeout=30
    ) as client:
        for each in basis["ranges"]:
            at = each["from"]
            while at is not None and at < each["to"]:
                query = {"partition": each["partition"], "from": at, "to": each["to"]}
                page = client.get(f"/api/topics/{TOPIC}/records", params=query).json()
                assert page["epoch"] == basis["epoch"]
                found += [(each["partition"], one["offset"], one["key"], one["value"]) for one in page["records"]]
                at = page["next"]
    return found


async def snapshot(page: Page) -> dict[str, dict[str, Any]]:
    """Each tile's basis and what it shows, read in one moment."""
    script = """() => Object.fromEntries([...document.querySelectorAll("[data-tile]")].map(tile => [tile.dataset.tile, {
      basis: JSON.parse(tile.dataset.basis ?? "null"),
      figure: tile.querySelector("data[data-figure]")?.value,
      rows: [...tile.querySelectorAll("[data-key]")].map((row) => [row.dataset.key,
        ...[...row.querySelectorAll("[data-field]")].map((cell) => cell.value ?? cell.dataset.value)]),
      bins: [...tile.querySelectorAll("[data-from]")].map((bin) =>
        [Number(bin.dataset.from), Number(bin.dataset.to), Number(bin.querySelector("data").value)]),
    }]))"""
    found: dict[str, dict[str, Any]] = await page.evaluate(script)
    return found


def numbers(records: Iterable[Record]) -> list[float]:
    return [body["n"] for *_, body in records if body and not isinstance(body["n"], str)]


def expected_number(figure: str, records: list[Record]) -> float:
    found = sorted(numbers(records))
    rank = {"p50": 50, "p95": 95}.get(figure, 0)
    return {
        "count": len(records),
        "sum": sum(found),
        "mean": sum(found) / len(found),
        "min": found[0],
        "max": found[-1],
        "distinct": len({str(body["n"]) for *_, body in records if body}),
    }.get(figure, found[max(1, -(-rank * len(found) // 100)) - 1])


async def settled(page: Page, records: int) -> dict[str, dict[str, Any]]:
    """What the tiles show once all stand on that many records."""
    await page.wait_for_function(
        """wanted => {
             const tiles = [...document.querySelectorAll("[data-tile]")]; // none on the page before
             const isOn = ({ dataset: { basis } }) => basis && JSON.parse(basis).records === wanted;
             return tiles.length > 0 && tiles.every(isOn);
           }""",
        arg=records,
    )
    return await snapshot(page)


def compare(installation: Installation, web: Process, shown: dict[str, dict[str, Any]]) -> None:
    for name, tile_ in shown.items():
        basis = tile_["basis"]
        records = stored(installation, web, basis)
        assert len(records) == basis["records"], name
        if name in NUMBERS:
            assert float(tile_["figure"]) == pytest.approx(expected_number(name, records), rel=1e-12), name
            if name not in {"count", "distinct"}:
                assert basis["used"] == len(numbers(records))
                assert basis["without_value"] == len(records) - basis["used"]
    top = stored(installation, web, shown["top"]["basis"])
    counts = Counter(str(body["kind"]) for *_, body in top if body)
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:4]
    assert [row[:2] for row in shown["top"]["rows"]] == [[key, str(count)] for key, count in ranked]
    found = numbers(stored(installation, web, shown["spread"]["basis"]))
    bins = shown["spread"]["bins"]
    for place, (start, end, count) in enumerate(bins):
        is_last = place == len(bins) - 1
        assert count == sum(start <= n < end or (is_last and n == end) for n in found)
    assert sum(count for *_, count in bins) == len(found)
    latest = {key: body for _, _, key, body in sorted(stored(installation, web, shown["table"]["basis"]))}
    rows = {row[0]: row[2] for row in shown["table"]["rows"]}
    assert rows == {key: str(body["n"]).removesuffix(".0") for key, body in latest.items() if body}


async def test_what_tiles_show_is_what_a_program_computes_from_the_offsets_they_name(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    random_ = random.Random(SEED)
    produce(web, 1_500, random_)  # these are filled from Kafka
    page = await (await visitors.new(web)).open(make_board(installation, web, TILES))
    await live(page)
    compare(installation, web, await settled(page, 1_500))
    produce(web, 700, random_)  # and these come live
    compare(installation, web, await settled(page, 2_200))


async def test_nothing_is_missing_and_nothing_twice_after_a_cut(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, TILES)
    random_ = random.Random(SEED)
    produce(web, 300, random_)
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        page = await (await visitors.new(f"http://{proxy.address}")).open(path)
        await live(page)
        await settled(page, 300)
        proxy.cut()
        await expect(page.locator("#board")).not_to_have_attribute("data-state", "live")
        produce(web, 400, random_)
        proxy.mend()
        compare(installation, web, await settled(page, 700))
        await expect(page.locator("#board")).to_have_attribute("data-jumps", "0")


@pytest.mark.slow(60)
@pytest.mark.waits
async def test_after_half_a_minute_without_a_network_every_tile_is_right(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, TILES)
    random_ = random.Random(SEED)
    produce(web, 300, random_)
    with Proxy(f"127.0.0.1:{web.port}") as proxy:
        page = await (await visitors.new(f"http://{proxy.address}")).open(path)
        await settled(page, 300)
        proxy.cut()
        await page.context.set_offline(True)
        for _ in range(6):  # what happened meanwhile is spread over all of it
            produce(web, 100, random_)
            await asyncio.sleep(AWAY_S / 6)
        await expect(page.locator("#board")).not_to_have_attribute("data-state", "live")
        proxy.mend()
        await page.context.set_offline(False)
        compare(installation, web, await settled(page, 900))
        await expect(page.locator("#board")).to_have_attribute("data-jumps", "0")
        produce(web, 100, random_)
        compare(installation, web, await settled(page, 1_000))


async def test_a_topic_made_anew_begins_all_figures_anew(visitors: Visitors, install: Install, kafka: Kafka) -> None:
    topic = kafka.create_topic(partitions=1)
    kafka.produce(topic, [b'{"n": %d}' % n for n in range(5)])
    installation = install(KAFKA_BOOTSTRAP_SERVERS=kafka.address)
    installation.watch(topic)
    web = installation.web()
    tiles = [tile(figure, "number", {"figure": figure, "field": "value.n"}, topic) for figure in ("count", "max")]
    page = await (await visitors.new(web)).open(make_board(installation, web, tiles))
    before = await settled(page, 5)
    kafka.delete_topic(topic)
    kafka.create_topic(topic, partitions=1)
    kafka.produce(topic, [b'{"n": 1}', b'{"n": 2}'])
    await expect(page.locator('[data-tile="max"] data')).to_have_attribute("value", "2", timeout=SEEN_MS)
    after = await settled(page, 2)
    assert after["count"]["figure"] == "2"
    assert after["count"]["basis"]["epoch"] != before["count"]["basis"]["epoch"]
    assert after["count"]["basis"]["ranges"] == [{"partition": 0, "from": 0, "to": 2}]
    await live(page)


async def test_a_tile_says_what_it_stands_on_once_that_is_drawn_and_its_columns_can_be_moved_then(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 5, random.Random(SEED))
    rows = tile("rows", "stream", {"columns": ["value.kind", "value.n"], "order": "newest"})
    path = make_board(installation, web, [rows, tile("count", "number", {"figure": "count"}) | {"x": 4}])
    visitor = await visitors.new(web)
    release = await without(visitor, "**/boards/tiles/stream*.js")
    page = await edited(visitor, path)
    # Figures of all tiles come together: those of the first one are there as well.
    await expect(page.locator('[data-tile="count"] data')).to_have_attribute("value", "5")
    late = page.locator('[data-tile="rows"]')
    assert await late.get_attribute("data-basis") is None
    await expect(late.locator(".tile-foot > span")).to_have_text("")
    release.set()
    await settled(page, 5)
    await expect(late.locator("tr[data-offset]")).to_have_count(5)
    await expect(late.locator("th.movable")).to_have_count(2)


async def test_a_tile_on_a_topic_that_is_not_there_says_so_and_the_others_work(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 5, random.Random(SEED))
    tiles = [
        tile("count", "number", {"figure": "count"}),
        tile("other", "number", {"figure": "count"}, "unknown.topic"),
    ]
    page = await (await visitors.new(web)).open(make_board(installation, web, tiles))
    await live(page)
    figure = page.locator('[data-tile="count"] data')
    await expect(figure).to_have_attribute("value", "5")
    await expect(page.locator('[data-tile="other"] .tile-problem')).to_contain_text("You may not watch unknown.topic")


async def test_a_board_is_for_those_it_is_shared_with(visitors: Visitors, install: Install) -> None:
    installation = install()
    web = installation.web()
    owner: Visitor = await visitors.new(web)
    path = make_board(installation, web, [tile("words", "text", {"text": "# Hello\n\nWorld"}, "")])
    page = await owner.open(path)
    await expect(page.get_by_role("heading", name="Hello")).to_be_visible()
    listed = await owner.open("/boards/")
    await expect(listed.get_by_role("link", name="Measured")).to_be_visible()
    await listed.get_by_role("button", name="Star Measured").click()
    await expect(listed.get_by_role("button", name="Star Measured")).to_have_attribute("aria-pressed", "true")
    installation.query("UPDATE auth_user SET is_superuser = false WHERE username = 'alice'")
    installation.query("UPDATE streams_board SET owner_id = NULL")
    refused = await owner.context.request.get(web.url + path)
    assert refused.status == 403
    assert "not shared with you" in await refused.text()
    missing = await owner.context.request.get(f"{web.url}/boards/none/")
    assert missing.status == 404


@pytest.mark.skipif(not (ROOT / "streams/static/vendor/made-of.txt").is_file(), reason="make assets has not run")
async def test_charts_and_maps_are_drawn_under_the_policy(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    kafka = producer(web)
    kafka.produce(TOPIC, b'{"n": 1, "lat": 48.2, "lon": 16.4}', partition=0)
    kafka.produce(TOPIC, b'{"n": 3, "lat": 148.2, "lon": 16.4}', partition=0)
    assert kafka.flush(20) == 0
    tiles = [
        tile("chart", "chart", {"y": "value.n", "aggregate": "mean", "form": "line"}),
        tile("sums", "chart", {"y": "value.n", "aggregate": "sum", "split": "value.lon", "form": "bars"}),
        tile("dots", "chart", {"y": "value.n", "aggregate": "none", "form": "points"}),
        tile("map", "map", {"latitude": "value.lat", "longitude": "value.lon", "size": "value.n"}),
    ]
    page = await (await visitors.new(web)).open(make_board(installation, web, tiles))
    shown = await settled(page, 2)
    assert [shown["map"]["basis"][part] for part in ("used", "without_value")] == [1, 1]
    await expect(page.locator('[data-tile="chart"] canvas')).to_have_count(1)
    await expect(page.locator('[data-tile="map"] li')).to_have_count(1)
    said = '[data-tile="sums"] data[data-figure="sum"]'
    assert await page.locator(said).evaluate_all("all => all.reduce((sum, { value }) => sum + Number(value), 0)") == 4
    assert set(await page.locator(said).evaluate_all("all => all.map(({ dataset }) => dataset.of)")) == {"16.4"}
    buckets = page.locator('[data-tile="sums"] [data-bucket]')
    widths = await buckets.evaluate_all("all => all.map(({ dataset }) => [dataset.seconds, dataset.bucket % 10000])")
    assert widths
    assert set(map(tuple, widths)) == {("10", 0)}
    dots = page.locator('[data-tile="dots"] data[data-figure="value"]')
    assert await dots.evaluate_all("all => all.map(({ value }) => value)") == ["3", "1"]


# Pairs of tiles of which one covers a part of the other.
OVERLAPS = """() => {
  const nodes = [...document.querySelectorAll("[data-tile]")];
  const tiles = nodes.map((node) => [node.dataset.tile, node.getBoundingClientRect()]);
  return tiles.flatMap(([one, a], place) => tiles.slice(place + 1)
    .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
    .map(([other]) => `${one} and ${other}`));
}"""


async def edited(visitor: Visitor, path: str) -> Page:
    """The board in its editor, its gallery open."""
    page = await visitor.open(path)
    await live(page)
    await page.get_by_role("button", name="Edit").click()
    await expect(page.locator(".gallery")).to_be_visible()
    return page


async def add(page: Page, kind: str) -> None:
    """A second tile, as it is offered."""
    await page.locator(f"[data-add={kind}]").click()
    await page.locator("[data-accept]").click()
    await expect(page.locator("[data-tile]")).to_have_count(2)


async def definition(visitor: Visitor, path: str) -> dict[str, Any]:
    found: dict[str, Any] = await (await visitor.context.request.get(f"{visitor.address}/api{path.rstrip('/')}")).json()
    return found


async def test_a_tile_is_added_on_fields_of_the_topic_moved_by_keys_and_kept(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 60, random.Random(SEED))
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    await page.locator("[data-add=distribution]").click()
    preview = page.locator(".preview")
    await expect(preview.locator("[data-from]").first).to_be_attached()  # drawn on what the topic holds
    await expect(preview).to_contain_text(f"On the newest 60 records of {TOPIC}.")
    await page.get_by_label("Filter", exact=True).fill('value.kind == "a"')
    await page.get_by_label("Filter", exact=True).press("Enter")
    await expect(preview).to_contain_text(f"records of {TOPIC} that pass the filter.")
    basis = json.loads(await preview.locator("[data-basis]").get_attribute("data-basis") or "")
    passing = [body for *_, body in stored(installation, web, basis) if body and body["kind"] == "a"]
    assert basis["records"] == len(passing) > 0
    await expect(page.locator("[data-tile]")).to_have_count(1)  # it is not added yet
    await page.get_by_label("Filter", exact=True).fill("")
    await page.get_by_label("Filter", exact=True).press("Enter")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")  # out of the preview, not of the editor
    await expect(page.locator("[data-add=distribution]")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-accept]")).to_be_focused()
    await page.keyboard.press("Enter")
    added = page.locator('[data-tile="distribution-1"]')
    await expect(added.locator("[data-from]").first).to_be_attached()  # it shows the topic's records already
    await expect(preview).to_have_count(0)
    await expect(page.get_by_label("Field")).to_have_value("value.n")
    await expect(added).to_be_focused()
    bins = page.get_by_label("Bins, at most")
    await bins.fill("5")
    await bins.press("Enter")
    await expect(bins).to_be_focused()  # the panel was made anew under the keys
    await bins.press("Escape")
    await added.focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_be_hidden()
    await expect(added).to_be_visible()
    kept = (await definition(visitor, path))["tiles"]
    assert [each["kind"] for each in kept] == ["number", "distribution"]
    assert (kept[1]["x"], kept[1]["w"]) == (1, 5)
    assert kept[1]["options"]["bins"] == 5
    assert kept[1]["options"]["field"] == "value.n"


async def widths(page: Page) -> list[int]:
    """Those of the columns of its stream."""
    found: list[int] = await page.locator(".stream-table th").evaluate_all("all => all.map((th) => th.offsetWidth)")
    return found


async def drag(page: Page, handle: Locator, right: int) -> None:
    box = await handle.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 4, box["y"] + 8)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 4 + right, box["y"] + 8, steps=4)
    await page.mouse.up()


async def test_columns_of_a_stream_are_as_wide_as_somebody_made_them_and_stand_in_an_order_of_choice(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 20, random.Random(SEED))
    columns = ["value.kind", "value.n"]
    rows = tile("rows", "stream", {"columns": columns, "order": "newest"}) | {"w": 12, "h": 6}
    path = make_board(installation, web, [rows])
    visitor = await visitors.new(web)
    page = await visitor.open(path)
    await settled(page, 20)
    edge = page.get_by_role("separator", name="Width of kind")
    await edge.focus()
    before = int(await edge.get_attribute("aria-valuenow") or "")
    assert before == (await widths(page))[1]
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Shift+ArrowRight")
    await expect(edge).to_have_attribute("aria-valuenow", str(before + 60))
    await drag(page, edge, 40)
    await expect(edge).to_have_attribute("aria-valuenow", str(before + 100))
    chosen = await widths(page)
    assert chosen[1] == before + 100
    again = await visitor.open(path)  # kept in this browser, and no change of the board
    await expect(again.locator(".stream-table")).to_have_class(SIZED)
    assert await widths(again) == chosen
    assert "widths" not in (await definition(visitor, path))["tiles"][0]["options"]

    page = await edited(visitor, path)
    await settled(page, 20)
    await expect(page.locator(".stream-table")).not_to_have_class(SIZED)  # whoever edits sees what everybody sees
    edge = page.get_by_role("separator", name="Width of kind")
    await edge.focus()
    before = int(await edge.get_attribute("aria-valuenow") or "")
    await page.keyboard.press("Shift+ArrowRight")
    await page.get_by_role("button", name="Move value.n earlier").click()
    await expect(page.locator(".stream-table th").nth(1)).to_have_text("n")
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_be_hidden()
    kept = (await definition(visitor, path))["tiles"][0]
    assert kept["options"]["columns"] == columns[::-1]
    assert len(kept["options"]["widths"]) == 4
    assert kept["options"]["widths"][2] == before + 50
    assert (kept["x"], kept["w"]) == (0, 12)  # arrow keys on an edge move no tile
    await expect(page.locator(".stream-table")).to_have_class(SIZED)
    assert await widths(page) == kept["options"]["widths"]
    await page.get_by_role("separator", name="Width of kind").press("Enter")
    await expect(page.locator(".stream-table")).not_to_have_class(SIZED)


async def test_a_board_is_named_given_its_window_and_deleted_on_its_page(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    await page.get_by_label("Name").fill("Seen")
    await page.get_by_label("Name").press("Enter")
    await page.get_by_label("Opens with").select_option(label="in the last 1 min")
    await page.get_by_label("Filter of all tiles").fill("value.n > 1")
    await page.get_by_label("Filter of all tiles").press("Enter")
    await page.get_by_role("button", name="Save board").click()
    await expect(page.get_by_role("heading", name="Seen")).to_be_visible()
    await expect(page.get_by_role("button", name="1 min", exact=True)).to_have_attribute("aria-pressed", "true")
    kept = await definition(visitor, path)
    assert [kept[part] for part in ("name", "window", "filter")] == ["Seen", {"last_seconds": 60}, "value.n > 1"]
    await page.get_by_role("button", name="Edit").click()
    await page.get_by_role("button", name="Delete this board").click()
    await page.get_by_role("button", name="Delete it for everybody, for good").click()
    await expect(page.get_by_role("heading", name="No board yet")).to_be_visible()
    missing = await visitor.context.request.get(web.url + path)
    assert missing.status == 404


async def test_a_panel_is_not_made_anew_under_somebodys_hands(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    empty = make_board(installation, web, [], name="Empty")
    page, release = await waiting_for_topics(await visitors.new(web), path)
    topic = page.get_by_label("Topic")
    await expect(topic.locator("option")).to_have_text([TOPIC])
    await page.get_by_role("button", name="Delete this board").click()
    sure = page.get_by_role("button", name="Delete it for everybody, for good")
    await expect(sure).to_be_focused()
    await page.get_by_label("Name").press_sequentially("!")
    release.set()
    await expect(topic.locator("option")).to_have_text(["Items", TOPIC])
    await expect(topic).to_have_value(TOPIC)
    await expect(sure).to_be_visible()
    await expect(page.get_by_label("Name")).to_have_value("!Measured")
    await page.locator("[data-add=text]").click()  # one click, though it takes over the name, and draws the panel
    await expect(page.get_by_role("button", name="Add to the board")).to_be_focused()
    await expect(page.get_by_role("heading", name="!Measured")).to_have_count(0)  # until it is saved
    await page.get_by_role("button", name="Save board").click()
    await expect(page.get_by_role("heading", name="!Measured")).to_be_visible()

    page, release = await waiting_for_topics(await visitors.new(web), empty)  # no tile names a topic to begin with
    await expect(page.locator("[data-add=top]")).to_be_disabled()
    release.set()
    await expect(page.get_by_label("Topic")).to_have_value("items.v1")
    await page.get_by_label("Topic").select_option(TOPIC)
    await page.locator("[data-add=number]").click()
    await expect(page.locator(".preview")).to_be_visible()
    await expect(page.get_by_label("Topic")).to_have_value(TOPIC)


async def without(visitor: Visitor, address: str) -> asyncio.Event:
    """What has such an address comes to the visitor with the event, and not before."""
    release = asyncio.Event()

    async def held(route: Route) -> None:
        await release.wait()
        await route.continue_()

    await visitor.context.route(address, held)
    return release


async def waiting_for_topics(visitor: Visitor, path: str) -> tuple[Page, asyncio.Event]:
    """A board whose editor was opened before the server told of topics: that comes with the event."""
    release = await without(visitor, "**/boards/worker/worker*.js")
    page = await visitor.open(path)
    await page.get_by_role("button", name="Edit").click()
    await expect(page.locator(".gallery")).to_be_visible()
    return page, release


async def test_escape_leaves_a_board_as_it_was(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    page = await edited(await visitors.new(web), path)
    await add(page, "text")
    await page.keyboard.press("Escape")
    await expect(page.locator(".board-panel")).to_be_hidden()
    await expect(page.locator("[data-tile]")).to_have_count(1)


async def test_of_two_who_edit_the_later_one_is_shown_the_difference(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    everyone = {"read": "everyone", "edit": "everyone", "groups": []}
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})], sharing=everyone)
    installation.query("UPDATE auth_user SET is_superuser = false WHERE username = 'bob'")
    visitor, other = await visitors.new(web), await visitors.new(web, signed_in=False)
    await other.sign_in(USERS[1])
    first, second = await edited(visitor, path), await edited(other, path)
    for page, kind in ((first, "text"), (second, "number")):
        await add(page, kind)
        await page.get_by_role("button", name="Save board").click()
        if page is first:
            await expect(first.locator(".board-panel")).to_be_hidden()
    await expect(second.get_by_role("heading", name="Two changed this board")).to_be_visible()
    await expect(second.locator(".conflict")).to_contain_text("tile Number")
    await expect(second.locator(".board-panel")).to_contain_text("The board was changed meanwhile by alice")
    await second.get_by_role("button", name="Save both").click()
    await expect(second.locator(".board-panel")).to_be_hidden()
    kept = (await definition(visitor, path))["tiles"]
    assert [(each["id"], each["y"]) for each in kept] == [("count", 0), ("text-1", 4), ("number-1", 6)]
    visitors.forgive("status of 412")


async def test_a_save_whose_answer_was_lost_is_no_conflict_with_oneself(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    await add(page, "text")

    lost: list[str] = []

    async def lose(route: Route) -> None:
        if route.request.method == "PUT" and not lost:
            lost.append(route.request.url)
            await route.fetch()
            await route.abort()
        else:
            await route.continue_()

    await page.route("**/api/boards/*", lose)
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_contain_text("What you changed is still here; save again")
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_be_hidden()
    assert [each["id"] for each in (await definition(visitor, path))["tiles"]] == ["count", "text-1"]
    visitors.forgive("status of 412")
    visitors.forgive("ERR_FAILED")


@pytest.mark.parametrize("width", [1280, 360])
async def test_boards_are_accessible_in_both_themes_and_fit_the_screen(
    visitors: Visitors, install: Install, width: int
) -> None:
    axe = axe_source()
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 40, random.Random(SEED))
    tiles = [
        *TILES,
        tile("rows", "stream", {"columns": ["value.n", "value.kind"]}),
        tile("words", "text", {"text": "Hi"}, ""),
    ]
    for place, each in enumerate(tiles):
        each |= {"x": 3 * (place % 4), "y": 4 * (place // 4), "w": 3}
    path = make_board(installation, web, tiles)
    visitor = await visitors.new(web, viewport={"width": width, "height": 740})
    wrong = []
    for where in ("/boards/", path, f"{path}?where=value.kind+%3D%3D+%22a%22", f"{path}?wall=1", f"{path}?edit"):
        page = await visitor.open(where)
        if where != "/boards/":
            await live(page)
            await expect(page.locator('[data-tile="rows"] tbody tr').first).to_be_visible()
        if "where" in where:
            await page.get_by_role("button", name="from – to").click()
            await expect(page.get_by_label("From", exact=True)).to_be_visible()
        if "edit" in where:
            await page.get_by_role("button", name="Edit").click()
            await page.locator("[data-add=stream]").click()
            await expect(page.locator(".preview tbody tr").first).to_be_visible()
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            wrong += [f"{where}, {scheme}: {complaint}" for complaint in await violations(page, axe)]
        if (wide := await page.evaluate("document.documentElement.scrollWidth")) > width:
            wrong.append(f"{where} is {wide} px wide")
        wrong += [f"{where}: {pair} lie upon each other" for pair in await page.evaluate(OVERLAPS)]
    assert wrong == []


async def test_a_board_is_shared_from_its_page_and_copied_by_who_may_only_see_it(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    web = installation.web()
    path = make_board(installation, web, [tile("words", "text", {"text": "Hello"}, "")])
    owner = await visitors.new(web)
    installation.query("UPDATE auth_user SET is_superuser = false WHERE username IN ('alice', 'bob')")
    other = await visitors.new(web, signed_in=False)
    await other.sign_in(USERS[1])
    assert (await other.context.request.get(web.url + path)).status == 403
    page = await owner.open(path)
    await page.get_by_role("button", name="Share").click()
    read, edit = page.get_by_label("May be seen by"), page.get_by_label("May be changed by")
    await expect(edit.locator("option:enabled")).to_have_count(1)  # who may change it sees it
    await read.select_option("everyone")
    await edit.select_option("everyone")
    await read.select_option("private")
    await expect(edit).to_have_value("private")
    await read.select_option("everyone")
    # Whoever renames it meanwhile says nothing about who may.
    headers = {"Authorization": f"Bearer {installation.token}"}
    renamed = await owner.context.request.patch(
        f"{web.url}/api{path.rstrip('/')}", data={"name": "Seen"}, headers=headers
    )
    assert renamed.ok
    await page.get_by_role("button", name="Save who may").click()
    await expect(page.locator("dialog[open]")).to_have_count(0)
    seen = await other.open(path)
    await expect(seen.get_by_text("Hello")).to_be_visible()
    await expect(seen.get_by_role("button", name="Edit")).to_have_count(0)
    await seen.get_by_role("button", name="Share").click()
    await expect(seen.locator("dialog[open]")).to_contain_text("Only its owner says")
    await seen.get_by_role("button", name="Make a copy of my own").click()
    await expect(seen.get_by_role("heading", name="Copy of Seen")).to_be_visible()
    await expect(seen.get_by_role("button", name="Edit")).to_be_visible()
