"""Processes under measurement: started, pinned to a core, steered over standard input; their CPU and memory."""

from __future__ import annotations

import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = ROOT / ".run"
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
TICKS = os.sysconf("SC_CLK_TCK")
ANSWER_S = 120.0
BUSY_CLIENT = 0.9  # of its core: above, the client is what was measured


def pin(pid: int, core: int) -> None:
    """Pins all threads of a process to a core; one that has ended needs none."""
    with contextlib.suppress(FileNotFoundError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), {core})


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, all its threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def core_ticks(core: int) -> tuple[int, int]:
    """How long a core was busy so far, and how long it was there, in ticks."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    ticks = [int(field) for field in line.split()[1:9]]  # user … steal; what guests take is in user
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def rss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


class Steered:
    """A process that answers each line on its standard input with one line of JSON (see source.py and load.py)."""

    def __init__(self, command: list[str], core: int, env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        RUN.mkdir(exist_ok=True)
        with (RUN / "bench.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, {core}),  # noqa: PLW1509  (no threads here)
            )  # fmt: skip
        self.pid = self.process.pid

    def say(self, line: str, timeout: float = ANSWER_S) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(timeout)

    def answer(self, timeout: float = ANSWER_S) -> dict[str, Any]:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], timeout)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            raise RuntimeError(f"{self.process.args} does not answer; see .run/bench.log")
        answer: dict[str, Any] = json.loads(line)
        return answer

    @property
    def cpu(self) -> float:
        return cpu_seconds(self.pid)

    @property
    def rss(self) -> int:
        return rss_bytes(self.pid)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # type: ignore[union-attr]
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()  # type: ignore[union-attr]


class Server(Steered):
    """A server under measurement, on its core. port: where it listens."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None, cwd: Path = ROOT) -> None:
        super().__init__(command, SERVER_CORE, env, cwd)
        self.port: int = self.answer()["port"]


class ProtocolBroken(Exception):
    """The server sent what docs/protocol.md forbids; numbers that were bought so are none."""


class LoadClient(Steered):
    """The load client, on its core."""

    def __init__(self) -> None:
        super().__init__([sys.executable, "-m", "tests.bench.load"], CLIENT_CORE)

    def do(self, what: str, pool: str, **options: Any) -> dict[str, Any]:
        """Raises ProtocolBroken when any frame of the pool broke docs/protocol.md, whatever is asked for."""
        answer = self.say(json.dumps({"do": what, "pool": pool, **options}))
        if answer["broken"]:
            raise ProtocolBroken(f"{pool}: {answer['jumps']} jumps; {'; '.join(answer['broken'])}")
        return answer

    def connect(self, pool: str, server: Server | int, kind: str, count: int, **options: Any) -> dict[str, Any]:
        port = server if isinstance(server, int) else server.port
        answer = self.do("connect", pool, port=port, kind=kind, count=count, **options)
        if answer["ready"] < count:
            raise RuntimeError(f"{pool}: only {answer['ready']} of {count} sockets are ready: {answer}")
        return answer


@dataclass
class Segment:
    """What was seen of one server for a while. cpu, client_cpu: shares of a core."""

    seconds: float
    cpu_seconds: float
    client_cpu: float
    report: dict[str, Any]

    @property
    def cpu(self) -> float:
        return self.cpu_seconds / self.seconds

    @property
    def micros(self) -> float:
        """µs of the server's CPU for each record delivered to a socket."""
        return self.cpu_seconds * 1e6 / max(1, self.report["records"])

    @property
    def client_was_busy(self) -> bool:
        return self.client_cpu > BUSY_CLIENT


def watch(client: LoadClient, pool: str, server: Steered, seconds: float) -> Segment:
    """Looks at one server for `seconds`."""
    client.do("forget", pool)
    began, cpu, client_cpu = time.perf_counter(), server.cpu, client.cpu
    time.sleep(seconds)
    took, used, client_used = time.perf_counter() - began, server.cpu - cpu, client.cpu - client_cpu
    report = client.do("report", pool)
    if report["alive"] < report["ready"]:
        raise RuntimeError(f"{pool}: only {report['alive']} of {report['ready']} sockets are still there: {report}")
    return Segment(took, used, client_used / took, report)


@dataclass
class Series:
    """One number measured in every round."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.values) if self.values else float("nan")

    def shown(self, form: str = "{:.2f}") -> str:
        """The median, and the lowest and highest."""
        if not self.values:
            return "–"
        low, high = form.format(min(self.values)), form.format(max(self.values))
        middle = form.format(self.median)
        return middle if low == high else f"{middle} ({low}–{high})"
