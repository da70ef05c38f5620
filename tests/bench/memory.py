"""Rows about memory: what a socket takes, whether ten thousand stay alive, and what readers that stand still cost."""

from __future__ import annotations

import time

from tests.bench.delivery import centrifuge_or_why
from tests.bench.measure import Series, Server
from tests.bench.run import Line, Run, log

SOCKETS = 2000
ALIVE = 10_000
ALIVE_S = 30.0  # longer than a heartbeat and uvicorn's pings take
STALLED = 100
FLOOD_BYTES = 1_000_000_000
FLOOD_VALUE = 4000  # bytes of a value in the flood
FLOOD_WITHIN_S = 180.0
KIB, MIB = 1024, 1024 * 1024


def memory(run: Run) -> list[Line]:
    """RSS for each of 2,000 sockets that read one topic, through both sinks."""
    peer, peer_name = centrifuge_or_why(run)
    theirs = Series()
    if peer is not None:
        before = peer.rss
        run.join_centrifuge("Centrifuge", peer, SOCKETS, 50)
        theirs.values.append(_a_socket(run, "Centrifuge", peer, before))
    lines = []
    for name, sink in (("transport", "transport"), ("ASGI", "asgi")):
        server = run.product(sink=sink)
        run.join_product("warm", server, 10)  # what the first socket loads is not a socket's
        run.client.do("close", "warm")
        before = server.rss
        began = time.perf_counter()
        run.join_product(name, server, SOCKETS)
        took = time.perf_counter() - began
        ours = Series([_a_socket(run, name, server, before)])
        note = f"{SOCKETS / took:.0f} handshakes with sign-in a second; aim 25 KiB"
        lines.append(Line(f"memory a socket: {name}", ours, "KiB", peer_name, theirs, form="{:.1f}", note=note))
        run.end(server)
    if peer is not None:
        run.end(peer)
    return lines


def _a_socket(run: Run, pool: str, server: Server, before: int) -> float:
    """KiB a socket, after records went to all of them."""
    server.say("rate 100")
    time.sleep(2)
    server.say("rate 0")
    time.sleep(1)
    taken = (server.rss - before) / SOCKETS / KIB
    run.client.do("close", pool)
    log(f"  {pool}: {taken:.1f} KiB a socket")
    return taken


def alive(run: Run) -> list[Line]:
    """10,000 sockets on one process, with records, for longer than heartbeats and pings take."""
    server = run.product()
    run.join_product("warm", server, 10)
    run.client.do("close", "warm")
    before = server.rss
    began = time.perf_counter()
    run.join_product("alive", server, ALIVE)
    took = time.perf_counter() - began
    server.say("rate 20")
    cpu = server.cpu
    time.sleep(ALIVE_S)
    cpu = (server.cpu - cpu) / ALIVE_S
    report = run.client.do("report", "alive")
    note = (
        f"after {ALIVE_S:.0f} s with 20 records/s: {cpu:.0%} of a core, p99 {report['p99']:.0f} ms,"
        f" {(server.rss - before) / ALIVE / KIB:.1f} KiB a socket, jumps {report['jumps']}, closed: {report['closes']};"
        f" they came in within {took:.0f} s"
    )
    run.client.do("close", "alive")
    run.end(server)
    return [Line(f"{ALIVE} sockets", Series([report["alive"]]), "alive", form="{:.0f}", note=note)]


def stalled(run: Run) -> list[Line]:
    """100 readers that stop reading while a gigabyte passes."""
    lines = []
    for name, sink in (("transport", "transport"), ("ASGI", "asgi")):
        server = run.product(sink=sink)
        # What the log and the encoders take is there anyway: a first part passes before anybody stalls.
        _flood(server, FLOOD_BYTES // 10)
        before = server.rss
        run.join_product(name, server, STALLED, stalled=True)
        highest = _flood(server, FLOOD_BYTES)
        left = server.say("flooded")["connections"]
        grown = Series([(highest - before) / MIB])
        note = f"{before / MIB:.0f} MiB before, {left} still connected"
        lines.append(Line(f"{STALLED} stalled readers, 1 GB: {name}", grown, "MiB more", form="{:.0f}", note=note))
        log(f"  {lines[-1].cells()}")
        run.client.do("close", name)
        run.end(server)
    return lines


def _flood(server: Server, size: int) -> int:
    """Lets `size` bytes pass; returns the highest RSS meanwhile."""
    server.say(f"flood {size} {FLOOD_VALUE}")
    deadline, highest = time.monotonic() + FLOOD_WITHIN_S, server.rss
    while server.say("flooded")["left"] > 0:
        if time.monotonic() > deadline:
            raise RuntimeError("the flood did not pass in time")
        highest = max(highest, server.rss)
        time.sleep(0.2)
    return max(highest, server.rss)
