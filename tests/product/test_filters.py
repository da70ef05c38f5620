"""Filters as clients meet them: checked over the API, and in a live stream of a running product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.support.client import Connection, Follower
from tests.support.processes import CALL_SECONDS, Installation, Process, make_installation
from tests.support.wire import create_item

TOPIC = "items.v1"
CHECK = "/api/filters/check"


Product = tuple[Process, str, httpx.AsyncClient]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Process]]:
    """One running embedded product for the tests of this file."""
    installation = make_installation(tmp_path_factory.mktemp("filters"), None, {})
    yield installation, installation.web()
    installation.close()


@pytest.fixture
async def running(product: tuple[Installation, Process]) -> AsyncIterator[Product]:
    """A web process with an open items topic, a token, and a client that has it."""
    installation, web = product
    async with Follower(web.url, installation.token, TOPIC) as follower:
        await follower.subscribed()
    headers = {"Authorization": f"Bearer {installation.token}"}
    async with httpx.AsyncClient(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as client:
        yield web, installation.token, client


async def test_a_filter_is_checked_tried_and_watched(running: Product) -> None:
    web, token, client = running
    async with Follower(web.url, token, TOPIC) as follower:
        await follower.subscribed()
        for number, price in enumerate(("5.00", "12.50", "13.00", "14.00", "15.00"), 1):
            await create_item(web.url, token, name=f"a lamp for {price}", price=price)
            # Each has a time of its own: of records with the same one, none is newer than another.
            await follower.until(lambda number=number: len(follower.records) == number, "the item's event")

    # Checked
    answer = await client.post(CHECK, json={"filter": 'double( value.price )>12.0&&text("lamp")'})
    normalised = 'double(value.price) > 12.0 && text("lamp")'
    assert (answer.status_code, answer.json()) == (200, {"normalised": normalised})
    bad = await client.post(CHECK, json={"filter": "value.price = 12"})
    said = "= means nothing here: == compares."
    assert bad.status_code == 422
    assert bad.json() == {
        "code": "bad_filter", "message": said, "at": 12,
        "detail": [{"loc": ["body", "filter"], "msg": said, "type": "bad_filter"}],
    }  # fmt: skip

    # Tried
    tried = (await client.post(CHECK, json={"filter": normalised, "topic": TOPIC})).json()
    assert [tried[name] for name in ("records", "matched", "failed", "unchecked")] == [5, 4, 0, 0]
    assert len(tried["examples"]["matched"]) == 3
    example = tried["examples"]["matched"][0]
    assert example["record"]["value"]["price"] > "12"
    assert example.keys() == {"partition", "record"}
    failed = (await client.post(CHECK, json={"filter": "value.price > 12", "topic": TOPIC})).json()
    assert [failed[name] for name in ("matched", "failed")] == [0, 5]
    assert failed["examples"]["failed"][0]["message"] == "A text and a number have no order."
    assert failed["examples"]["failed"][0]["at"] == 12

    # Watched
    async with Connection(web.url, token=token) as connection:
        begun = await connection.subscribe(topic=TOPIC, start={"last": 3}, filter=normalised)
        assert begun["filter"] == normalised
        assert begun["stream"].startswith(f"{TOPIC}?")
        assert begun["last"] == {"records": 3, "stopped": "enough"}
        await create_item(web.url, token, name="a chair", price="20.00")
        await create_item(web.url, token, name="another lamp", price="21.00")
        names: list[str] = []
        while "another lamp" not in names:
            frame = await connection.receive_type("records", "gap", "unsubscribed")
            assert (frame["type"], frame["stream"]) == ("records", begun["stream"])
            names += [record["value"]["name"] for part in frame["ranges"] for record in part["records"]]
        assert sorted(names) == ["a lamp for 13.00", "a lamp for 14.00", "a lamp for 15.00", "another lamp"]
        stats = await connection.receive_type("stats")
        assert stats["stream"] == begun["stream"]
        assert {"matched", "failed", "unchecked"} <= stats.keys()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400), (b"[]", 422), (b'{"filter": 5}', 422), (b"{}", 422), (b'{"filter": "true", "topic": 5}', 422),
        (b'{"filter": "true", "topic": "nowhere"}', 404), (b'{"filter": "%b"}' % (b"x" * 70_000), 413),
        (b'{"filter": "%b"}' % (b"x" * 3000), 422),
    ],
    ids=lambda given: str(given)[:40],
)  # fmt: skip
async def test_what_cannot_be_checked_is_said(running: Product, body: bytes, status: int) -> None:
    _, _, client = running
    answer = await client.post(CHECK, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["detail"]


async def test_who_is_not_signed_in_is_told_that_before_the_filter_is_read(
    running: Product,
) -> None:
    web, _, _ = running
    async with httpx.AsyncClient(base_url=web.url, timeout=CALL_SECONDS) as stranger:
        assert (await stranger.post(CHECK, json={"filter": "="})).status_code == 401
