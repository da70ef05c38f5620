"""How CPU, latency and memory grow with the sockets of one process, drawn as an SVG."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.delivery import centrifuge_or_why
from tests.bench.measure import ROOT, Segment, Series
from tests.bench.plot import Panel, draw
from tests.bench.run import FRAMES_S, Line, Run, log

SIZES = [100, 1000, 5000, 10_000]
RATE = 100
SHORTEST_MS = 5.0  # the shortest tick (streams/hub/delivery.py)
PICTURE = ROOT / "docs" / "performance-growth.svg"


@dataclass
class Point:
    sockets: int
    cpu: float
    p99: float
    mib: float


def _step(run: Run, beside: Run, size: int, points: dict[str, list[Point]]) -> Line:
    """One size; adds to `points`."""
    log(f"{size} sockets")
    seen: dict[str, list[Segment]] = {"Streamboard": [], "Centrifuge": []}
    memory: dict[str, float] = {}
    server = run.product()
    peer, peer_name = centrifuge_or_why(beside)
    before = server.rss
    run.join_product("Streamboard", server, size)
    memory["Streamboard"] = (server.rss - before) / 2**20
    if peer is not None:
        before = peer.rss
        beside.join_centrifuge("Centrifuge", peer, size, max(SHORTEST_MS, size / FRAMES_S * 1000))
        memory["Centrifuge"] = (peer.rss - before) / 2**20
    for _ in range(run.rounds):
        seen["Streamboard"].append(run.turn("Streamboard", server, RATE))
        if peer is not None:
            seen["Centrifuge"].append(beside.turn("Centrifuge", peer, RATE))
    for name, segments in seen.items():
        if segments:
            cpu = Series([s.cpu for s in segments]).median
            p99 = Series([s.report["p99"] or 0.0 for s in segments]).median
            points[name].append(Point(size, cpu, p99, memory[name]))
    run.client.do("close", "Streamboard")
    run.end(server)
    if peer is not None:
        beside.client.do("close", "Centrifuge")
        beside.end(peer)
    time.sleep(1)
    ours, theirs = (Series([s.micros for s in segments]) for segments in seen.values())
    note = "; ".join(
        f"{name}: {p[-1].cpu:.0%} of a core, p99 {p[-1].p99:.0f} ms, {p[-1].mib:.0f} MiB"
        for name, p in points.items()
        if p
    )
    return Line(f"{size} sockets × {RATE}/s", ours, "µs", peer_name, theirs, note=note)


def growth(run: Run) -> list[Line]:
    """100 records/s to 100 … 10,000 sockets: the product with its own tick, Centrifuge with a write delay as long."""
    points: dict[str, list[Point]] = {"Streamboard": [], "Centrifuge": []}
    beside = Run(run.rounds, run.seconds)  # a load client of its own: one process may not hold both sides' sockets
    try:
        lines = [_step(run, beside, size, points) for size in SIZES]
    finally:
        beside.close()
    PICTURE.write_text(
        draw(
            f"Growth with the sockets of one process, {RATE} records/s",
            [
                Panel(
                    "CPU, share of a core", {n: [(p.sockets, p.cpu * 100) for p in ps] for n, ps in points.items()}, "%"
                ),
                Panel("latency, p99", {n: [(p.sockets, p.p99) for p in ps] for n, ps in points.items()}, " ms"),
                Panel(
                    "memory for the sockets", {n: [(p.sockets, p.mib) for p in ps] for n, ps in points.items()}, " MiB"
                ),
            ],
        )
    )
    return lines
