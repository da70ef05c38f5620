"""The product's own processes, started as a user starts them: uvicorn, Daphne, the bridge, management commands.

An `Installation` is one deployment: a migrated database, lock files of its own, two accounts with tokens, and the
environment that all its processes get. `tests/conftest.py` offers it as the fixture `install`, which ends what was
started and shows the logs of a test that failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from functools import cache
from pathlib import Path
from typing import IO, Any

import httpx
import psycopg

from tests.settings import PRODUCT_VARIABLES, SCRATCH
from tests.support import services
from tests.support.nursery import Child, Nursery
from tests.support.waiting import accepts_connections, free_port, wait_until

Popen = subprocess.Popen[bytes]

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
START_SECONDS = 60  # several processes start at once on two loaded cores
STOP_SECONDS = 30
CALL_SECONDS = 30  # one HTTP request on a loaded machine
COMMAND_SECONDS = 120
TEMPLATES = Path(os.environ.get("TEST_TEMPLATES") or SCRATCH)  # a folder that several runs share (tests/suite.py)
LOG_TAIL = 12_000  # characters of a process's log that a failed test shows
SECRET = "only-for-tests-of-this-product"
PASSWORD = "ein-langes-Wort-7"
USERS = ("alice", "bob")  # both are superusers, ready with PASSWORD, a token, and a browser that is signed in
SESSION_COOKIE = "sessionid"

# As in README.md, Makefile, Dockerfile and compose.yaml.
UVICORN_OPTIONS = [
    *("--loop", "uvloop"),
    *("--http", "streams.server:WebProtocol"),
    *("--ws", "streams.server:LiveProtocol"),
    *("--ws-per-message-deflate", "false"),
    *("--ws-max-size", "65536"),
    *("--timeout-graceful-shutdown", "10"),
]


# What may be set around tests, and is not for the product. Without PYTHONDONTWRITEBYTECODE, which images set, not every
# start compiles all of the product again.
OF_TESTS = ("SSL_CERT_DIR", "PYTHONDONTWRITEBYTECODE")

may_fork = False  # whether processes are forked (tests/support/nursery.py); else each is a program that is started


def environment(**values: str) -> dict[str, str]:
    """This process's environment without settings of the product and of tests, plus `values`."""
    dropped = {*PRODUCT_VARIABLES, *OF_TESTS}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {
        **kept,
        "SECRET_KEY": SECRET,
        "DJANGO_SETTINGS_MODULE": "tests.product_settings",
        "PYTHONUNBUFFERED": "1",
        **values,
    }


@cache
def nursery() -> Nursery:
    """Of this run; made when the first process is asked for."""
    return Nursery()


def end_nursery() -> None:
    """Ends it, if there is one."""
    if nursery.cache_info().currsize:
        nursery().close()
        nursery.cache_clear()


def start_process(command: list[str], env: dict[str, str], output: IO[bytes], errors: IO[bytes]) -> Child | Popen:
    """Starts a command in a session of its own, with nothing to read; a Python script is forked, where that may be."""
    script = command[1:] if command[0] == sys.executable else command
    if may_fork and (Path(script[0]).suffix == ".py" or Path(script[0]).parent == BIN):
        return nursery().start(script, env, ROOT, output.fileno(), errors.fileno())
    return subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
    )


def run_command(arguments: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end. Raises subprocess.TimeoutExpired after COMMAND_SECONDS, and kills it."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start_process(arguments, env, output, errors)
        try:
            code = process.wait(COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS)
            raise
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code, output.read().decode(), errors.read().decode())


