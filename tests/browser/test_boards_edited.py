"""Editing a board in a real browser: columns dragged at their heads, and what goes on while a tile is changed."""

from __future__ import annotations

import json
import random
import re
from urllib.parse import urlsplit

import httpx
from playwright.async_api import FilePayload, Locator, Page, expect

from tests.browser.conftest import Visitors
from tests.browser.test_boards import SEED, TOPIC, definition, edited, make_board, produce, settled, tile
from tests.browser.test_pages import axe_source, violations
from tests.conftest import Install

COLUMNS = ["value.kind", "value.n", "size"]
NAMES = ["kind", "n", "size"]
ANSWER_S = 30
# What the heads of columns are wide, px.
WIDTHS = "heads => heads.map((head) => head.offsetWidth)"
PLACED = "mark => mark.getBoundingClientRect().left"


def movable(board_tile: Locator) -> Locator:
    """The heads of the columns that can be put elsewhere."""
    return board_tile.locator("th.movable")


async def middle(head: Locator) -> tuple[float, float]:
    box = await head.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def hold(page: Page, head: Locator, beyond: Locator) -> None:
    """Takes the head, and carries it over the second half of another one."""
    x, y = await middle(head)
    to, _ = await middle(beyond)
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(to + 20, y, steps=5)


async def test_columns_are_put_elsewhere_by_dragging_their_heads_and_take_their_widths_along(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 20, random.Random(SEED))
    stream = tile("rows", "stream", {"columns": COLUMNS, "order": "newest", "widths": [120, 90, 150, 210, 80]})
    table = tile("latest", "table", {"by": "key", "columns": COLUMNS[:2], "sort": ""})
    path = make_board(installation, web, [stream | {"w": 12, "h": 5}, table | {"y": 5, "w": 12, "h": 5}])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    await settled(page, 20)
    rows, latest = page.locator("[data-tile=rows]"), page.locator("[data-tile=latest]")
    await expect(movable(rows)).to_have_text(NAMES)
    assert await movable(rows).evaluate_all(WIDTHS) == [90, 150, 210]
    mark = rows.locator(".drop-mark")

    await hold(page, movable(rows).first, movable(rows).last)
    await expect(mark).to_be_visible()
    await page.keyboard.press("Escape")  # the drag ends, and not the editing
    await expect(mark).to_have_count(0)
    await page.mouse.up()
    await expect(movable(rows)).to_have_text(NAMES)

    await hold(page, movable(rows).first, movable(rows).last)
    await expect(mark).to_be_visible()
    behind = await rows.locator("th").last.evaluate(PLACED)
    assert abs(await mark.evaluate(PLACED) - behind) < 3  # where it would stand
    await page.mouse.up()
    await expect(movable(rows)).to_have_text(["n", "size", "kind"])
    assert await movable(rows).evaluate_all(WIDTHS) == [150, 210, 90]
    kind = rows.locator('th[data-column="value.kind"]')
    await expect(kind).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(movable(rows)).to_have_text(["n", "kind", "size"])
    await expect(kind).to_be_focused()
    assert await violations(page, axe_source()) == []

    # A head that sorts when it is pressed sorts nothing when it was dragged.
    await hold(page, movable(latest).first, movable(latest).last)
    await page.mouse.up()
    await expect(movable(latest)).to_have_text(["n", "kind"])
    await expect(latest.locator("th").first).to_have_text("key")
    await expect(latest.locator("th[aria-sort=ascending]")).to_have_count(0)
    await page.get_by_role("button", name="Save board").click()
    await expect(page.locator(".board-panel")).to_be_hidden()
    await expect(page.locator("th.movable")).to_have_count(0)
    kept = {each["id"]: each for each in (await definition(visitor, path))["tiles"]}
    assert kept["rows"]["options"]["columns"] == ["value.n", "value.kind", "size"]
    assert kept["rows"]["options"]["widths"] == [120, 150, 90, 210, 80]
    assert kept["latest"]["options"]["columns"] == ["value.n", "value.kind"]
    assert [(each["x"], each["y"], each["w"]) for each in kept.values()] == [(0, 0, 12), (0, 5, 12)]


