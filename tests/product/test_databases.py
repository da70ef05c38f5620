"""What an earlier version wrote into a database (tests/product/databases/) is there after migrating, all of it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.processes import CALL_SECONDS, Installation, Process
from tests.support.services import Postgres
from tests.support.waiting import wait_until

pytestmark = pytest.mark.processes

DUMPS = Path(__file__).parent / "databases"
TOKENS = {
    "0.1.0-sqlite": "sb_4l3kDmL-YgZFf14Ah9JAPPFrrCQlnMV0igkgwz5TrOc",
    "0.1.0-postgres": "sb_VrfRdM5Z0ld6Ro7JqZ4zxFtzVcpRZ--ed_LyCGE3SR4",
}
USER, PASSWORD = "ada", "a-word-of-adas-7"

# What is in them: name -> version of the items that are there, and how many rows the tables have.
ITEMS = {
    "Tent": 1, "Stove": 1, "A lamp by the API": 2, "Deleted and restored": 3, "Lamp": 1, "Lamp with a hook": 1,
    "Written while Kafka was away": 2,
}  # fmt: skip
ROWS = {
    "items.item": 8, "items.itemversion": 13, "items.apitoken": 1, "items.givenanswer": 1, "items.importjob": 2,
    "items.linkcheck": 2, "streams.topic": 2, "streams.outboxmessage": 13, "project.attempts": 1, "auth.user": 1,
    "auth.group": 1,
}  # fmt: skip
HISTORY = re.compile(r'<th scope="row" class="number">(\d+)</th>')
UNSENT = "SELECT count(*) FROM streams_outboxmessage WHERE published_at IS NULL"

# Reads every row of every model, and says how many there were.
READ_ALL = """
import json
from django.apps import apps
counts = {}
for model in apps.get_models():
    if model._meta.managed and not model._meta.proxy:
        rows = list(model._base_manager.all())
        assert all(str(row) for row in rows), model
        counts[model._meta.label_lower] = len(rows)
print(json.dumps(counts))
"""


@pytest.fixture(params=["0.1.0-sqlite", pytest.param("0.1.0-postgres", marks=pytest.mark.postgres)])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def installation(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """The old database, with nothing done to it yet."""
    dump = (DUMPS / f"{name}.sql").read_text()
    if name.endswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'db.sqlite3'}"
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as file:
            file.executescript(dump)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.create_database()
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(dump.encode())
    made = Installation(tmp_path, url, {USER: TOKENS[name]}, {})
    yield made
    made.close()


def test_an_earlier_database_is_migrated_and_everything_in_it_can_be_read(
    installation: Installation, name: str
) -> None:
    assert installation.query(UNSENT) == [(4,)]
    installation.manage("migrate", "--noinput")
    installation.manage("makemigrations", "--check", "--dry-run")
    counts = json.loads(installation.manage("shell", "--no-imports", "--command", READ_ALL))
    assert {label: counts.get(label) for label in ROWS} == ROWS
    assert installation.query(UNSENT) == [(4,)]  # the migration sends nothing and loses nothing

    web = installation.web()
    the_api_gives_the_items(web, TOKENS[name])
    the_pages_show_everything(web)
    wait_until(lambda: installation.query(UNSENT) == [(0,)], "the events that waited are published")


def the_api_gives_the_items(web: Process, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=web.url, headers=headers, timeout=CALL_SECONDS) as api:
        items = api.get("/api/items/").json()["items"]
        assert {item["name"]: item["version"] for item in items} == ITEMS
        lamp = next(item for item in items if item["name"] == "A lamp by the API")
        assert (lamp["price"], lamp["tax"], lamp["description"]) == ("13.00", "2.00", "Two lines\nof text, ünd „more“")
        topics = {topic["name"]: topic["label"] for topic in api.get("/api/topics/").json()["topics"]}
        assert topics.items() >= {"items.v1": "Items", "prices.v1": "Prices"}.items()
        answer = api.patch(f"/api/items/{lamp['id']}", json={"price": "14.00"})
        assert (answer.status_code, answer.json()["version"]) == (200, 3), answer.text


def the_pages_show_everything(web: Process) -> None:
    with httpx.Client(base_url=web.url, timeout=CALL_SECONDS, follow_redirects=True) as person:
        person.get("/accounts/login/")
        form = {"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": person.cookies["csrftoken"]}
        assert person.post("/accounts/login/", data=form).url.path == "/"
        listed = person.get("/items/").text
        for item in ITEMS:
            assert item in listed
        pages = {*re.findall(r'href="(/items/\d+/)"', listed), "/items/import/1/", "/items/import/2/", "/admin/"}
        assert len(pages) == len(ITEMS) + 3
        lists = set(re.findall(r'href="(/admin/\w+/\w+/)"', person.get("/admin/").text))
        assert len(lists) >= 6
        for path in lists:
            answer = person.get(path)
            assert answer.status_code == 200, path
            pages |= set(re.findall(rf'href="({path}[^"/]+/change/)', answer.text))
        for path in (*pages, "/", "/items/deleted/", "/items/import/", "/accounts/tokens/", "/admin/overview/"):
            assert person.get(path).status_code == 200, path
        lamp = re.search(r'href="(/items/\d+/)"[^>]*>\s*A lamp by the API', listed)
        assert lamp is not None
        assert HISTORY.findall(person.get(lamp[1]).text) == ["3", "2", "1"]
        assert "not-started.csv" in person.get("/items/import/").text
        assert "a script" in person.get("/accounts/tokens/").text
        assert person.get("/items/export/?format=csv").text.count("\r\n") == len(ITEMS) + 1
