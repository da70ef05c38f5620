"""Rows about coming in: handshakes with sign-in a second, and ten thousand clients that return at the same moment."""

from __future__ import annotations

import time
from typing import Any

from tests.bench.delivery import centrifuge_or_why
from tests.bench.kafka import pinned_services
from tests.bench.measure import BUSY_CLIENT, CLIENT_CORE, Series, Server, core_ticks
from tests.bench.run import Line, PeerMissing, Run, log
from tests.support import services

SOCKETS = 5_000  # that come in in one turn, which takes some seconds …
AT_ONCE = 250  # … so many at a time: with 100, neither server had its core full
RETURNING = 10_000
WITHIN_S = 110.0  # for the last of them
AIM_S = 1_500  # handshakes a second
BACK_S = 10  # for RETURNING
GONE_S = 1.0  # for a server to forget who left


def handshake(run: Run) -> list[Line]:
    """With PostgreSQL and with SQLite, beside Centrifuge, which asks nobody who they are."""
    lines = []
    try:
        with pinned_services("postgres") as found:
            postgres: services.Postgres = found["postgres"]  # type: ignore[assignment]
            url = postgres.create_database()
            lines += _of(run, "PostgreSQL", run.prepared(url), url)
    except PeerMissing as error:
        log(f"  left out: {error}")
    return [*lines, *_of(run, "SQLite", run.tokens, "")]


def _of(run: Run, database: str, tokens: list[str], url: str) -> list[Line]:
    ours = {"kind": "streamboard", "tokens": tokens, "topic": "bench"}
    theirs = {"kind": "centrifuge", "delay_ms": 50, "path": "/connection/websocket"}
    peer, peer_name = centrifuge_or_why(run)
    server = run.product(url=url)
    speeds, others, notes = Series(), Series(), set[str]()
    run.client.connect("warm", server, count=10, **ours)
    run.client.do("close", "warm")
    for _ in range(run.rounds):
        speeds.values.append(SOCKETS / _join(run, server, SOCKETS, ours, notes, at_once=AT_ONCE))
        if peer is not None:
            others.values.append(SOCKETS / _join(run, peer, SOCKETS, theirs, notes, at_once=AT_ONCE))
    run.end(server)
    server = run.product(url=url)  # as after a restart: nobody is known
    back = Series([_join(run, server, RETURNING, ours, notes, at_once=RETURNING, within=WITHIN_S)])
    run.end(server)
    back_there = Series()
    if peer is not None:
        back_there.values.append(_join(run, peer, RETURNING, theirs, notes, at_once=RETURNING, within=WITHIN_S))
        run.end(peer)
    note = "".join(f"; {text}" for text in sorted(notes))
    return [
        Line(f"handshakes, sign-in and subscribe, {database}", speeds, "a second", peer_name, others, form="{:.0f}",
             note=f"aim {AIM_S:,}{note}"),
        Line(f"{RETURNING:,} clients return at once, {database}", back, "s until all are subscribed", peer_name,
             back_there, form="{:.1f}", note=f"aim {BACK_S} s"),
    ]  # fmt: skip


def _join(run: Run, server: Server, count: int, options: dict[str, Any], notes: set[str], **more: Any) -> float:
    """Seconds until so many clients are subscribed; they leave again. Adds to the notes when the client was busy."""
    kind, cpu, client_cpu, (busy, ticks) = options["kind"], server.cpu, run.client.cpu, core_ticks(CLIENT_CORE)
    took = run.client.connect("join", server, count=count, **options, **more)["joined_s"]
    shares = (server.cpu - cpu) / took, (run.client.cpu - client_cpu) / took
    busy_now, ticks_now = core_ticks(CLIENT_CORE)
    core = (busy_now - busy) / max(1, ticks_now - ticks)
    speed = f"{count} in {took:.1f} s, {count / took:,.0f}/s"
    log(f"  {kind:12} {speed}, {shares[0]:.0%} of a core, the client's {core:.0%}")
    if shares[1] > BUSY_CLIENT or core > BUSY_CLIENT:
        notes.add(f"with {kind} THE CLIENT'S CORE WAS FULL")
    run.client.do("close", "join")
    time.sleep(GONE_S)
    return float(took)