async def test_a_column_is_put_elsewhere_by_a_finger(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 20, random.Random(SEED))
    table = tile("latest", "table", {"by": "key", "columns": COLUMNS, "sort": ""}) | {"w": 12, "h": 6}
    path = make_board(installation, web, [table])
    visitor = await visitors.new(web, has_touch=True, viewport={"width": 412, "height": 900})
    page = await edited(visitor, path)
    await settled(page, 20)
    latest = page.locator("[data-tile=latest]")
    await latest.scroll_into_view_if_needed()
    x, y = await middle(movable(latest).first)
    to, _ = await middle(movable(latest).nth(1))
    line = await visitor.context.new_cdp_session(page)

    async def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": across, "y": down} for across, down in points]
        await line.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    await touch("touchStart", (x, y))
    for step in range(1, 6):
        await touch("touchMove", (x + (to + 10 - x) * step / 5, y))
    await expect(latest.locator(".drop-mark")).to_be_visible()
    await touch("touchEnd")
    await expect(movable(latest)).to_have_text(["n", "kind", "size"])


async def test_what_is_not_changed_goes_on_while_a_tile_is(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 20, random.Random(SEED))
    count = tile("count", "number", {"figure": "count"})
    top = tile("top", "top", {"field": "value.kind", "limit": 3}) | {"x": 4}
    path = make_board(installation, web, [count, top])
    visitor = await visitors.new(web)
    page = await edited(visitor, path)
    await settled(page, 20)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    figure = page.locator("[data-tile=count] [data-figure=count]")

    async def change(label: str, text: str) -> str | None:
        """Changes the chosen tile; returns what the other one shows the moment after."""
        await page.get_by_label(label, exact=True).fill(text)
        script = """(field) => {
          field.dispatchEvent(new Event("change", { bubbles: true }));
          return document.querySelector("[data-tile=count] [data-figure=count]")?.value;
        }"""
        shown: str | None = await page.get_by_label(label, exact=True).evaluate(script)
        return shown

    await page.locator("[data-tile=top] .tile-title").click()
    assert await change("Title", "Kinds") == "20"
    await expect(page.locator("[data-tile=top] .tile-title")).to_have_text("Kinds")
    await expect(page.locator("[data-tile=top] li[data-key]")).to_have_count(3)
    assert sockets == []  # what a tile is called changes no figure, and the next change brings the first socket

    assert await change("How many", "2") == "20"
    await expect(page.locator("[data-tile=top] li[data-key]")).to_have_count(2)
    await expect(figure).to_have_attribute("value", "20")
    produce(web, 5, random.Random(SEED))
    await expect(figure).to_have_attribute("value", "25")  # both go on
    await expect(page.locator("[data-tile=top]")).to_have_attribute("data-basis", re.compile(r'"records":25\b'))
    assert len(sockets) == 1  # the changed tile's

    # However often something is changed, it ends with what was saved, in few connections.
    for limit in range(3, 9):
        await change("How many", str(limit))
        await expect(page.locator("[data-tile=top] li[data-key]").first).to_be_visible()
    await page.get_by_role("button", name="Leave as it was").click()
    await expect(page.locator("[data-tile=top] li[data-key]")).to_have_count(3)
    await expect(figure).to_have_attribute("value", "25")
    await expect(page.locator("[data-tile=top] .tile-title")).to_have_text("top")


async def test_a_board_begins_empty_and_a_file_that_is_none_is_refused_with_what_is_wrong(
    visitors: Visitors, install: Install
) -> None:
    web = install().web()
    page = await (await visitors.new(web)).open("/boards/")
    trouble = page.locator("[data-part=trouble]")
    number = {"id": "a", "kind": "number", "topic": TOPIC, "x": 0, "y": 0, "w": 4, "h": 4, "options": {"figure": "avg"}}
    for name, text, says in (
        ("cut.json", '{"name":', "cut.json is no JSON"),
        (
            "wrong.json",
            json.dumps({"name": "x", "tiles": [number]}),
            "Tile 1 (number) › options › figure: ",
        ),
    ):
        file: FilePayload = {"name": name, "mimeType": "application/json", "buffer": text.encode()}
        await page.locator("#import").set_input_files(files=[file])
        await expect(trouble).to_contain_text(says)
    visitors.forgive("status of 422")

    await page.get_by_label("Name of a new board").fill("New")
    await page.get_by_role("button", name="Make board").click()
    await page.get_by_role("button", name="Add a tile").click()
    await expect(page.locator(".gallery")).to_be_visible()


