"""Rows about pages: requests a second for what people open, beside plain Django views of the same."""

from __future__ import annotations

import difflib
import re
import sys

import httpx
import psycopg

from tests.bench.asking import Asking, Web, in_production
from tests.bench.measure import ROOT, Server
from tests.bench.run import Line, Run
from tests.support.processes import Process

ITEMS = 10_000
PAGES = {"item list": "/items/", "item": "/items/{item}/", "sign-in": "/accounts/login/", "board": "/"}
ANONYMOUS = {"sign-in"}
PLAIN = "plain Django"
NOT_BEHIND = 0.67  # of the plain view's requests a second
TOKENS = re.compile(
    r'(csrf[-a-z]*"[^>]* (?:value|content)=|data-csrf=)"\w+"', re.IGNORECASE
)  # differ with each request

FILL = """
WITH person AS (SELECT id, username FROM auth_user WHERE username = 'bench'),
made AS (
    INSERT INTO items_item (version, sku, name, description, price, tax, link, owner_id, created_at, updated_at)
    SELECT 1, 'SKU-' || n, 'Tent ' || n, repeat('Three seasons, 2.1 kg. ', 4), n %% 500 + 0.99, n %% 100,
           'https://example.com/tents/' || n, person.id, at, at
    FROM generate_series(1, %s) AS n, person, LATERAL (SELECT now() - n * interval '1 minute') AS time (at)
    RETURNING id, created_at
)
INSERT INTO items_itemversion (item_id, version, type, actor, at, changes)
SELECT made.id, 1, 'item.created', person.username, made.created_at, '{}' FROM made, person
"""


def pages(run: Run) -> list[Line]:
    """Each page in turns: the product's, and the plain view of the same queries and template, which is this checkout's:
    another checkout's product (`--against`) is asked alone."""
    with in_production(run, "pages") as web:
        item = _fill(web)
        paths = {name: path.format(item=item) for name, path in PAGES.items()}
        ours = web.serve()
        plain = [sys.executable, "-m", "tests.bench.peers.plain_django"]
        peers = [run.serve(plain, web.install.env)] if run.tree == ROOT else []
        asking = Asking(run)
        for name, path in paths.items():
            headers = {} if name in ANONYMOUS else web.signed_in
            for peer in peers:
                _check_equal(ours, peer, path, headers)
            for _ in range(run.rounds):
                asking.turn(name, ours, "get", path, headers=headers)
                for peer in peers:
                    asking.turn(f"{name}, {PLAIN}", peer, "get", path, headers=headers)
        for peer in peers:
            run.end(peer)
    return [asking.line(f"GET {PAGES[name]}", "requests/s", name, f"{name}, {PLAIN}", aim=NOT_BEHIND) for name in PAGES]


def _fill(web: Web) -> int:
    """Makes the items; returns the id of one in their middle."""
    with psycopg.connect(web.install.database_url, autocommit=True) as connection:
        connection.execute(FILL, [ITEMS])
        connection.execute("VACUUM ANALYZE")
        found = connection.execute("SELECT id FROM items_item ORDER BY id OFFSET %s LIMIT 1", [ITEMS // 2]).fetchone()
    assert found is not None
    return int(found[0])


def _check_equal(ours: Process, plain: Server, path: str, headers: dict[str, str]) -> None:
    """Raises RuntimeError when the two do not show the same page."""
    shown = []
    for port in (ours.port, plain.port):
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30).raise_for_status()
        shown.append(comparable(answer.text).splitlines())
    if shown[0] != shown[1]:
        differing = "\n".join(difflib.unified_diff(shown[0], shown[1], "product", "plain view", n=0, lineterm=""))
        raise RuntimeError(f"{path}: the plain view does not show what the product shows:\n{differing}")


def comparable(page: str) -> str:
    """A page without what differs from request to request."""
    return TOKENS.sub(r'\1""', page)
