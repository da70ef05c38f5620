"""Rows about writing: items a second over HTTP, beside FastAPI in three ways, and as different clients send them."""

from __future__ import annotations

from tests.bench.asking import TOPIC, Asking, Web, embedded, in_production, require_peers
from tests.bench.measure import Server
from tests.bench.run import Line, PeerMissing, Run

PATH = "/api/items/"
TOKEN, ONCE, SESSION, CHANGE = "Streamboard", "with Idempotency-Key", "with a session", "PATCH"
SQLALCHEMY, BARE, SAME_WORK = "FastAPI, SQLAlchemy", "FastAPI, asyncpg, bare", "FastAPI, asyncpg, same work"
PEERS = {SQLALCHEMY: "fastapi_sqlalchemy", BARE: "fastapi_bare", SAME_WORK: "fastapi_same_work"}
LOAD = "POST /api/items/, 64 connections"


def post(run: Run) -> list[Line]:
    """Items a second with PostgreSQL; and with what is embedded."""
    lines = []
    with in_production(run, "post") as web:
        peers, missing = _peers(run, web.install.database_url)
        asking = _in_turns(run, web, peers)
        lines += [
            asking.line(LOAD, "items/s", TOKEN, SQLALCHEMY, aim=1.8),
            asking.line(LOAD, "items/s", TOKEN, BARE, aim=0.6),
            asking.line(LOAD, "items/s", TOKEN, SAME_WORK, aim=1.2),
            asking.line(f"{LOAD}: p99", "ms", TOKEN, BARE, aim=2, number="p99"),
            asking.line(f"{LOAD}, Idempotency-Key", "items/s", ONCE, TOKEN, aim=0.33),
            asking.line(f"{LOAD}, session and CSRF token", "items/s", SESSION, TOKEN, aim=0.33),
            asking.line("PATCH with If-Match, 64 connections", "items/s", CHANGE, TOKEN, aim=0.33),
        ]
        if missing:
            for line in lines[:4]:
                line.peer = missing
        run.end(*peers.values())
    return [*lines, *_embedded(run)]


def _peers(run: Run, database_url: str) -> tuple[dict[str, Server], str]:
    """The peers, or none and why."""
    try:
        require_peers()
    except PeerMissing as error:
        return {}, str(error)
    return {name: run.python_peer(module, database_url, TOPIC) for name, module in PEERS.items()}, ""


def _in_turns(run: Run, web: Web, peers: dict[str, Server]) -> Asking:
    asking, server = Asking(run), web.serve()
    for _ in range(run.rounds):
        asking.turn(TOKEN, server, "create", PATH, headers=web.bearer)
        for name, peer in peers.items():
            asking.turn(name, peer, "create", PATH, headers=web.bearer)
        asking.turn(ONCE, server, "create once", PATH, headers=web.bearer)
        asking.turn(SESSION, server, "create", PATH, headers=web.signed_in)
        asking.turn(CHANGE, server, "change", PATH, headers=web.bearer)
    return asking


def _embedded(run: Run) -> list[Line]:
    """Each round begins with an empty database, as none of them is what another one left."""
    asking = Asking(run)
    for number in range(run.rounds):
        with embedded(run, f"post-embedded-{number}") as web:
            asking.turn(TOKEN, web.serve(), "create", PATH, headers=web.bearer)
    return [asking.line(f"{LOAD}, embedded", "items/s", TOKEN)]
