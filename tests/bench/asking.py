"""What the rows over HTTP share: the product installed with services around it, turns of the HTTP load client, and what
is said of them."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.kafka import pinned_services
from tests.bench.measure import CLIENT_CORE, SERVER_CORE, Series, Steered, core_ticks, cpu_seconds, pin
from tests.bench.run import Line, PeerMissing, Run, log
from tests.support import processes, services

CONNECTIONS = 64
WARM_S = 1.0  # from the first request to the first that counts
BUSY_CORE = 0.95  # of the client's core, which the database shares: above, it may be what was measured
TOPIC = "items.bench"
CSRF = "c" * 32  # any text of this length is one, as long as cookie and header say the same
PEER_PACKAGES = ("fastapi", "sqlalchemy", "asyncpg")

# An ordinary person who may add items, as the group Contributors lets people; a token and a session of theirs.
PERSON = """
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.utils import timezone
from items import tokens
user = User.objects.create(username="bench")
user.groups.add(Group.objects.get(name="Contributors"))
signed_in = {
    SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
    HASH_SESSION_KEY: user.get_session_auth_hash(),
}
Session.objects.save("session-of-bench", signed_in, timezone.now() + timedelta(days=1))
print(tokens.issue(user))
"""


@dataclass
class Web:
    """An installation of the product and the one person in it."""

    install: processes.Installation
    token: str
    session: str = "session-of-bench"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def signed_in(self) -> dict[str, str]:
        """The headers of a browser, with what a change needs."""
        return {"Cookie": f"sessionid={self.session}; csrftoken={CSRF}", "X-CSRFToken": CSRF}

    def serve(self) -> processes.Process:
        """The web process as in production, on the server's core."""
        web = self.install.web()
        pin(web.pid, SERVER_CORE)
        return web


@contextmanager
def in_production(run: Run, name: str) -> Iterator[Web]:
    """PostgreSQL, Redis and an address of Kafka, but no bridge. Raises PeerMissing where a service is not installed."""
    with pinned_services("postgres", "redis") as found:
        postgres: services.Postgres = found["postgres"]  # type: ignore[assignment]
        redis: services.Redis = found["redis"]  # type: ignore[assignment]
        broker = Steered([sys.executable, "-m", "tests.bench.broker"], CLIENT_CORE)
        try:
            settings = {
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{broker.answer()['port']}", "KAFKA_ITEMS_TOPIC": TOPIC,
                "REDIS_URL": redis.url(),
            }  # fmt: skip
            with _installed(run.folder / name, postgres, settings) as web:
                yield web
        finally:
            broker.close()


@contextmanager
def embedded(run: Run, name: str) -> Iterator[Web]:
    """What `make run` starts: SQLite, the relay and the broker in the process."""
    with _installed(run.folder / name, None, {}) as web:
        yield web


@contextmanager
def _installed(folder: Path, postgres: services.Postgres | None, settings: dict[str, str]) -> Iterator[Web]:
    folder.mkdir()
    install = processes.make_installation(folder, postgres, settings)
    try:
        yield Web(install, install.manage("shell", "--no-imports", "--command", PERSON).split()[-1])
    finally:
        install.close()


def require_peers() -> None:
    """Raises PeerMissing unless the packages of the HTTP peers are installed."""
    if absent := [name for name in PEER_PACKAGES if importlib.util.find_spec(name) is None]:
        raise PeerMissing(f"{', '.join(absent)}: not installed (pip install -r tests/bench/requirements.txt)")


@dataclass
class Answered:
    """One turn. rate: good answers a second; p50, p99 in ms; cpu, client_core: shares of a core."""

    rate: float
    p50: float
    p99: float
    bad: dict[str, int]
    cpu: float
    client_core: float


class Asking:
    """Turns of several servers and ways to ask them."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen: dict[str, list[Answered]] = {}

    def turn(self, name: str, server: processes.Process | Steered, kind: str, path: str, **options: Any) -> None:
        """One server is asked for a while; the others have nothing to do. options: of http_load.load."""
        run = self._run
        command = {
            "kind": kind, "port": server.port, "path": path, "connections": CONNECTIONS, "warm": WARM_S,  # type: ignore[union-attr]
            "seconds": run.seconds, **options,
        }  # fmt: skip
        began, cpu, (busy, ticks) = time.perf_counter(), cpu_seconds(server.pid), core_ticks(CLIENT_CORE)
        report = run.http_client.say(json.dumps(command))
        took, (busy_now, ticks_now) = time.perf_counter() - began, core_ticks(CLIENT_CORE)
        seen = Answered(
            report["rate"], report["p50"] or 0.0, report["p99"] or 0.0, report["bad"],
            (cpu_seconds(server.pid) - cpu) / took, (busy_now - busy) / max(1, ticks_now - ticks),
        )  # fmt: skip
        self._seen.setdefault(name, []).append(seen)
        log(
            f"  {name:24} {seen.rate:7.0f}/s, p50 {seen.p50:4.0f} ms, p99 {seen.p99:4.0f} ms,"
            f" {seen.cpu:4.0%} of a core, the client's {seen.client_core:4.0%}{said_of(seen.bad)}"
        )

    def series(self, name: str, number: str) -> Series:
        """number: rate, p50, p99 or cpu; empty where it had no turn."""
        return Series([getattr(seen, number) for seen in self._seen.get(name, [])])

    def note(self, *names: str) -> str:
        """p50, p99 and CPU of each; which answers were not 2xx; and whether the client's core was full."""
        return "; ".join(self._note(name) for name in names if name in self._seen)

    def _note(self, name: str) -> str:
        seen = self._seen[name]
        bad = sum((Counter(each.bad) for each in seen), Counter[str]())
        full = Series([each.client_core for each in seen]).median > BUSY_CORE
        p50, p99, cpu = (self.series(name, number).median for number in ("p50", "p99", "cpu"))
        return f"{name}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, {cpu:.0%} of a core{said_of(bad)}" + (
            ", THE CLIENT'S CORE WAS FULL" if full else ""
        )

    def line(
        self, what: str, unit: str, name: str, peer: str = "", *, aim: float | None = None, number: str = "rate"
    ) -> Line:
        """The turns of `name` beside those of `peer`, in one number; more is better but of latencies."""
        return Line(
            what, self.series(name, number), unit, peer, self.series(peer, number), aim,
            more_is_better=number == "rate", form="{:.0f}", note=self.note(name, peer),
        )  # fmt: skip


def said_of(bad: dict[str, int]) -> str:
    """A warning for the table when answers were not 2xx."""
    return f", NOT 2xx: {dict(sorted(bad.items()))}" if bad else ""
