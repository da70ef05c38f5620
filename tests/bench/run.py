"""One run of the benchmarks: what its rows share, and the table that it prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.bench.measure import (
    CLIENT_CORE,
    ROOT,
    RUN,
    SERVER_CORE,
    LoadClient,
    Segment,
    Series,
    Server,
    Steered,
    core_ticks,
    watch,
)

USERS = 12  # a process lets in 1,000 sockets a user
WARM_S = 0.7  # from a new rate to the first look
RESTED_S = 60.0  # for what a server owes after its turn
LOOK_S = 0.5
IDLE = 0.15  # of a core: thousands of heartbeats
CENTRIFUGE = Path(__file__).parent / "peers" / "centrifuge"
BUILD_S = 600
FRAMES_S = 30_000  # through the transport sink while half a core is left: the product then needs sockets / this


class PeerMissing(Exception):
    """A peer cannot run here; the text says why."""


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass
class Line:
    """One line of the table. form: of its numbers. aim: the highest good ratio, or the lowest with more_is_better."""

    what: str
    ours: Series
    unit: str
    peer: str = ""
    theirs: Series = field(default_factory=Series)
    aim: float | None = None
    more_is_better: bool = False
    form: str = "{:.2f}"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        is_told = self.ours.values and self.theirs.values and self.theirs.median
        return self.ours.median / self.theirs.median if is_told else None

    def cells(self) -> list[str]:
        ratio, aim = self.ratio, ""
        if self.aim is not None:
            aim = f"{'≥' if self.more_is_better else '≤'} {self.aim:g}"
            if ratio is not None:
                aim += " ✓" if (ratio >= self.aim if self.more_is_better else ratio <= self.aim) else " ✗"
        theirs = f"{self.peer}: {self.theirs.shown(self.form)}" if self.theirs.values else self.peer
        shown = "" if ratio is None else f"{ratio:.2f}"
        return [self.what, f"{self.ours.shown(self.form)} {self.unit}", theirs, shown, aim, self.note]


HEAD = ["measured", "Streamboard", "peer", "ratio", "aim", "notes"]


def markdown(lines: list[Line]) -> str:
    rows = [HEAD, ["---"] * len(HEAD), *(line.cells() for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def plain(lines: list[Line]) -> str:
    rows = [HEAD, *(line.cells() for line in lines)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


class Run:
    """rounds: how often each of a row's servers has its turn; seconds: how long a turn is; minutes: how long a board is
    looked at; tree: the checkout whose product is measured."""

    def __init__(self, rounds: int, seconds: float, tree: Path = ROOT, minutes: float = 1.0) -> None:
        self.rounds, self.seconds, self.minutes, self.tree = rounds, seconds, minutes, tree
        self.folder = Path(tempfile.mkdtemp(prefix="streamboard-bench-"))
        self._clients: list[Steered] = []
        self._servers: list[Server] = []

    def close(self) -> None:
        for process in [*self._clients, *self._servers]:
            process.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, *servers: Server) -> None:
        for server in servers:
            self._servers.remove(server)
            server.close()

    @cached_property
    def client(self) -> LoadClient:
        client = LoadClient()
        self._clients.append(client)
        return client

    @cached_property
    def http_client(self) -> Steered:
        client = Steered([sys.executable, "-m", "tests.bench.http_load"], CLIENT_CORE)
        self._clients.append(client)
        return client

    def serve(self, command: list[str], env: dict[str, str] | None = None, cwd: Path = ROOT) -> Server:
        """Starts a server that says its port, on the server's core."""
        server = Server(command, env, cwd)
        self._servers.append(server)
        return server

    # The servers ----------------------------------------------------------------------------------------------------

    @cached_property
    def database(self) -> Path:
        return self.folder / "db.sqlite3"

    @cached_property
    def tokens(self) -> list[str]:
        return self.prepared()

    def prepared(self, url: str = "") -> list[str]:
        """Migrates the database, of this run or another one; returns the tokens of its USERS."""
        command = [*self._server(url), "--prepare", str(USERS)]
        done = subprocess.run(command, cwd=self.tree, check=True, capture_output=True, text=True)
        return done.stdout.split()

    def _server(self, url: str) -> list[str]:
        command = [sys.executable, "-m", "tests.bench.server", "--database", str(self.database)]
        return [*command, "--url", url] if url else command

    def product(self, *, sink: str = "transport", url: str = "") -> Server:
        """sink: `transport` or `asgi`. Its tick grows with the sockets until `tick MS` fixes it.

        url: of a database that is `prepared`, when it is not this run's.
        """
        assert url or self.tokens
        ws = {"transport": "streams.server:LiveProtocol", "asgi": "websockets-sansio"}[sink]
        return self.serve([*self._server(url), "--ws", ws], cwd=self.tree)

    def join_product(self, pool: str, server: Server, count: int, **options: object) -> None:
        self.client.connect(pool, server, "streamboard", count, tokens=self.tokens, topic="bench", **options)

    def python_peer(self, module: str, *arguments: str) -> Server:
        return self.serve([sys.executable, "-m", f"tests.bench.peers.{module}", *arguments])

    @cached_property
    def _centrifuge(self) -> Path:
        go = shutil.which("go")
        if go is None:
            raise PeerMissing("Centrifuge: Go is not installed")
        RUN.mkdir(exist_ok=True)
        log("building Centrifuge …")
        built = RUN / "bench-centrifuge"
        command = [go, "build", "-o", str(built), "."]
        done = subprocess.run(
            command, cwd=CENTRIFUGE, capture_output=True, text=True, timeout=BUILD_S, check=False, env={**os.environ}
        )
        if done.returncode != 0:
            raise PeerMissing(f"Centrifuge could not be built: {done.stderr[-300:]}")
        return built

    def centrifuge(self) -> Server:
        """Raises PeerMissing."""
        return self.serve([str(self._centrifuge)])

    def join_centrifuge(self, pool: str, server: Server, count: int, delay_ms: float) -> None:
        self.client.connect(pool, server, "centrifuge", count, delay_ms=round(delay_ms), path="/connection/websocket")

    # Turns ------------------------------------------------------------------------------------------------------------

    def turn(self, pool: str, server: Server, rate: float) -> Segment:
        """One server makes records for a while; the others are silent."""
        server.say(f"rate {rate}")
        time.sleep(WARM_S)
        segment = watch(self.client, pool, server, self.seconds)
        server.say("rate 0")
        self._rest()
        log(
            f"  {pool:12} {segment.micros:7.3f} µs a delivery, {segment.cpu:5.0%} of a core,"
            f" client {segment.client_cpu:4.0%},"
            f" p99 {segment.report['p99'] or 0:.0f} ms"
        )
        return segment

    def _rest(self) -> None:
        """Waits until the core of the servers is idle: one that could not keep up sends the rest now, and would take
        the next one's time."""
        for _ in range(round(RESTED_S / LOOK_S)):
            before = core_ticks(SERVER_CORE)
            time.sleep(LOOK_S)
            busy, there = (now - then for now, then in zip(core_ticks(SERVER_CORE), before, strict=True))
            if busy < IDLE * there:
                return
        log(f"  the servers' core is still busy after {RESTED_S:g} s: it is shared from here on")
