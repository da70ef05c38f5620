"""Rows about delivery: CPU for each record that reaches a socket, and whether everything arrives in time."""

from __future__ import annotations

from tests.bench.measure import Segment, Series, Server
from tests.bench.run import FRAMES_S, Line, PeerMissing, Run, log

SOCKETS = 1000
MANY_SOCKETS = 2000
FILTERS = 10  # distinct ones; each user of the benchmark has five of them
LATE_MS = 1000.0  # p99 above is not "in time"
COMPLETE = 0.99  # of what was produced has to have arrived while we looked
LOADS = [(500, 50), (500, 100), (100, 20)]  # records/s, tick in ms


class Turns:
    """What was seen of several servers that take turns."""

    def __init__(self) -> None:
        self.seen: dict[str, list[Segment]] = {}

    def add(self, name: str, segment: Segment) -> None:
        self.seen.setdefault(name, []).append(segment)

    def series(self, name: str, number: str) -> Series:
        return Series([getattr(segment, number) for segment in self.seen.get(name, [])])

    def reported(self, name: str, number: str) -> Series:
        return Series([segment.report[number] or 0.0 for segment in self.seen.get(name, [])])

    def note(self, *names: str) -> str:
        """CPU share, frames a socket and second, and p99 of each; and whether the client was the bottleneck."""
        parts = []
        for name in names:
            segments = self.seen.get(name)
            if segments:
                frames = Series([s.report["frames"] / s.seconds / max(1, s.report["alive"]) for s in segments])
                p99 = self.reported(name, "p99")
                parts.append(
                    f"{name}: {self.series(name, 'cpu').median:.0%} of a core, {frames.median:.1f} frames/s a socket,"
                    f" p99 {p99.median:.0f} ms{self._lost(name)}"
                )
        return "; ".join(parts)

    def _lost(self, name: str) -> str:
        lost = sum(segment.report["gaps"] for segment in self.seen[name])
        jumps = {segment.report["jumps"] for segment in self.seen[name]} - {None}  # peers have no positions to compare
        busy = any(segment.client_was_busy for segment in self.seen[name])
        parts = [f", jumps {max(jumps)}" if jumps else "", f", {lost} GAPS" if lost else ""]
        return "".join(parts) + (", THE CLIENT WAS THE BOTTLENECK" if busy else "")


def centrifuge_or_why(run: Run) -> tuple[Server | None, str]:
    try:
        return run.centrifuge(), "Centrifuge"
    except PeerMissing as error:
        return None, str(error)


def deliver(run: Run) -> list[Line]:
    """CPU per delivery at 1,000 sockets with fixed ticks, through both sinks, beside Centrifuge and bare ASGI."""
    ours = {"transport": run.product(), "ASGI": run.product(sink="asgi")}
    bare = run.python_peer("bare_asgi")
    peer, peer_name = centrifuge_or_why(run)
    for name, server in ours.items():
        run.join_product(name, server, SOCKETS)
    run.client.connect("bare ASGI", bare, "plain", SOCKETS)
    lines: list[Line] = []
    for rate, tick in LOADS:
        log(f"{rate} records/s, {tick} ms")
        servers = {**ours, "bare ASGI": bare}
        for server in servers.values():
            server.say(f"tick {tick}")
        if peer is not None:
            run.join_centrifuge("Centrifuge", peer, SOCKETS, tick)
            servers["Centrifuge"] = peer
        turns = Turns()
        for _ in range(run.rounds):
            for name, server in servers.items():
                turns.add(name, run.turn(name, server, rate))
        if peer is not None:
            run.client.do("close", "Centrifuge")
        load = f"{SOCKETS} sockets × {rate}/s, {tick} ms"
        for name, against, aim in (
            ("transport", peer_name, 0.5),
            ("ASGI", peer_name, 1.1),
            ("ASGI", "bare ASGI", None),
        ):
            theirs = turns.series(against, "micros")
            note = turns.note(name, against) if name != "ASGI" or aim is None else turns.note(name)
            lines.append(Line(f"{load}: {name}", turns.series(name, "micros"), "µs", against, theirs, aim, note=note))
    for pool in ("transport", "ASGI", "bare ASGI"):
        run.client.do("close", pool)
    run.end(*ours.values(), bare, *([peer] if peer else []))
    return lines


def many(run: Run) -> list[Line]:
    """2,000 sockets with 1,000 and 2,000 records a second, with the product's own tick."""
    server = run.product()
    peer, peer_name = centrifuge_or_why(run)
    run.join_product("transport", server, MANY_SOCKETS)
    delay = MANY_SOCKETS / FRAMES_S * 1000  # as long as the product takes from one tick to the next
    if peer is not None:
        run.join_centrifuge("Centrifuge", peer, MANY_SOCKETS, delay)
    lines: list[Line] = []
    for rate in (1000, 2000):
        log(f"{MANY_SOCKETS} sockets, {rate} records/s")
        turns = Turns()
        for _ in range(run.rounds):
            turns.add("transport", run.turn("transport", server, rate))
            if peer is not None:
                turns.add("Centrifuge", run.turn("Centrifuge", peer, rate))
        load = f"{MANY_SOCKETS} sockets × {rate}/s"
        share, theirs = turns.series("transport", "cpu"), turns.series("Centrifuge", "cpu")
        note = turns.note("transport", "Centrifuge")
        lines.append(Line(f"{load}: CPU", share, "of a core", peer_name, theirs, note=note))
        expected = rate * MANY_SOCKETS
        arrived, others = (
            Series([s.report["records"] / s.seconds / expected for s in turns.seen.get(name, [])])
            for name in ("transport", "Centrifuge")
        )
        in_time = arrived.median >= COMPLETE and turns.reported("transport", "p99").median < LATE_MS
        lines.append(
            Line(f"{load}: arrived", arrived, "of what was made", peer_name, others,
                 note="all in time" if in_time else "NOT in time")
        )  # fmt: skip
    for pool in ("transport", *(["Centrifuge"] if peer else [])):
        run.client.do("close", pool)
    run.end(server, *([peer] if peer else []))
    return lines


def filters(run: Run) -> list[Line]:
    """What filters take: 1,000 sockets on FILTERS different ones, beside as many without."""
    rate, tick = LOADS[0]
    asked = {
        "no filter": [],
        "a tenth each": [f"value.id % {FILTERS} == {number}" for number in range(FILTERS)],
        "all match": [f"value.id >= {-number}" for number in range(FILTERS)],
    }
    servers = {name: run.product() for name in asked}
    for name, server in servers.items():
        run.join_product(name, server, SOCKETS, **({"filters": asked[name]} if asked[name] else {}))
        server.say(f"tick {tick}")
    turns = Turns()
    for _ in range(run.rounds):
        for name, server in servers.items():
            turns.add(name, run.turn(name, server, rate))
    for name in servers:
        run.client.do("close", name)
    run.end(*servers.values())
    without = turns.series("no filter", "cpu")
    return [
        Line(f"{SOCKETS} sockets × {rate}/s, {tick} ms, {FILTERS} filters, {name}", turns.series(name, "cpu"),
             "of a core", "no filter", without, 1.5, note=turns.note(name, "no filter"))
        for name in list(asked)[1:]
    ]  # fmt: skip