def checked(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def manage(env: dict[str, str], *arguments: str) -> str:
    return checked(run_command([sys.executable, "manage.py", *arguments], env))


# One process for all of it: each start of Django costs seconds on a loaded machine.
PREPARATION = """
import os
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone
call_command("migrate", interactive=False, verbosity=0)
for name in os.environ["TEST_USERS"].split():
    call_command("createsuperuser", interactive=False, username=name, email=f"{name}@example.com", verbosity=0)
    call_command("createtoken", name)
    user = User.objects.get(username=name)
    signed_in = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    Session.objects.save(f"session-of-{name}", signed_in, timezone.now() + timedelta(days=1))
"""


def prepare(database_url: str) -> dict[str, str]:
    """Migrates a database and makes the accounts; returns each one's token."""
    env = environment(DATABASE_URL=database_url, TEST_RUN_DIR=str(SCRATCH / "prepare"), TEST_USERS=" ".join(USERS))
    printed = manage({**env, "DJANGO_SUPERUSER_PASSWORD": PASSWORD}, "shell", "--no-imports", "--command", PREPARATION)
    return dict(zip(USERS, printed.split(), strict=True))


def session_of(user: str) -> str:
    """The session cookie of one of USERS, who is signed in wherever the database was prepared by PREPARATION."""
    return f"session-of-{user}"


@cache
def sqlite_template() -> tuple[Path, dict[str, str]]:
    """A prepared SQLite file, made once a run; tests get copies."""
    path, tokens = TEMPLATES / "template.sqlite3", TEMPLATES / "tokens.json"
    with (TEMPLATES / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several runs, one makes it
        if not tokens.is_file():
            path.unlink(missing_ok=True)
            tokens.write_text(json.dumps(prepare(f"sqlite:///{path}")))
    return path, json.loads(tokens.read_text())


@cache
def postgres_template(server: services.Postgres) -> tuple[str, dict[str, str]]:
    """The name of a prepared database, made once a run; tests get copies."""
    url = server.create_database()
    return url.rpartition("/")[2], prepare(url)


class Process:
    """One process of the product with a port, and its output in a file."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], port: int, log: Path) -> None:
        self.name, self.command, self.env, self.port, self.log_path = name, command, env, port, log
        self.process: Child | Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, *, wait: bool = True) -> None:
        """Starts it (again, on the same port) and, unless told otherwise, waits until /healthz answers."""
        assert not self.running, f"{self.name} is running"
        with self.log_path.open("ab") as log:
            self.process = start_process(self.command, self.env, log, log)
        if wait:
            self.wait_healthy()

    def wait_healthy(self) -> None:
        wait_until(lambda: not self.running or self.is_healthy(), f"{self.name} is healthy", START_SECONDS)
        assert self.running, f"{self.name} ended while it was starting:\n{self.log()}"

    def is_healthy(self) -> bool:
        """Asked many times while the process starts, on the cores that it needs: first in the cheapest way."""
        return accepts_connections(self.port) and self.answers("/healthz")

    def answers(self, path: str, status: int = 200) -> bool:
        try:
            return self.get(path).status_code == status
        except httpx.TransportError:
            return False

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=CALL_SECONDS)

    def broker(self) -> str:
        """The address of the embedded broker of a web process, as its log names it."""
        found = re.search(r"broker listens on (\S+:\d+)", self.log_path.read_text(errors="replace"))
        assert found, self.log()
        return found[1]

    def readyz(self) -> str:
        """The text of /readyz, whatever its status; "" when nobody answers."""
        try:
            return self.get("/readyz").text
        except httpx.TransportError:
            return ""

    def workers(self) -> list[int]:
        """The processes that serve: uvicorn's worker processes, or this one."""
        found = [pid for pid in services.children(self.pid) if b"spawn_main" in command_line(pid)]
        return found or [self.pid]

    def terminate(self) -> None:
        """The polite stop signal; `wait()` tells how it ended."""
        os.kill(self.pid, signal.SIGTERM)

    def pause(self) -> None:
        """Stops it where it stands (SIGSTOP), as a blocked event loop does."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9 of it and its workers."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Waits for the end; returns the exit code."""
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds:g} s:\n{self.log()}") from None

    def log(self) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.is_file() else ""
        return f"--- {self.name} (pid {self.process and self.process.pid}) ---\n{text[-LOG_TAIL:]}"


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Installation:
    """One deployment. settings: environment variables for all its processes (KAFKA_BOOTSTRAP_SERVERS=…, …)."""

    def __init__(self, folder: Path, database_url: str, tokens: dict[str, str], settings: dict[str, str]) -> None:
        self.folder = folder
        self.database_url = database_url
        self.tokens = tokens
        self.env = environment(DATABASE_URL=database_url, TEST_RUN_DIR=str(folder / "run"), **settings)
        self.processes: list[Process] = []

    @property
    def token(self) -> str:
        return self.tokens[USERS[0]]

    @property
    def items_topic(self) -> str:
        return self.env["KAFKA_ITEMS_TOPIC"]

    def manage(self, *arguments: str) -> str:
        """Runs a management command that has to succeed; returns what it printed."""
        return manage(self.env, *arguments)

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Runs a management command to its end, however that is."""
        return run_command([sys.executable, "manage.py", *arguments], {**self.env, **extra})

    def watch(self, topic: str, label: str = "") -> None:
        """As `manage.py addtopic`, of a topic for everyone; a command would take seconds to start."""
        epoch = uuid.uuid4().hex
        self.query(f"INSERT INTO streams_topic (name, label, epoch) VALUES ('{topic}', '{label}', '{epoch}')")

    def command(self, *arguments: str) -> Process:
        """A management command that was begun, and goes on by itself; its log is what it prints."""
        command = self._add(arguments[0], [sys.executable, "manage.py", *arguments], 0, False, {})
        command.start(wait=False)
        return command

    def web(self, *, workers: int = 1, start: bool = True, ws: str | None = None, **extra: str) -> Process:
        """uvicorn, as in production, or with another WebSocket implementation (`ws`)."""
        port = free_port()
        command = [str(BIN / "uvicorn"), "project.asgi:application", "--host", "127.0.0.1", "--port", str(port)]
        command += [*UVICORN_OPTIONS, "--workers", str(workers), "--log-level", "warning"]
        command += ["--ws", ws] if ws else []
        return self._add("web", command, port, start, extra)

    def daphne(self, *, start: bool = True, **extra: str) -> Process:
        port = free_port()
        command = [str(BIN / "daphne"), "-b", "127.0.0.1", "-p", str(port), "project.asgi:application"]
        return self._add("daphne", command, port, start, extra)

    def bridge(self, *parts: str, start: bool = True, **extra: str) -> Process:
        """`manage.py bridge [relay|fanout] --listen …`."""
        port = free_port()
        command = [sys.executable, "manage.py", "bridge", *parts, "--listen", f"127.0.0.1:{port}"]
        return self._add("bridge", command, port, start, extra)

    def _add(self, kind: str, command: list[str], port: int, start: bool, extra: dict[str, str]) -> Process:
        name = f"{kind}-{len(self.processes) + 1}"
        process = Process(name, command, {**self.env, **extra}, port, self.folder / f"{name}.log")
        self.processes.append(process)
        if start:
            process.start()
        return process

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Reads the database beside the product's back; an INSERT, UPDATE or DELETE returns nothing."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
                return connection.execute(statement).fetchall()
        with psycopg.connect(self.database_url, autocommit=True) as server:
            answer = server.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    def committed(self) -> dict[str, int]:
        """What the streams have to show: each item's id, as text, and its newest version (deleted ones too)."""
        return {str(pk): version for pk, version in self.query("SELECT id, version FROM items_item")}

    def logs(self) -> str:
        return "\n".join(process.log() for process in self.processes)

    def close(self) -> None:
        for process in self.processes:
            process.kill()


def make_installation(folder: Path, server: services.Postgres | None, settings: dict[str, str]) -> Installation:
    """A fresh installation on SQLite, or on the given PostgreSQL server."""
    services.require_mark("processes")
    if server is None:
        template, tokens = sqlite_template()
        shutil.copyfile(template, folder / "db.sqlite3")
        database_url = f"sqlite:///{folder / 'db.sqlite3'}"
    else:
        name, tokens = postgres_template(server)
        database_url = server.create_database(template=name)
    installation = Installation(folder, database_url, tokens, settings)
    if "KAFKA_ITEMS_TOPIC" in settings:
        installation.watch(settings["KAFKA_ITEMS_TOPIC"], "Items")  # as `migrate` does it, for the price of one row
    return installation