async def test_a_board_that_is_deleted_while_somebody_changes_it_can_be_saved_as_ones_own(
    visitors: Visitors, install: Install
) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    shared = {"read": "everyone", "edit": "everyone"}
    path = make_board(installation, web, [tile("count", "number", {"figure": "count"})], sharing=shared)
    page = await edited(await visitors.new(web), path)
    await page.locator("[data-tile=count] .tile-title").click()
    title = page.get_by_label("Title", exact=True)
    await title.fill("How many of them")
    await title.blur()
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=f"{web.url}/api", headers=headers, timeout=ANSWER_S) as program:
        kept = (await program.get(path.rstrip("/"))).json()
        assert (await program.delete(path.rstrip("/"))).status_code == 204

        await page.get_by_role("button", name="Save board").click()
        refusal = page.locator(".board-panel [role=alert]")
        await expect(refusal).to_contain_text("There is no such board.")
        await page.get_by_role("button", name="Save it as a board of my own").click()
        await expect(page.locator(".board-panel")).to_be_hidden()
        await expect(page.locator("[data-tile=count] .tile-title")).to_have_text("How many of them")
        saved = (await program.get(urlsplit(page.url).path.rstrip("/"))).json()
    assert saved["name"] == kept["name"]
    assert saved["sharing"] == {"read": "private", "edit": "private", "groups": []}
    visitors.forgive("status of 404")


async def test_what_is_half_done_is_lost_by_no_key_and_no_press_beside_it(visitors: Visitors, install: Install) -> None:
    installation = install()
    installation.watch(TOPIC)
    web = installation.web()
    produce(web, 5, random.Random(SEED))
    rows = tile("rows", "stream", {"columns": ["value.kind"], "order": "newest"})
    path = make_board(installation, web, [rows])
    visitor = await visitors.new(web)
    page = await visitor.open(path)
    await settled(page, 5)
    await page.get_by_role("button", name="1 min").click()
    edit, panel = page.get_by_role("button", name="Edit"), page.locator(".board-panel")
    await edit.press("Enter")
    await page.locator("[data-add=text]").click()
    await page.locator("[data-accept]").click()
    await expect(page.locator("[data-tile]")).to_have_count(2)

    # A board is edited as it opens for everybody: nothing else is offered.
    for name in ("windows", "filter", "share", "wall", "edit"):
        await expect(page.locator(f"[data-part={name}]")).to_be_hidden()
    help_, record = page.get_by_role("dialog", name="Keys"), page.locator("[data-part=record]")
    await page.keyboard.press("?")
    await expect(help_).to_be_visible()
    await page.keyboard.press("Escape")  # out of the sheet, and not of the editor
    await expect(help_).to_be_hidden()
    await page.locator("tr[data-offset]").first.click()
    await expect(page.get_by_label("Columns")).to_be_visible()  # the tile was chosen
    await page.go_back()  # to the window before
    await expect(page).to_have_url(re.compile(rf"{path}$"))
    await expect(panel).to_be_visible()
    await expect(page.locator(".grid-stack [data-tile]")).to_have_count(2)
    await expect(record).to_be_hidden()

    async with page.expect_event("dialog") as asked:
        await page.evaluate("setTimeout(() => location.assign('/items/'))")
    dialog = await asked.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    await page.keyboard.press("Escape")
    await expect(panel).to_be_hidden()
    await expect(page.locator("[data-tile]")).to_have_count(1)
    await expect(edit).to_be_focused()
