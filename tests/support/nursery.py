"""Processes of the product without the wait for code to be loaded: one Python loads it once a run, and forks. Several
runs of pytest can share one (`shared`): it forks one of its own for each.

A start of the product takes three seconds and more of CPU, most of it for Django, Kafka's client and its own models and
API, and the suite starts it hundreds of times. What was forked is told apart by nothing else: its environment, its
arguments, its output and its process group are those of a program that was started, it reads its settings from that
environment, makes its application by itself, and ends as any Python does. Where one of the settings that were read
while the product was loaded is another in that environment, or the settings cannot be read, a program is started.
`python -m tests.faults`, the benchmarks and the tests of `make run` start programs, too.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of those that load without Django's settings, what costs most.
OTHERS = (
    "aiokafka", "aiokafka.admin", "channels.generic.websocket", "channels_redis.core", "click", "confluent_kafka.admin",
    "csp.middleware", "dj_database_url", "django.contrib.admin", "django.core.handlers.asgi", "django.core.management",
    "django.db.backends.postgresql.base", "django.db.backends.sqlite3.base", "django.db.migrations.executor",
    "django.db.models", "django.forms", "django.template.backends.django", "django.test", "django.views.generic",
    "fastavro", "google.protobuf.descriptor_pool", "google.protobuf.json_format", "httptools", "httpx", "orjson",
    "prometheus_client", "psycopg", "psycopg_pool", "pydantic", "pydantic.json_schema", "pydantic.types", "re2",
    "redis.asyncio", "servestatic.asgi", "servestatic.middleware", "sqlparse", "unittest.mock", "uvicorn",
    "uvicorn.config", "uvicorn.protocols.http.httptools_impl", "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop", "websockets.asyncio.server", "xml.dom.minidom",
)  # fmt: skip
# Of the product, what loads the rest of it; not the application itself, which is made after the settings.
PRODUCT = (
    "project.body_limits", "project.demo.greeting", "project.handler", "project.hops", "project.mailing",
    "project.proxies", "project.urls", "streams.processes.web", "streams.socket.routing",
)  # fmt: skip
SETTINGS = "tests.product_settings"
# With which it is loaded; what lies in a folder that is not there is never made.
NOBODYS = {"SECRET_KEY": "nobody's", "TEST_RUN_DIR": "/nowhere", "DATABASE_URL": "sqlite:////nowhere/db.sqlite3"}
ASKED_AGAIN = {"DATABASES"}  # read while it was loaded, and read anew in each process
ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = [sys.executable, __file__]
SHARED = "TEST_NURSERY"  # the variable that names where one listens for all who want their own
OF_THE_MACHINE = {"HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR"}
MESSAGE_BYTES = 1 << 20  # of a request: its arguments and its environment
LOOK_SECONDS = 0.01  # between two looks at whether a process has ended
ALONE_SECONDS = 5.0  # … and between two at whether the suite still runs


class Child:
    """A process that was forked, for whoever needs of a `subprocess.Popen` no more than this."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._nursery.ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired after so many seconds."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(LOOK_SECONDS)
        return code


class Nursery:
    """The Python that forks, from the side of those who ask it to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        if address := os.environ.get(SHARED):
            self._ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._ours.connect(address)
            return
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = start(theirs, os.environ.copy())
        theirs.close()

    def ask(self, request: dict[str, Any], files: list[int] | None = None) -> Any:
        with self._lock:
            socket.send_fds(self._ours, [json.dumps(request).encode()], files or [])
            answer = self._ours.recv(MESSAGE_BYTES)
        assert answer, "the process that forks has ended"
        return json.loads(answer)

    def start(self, command: list[str], env: dict[str, str], folder: Path, output: int, errors: int) -> Child:
        """As `subprocess.Popen`, in a session of its own and with nothing to read. command: a Python script and its
        arguments. output, errors: open files."""
        with Path(os.devnull).open("rb") as nothing:
            request = {"command": command, "env": env, "folder": str(folder)}
            return Child(self, self.ask(request, [nothing.fileno(), output, errors]))

    def close(self) -> None:
        self._ours.close()
        if self._process is not None:
            self._process.wait()


def start(asked: socket.socket, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Starts the Python that forks. asked: its end of a connection, or what listens for several."""
    env.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.Popen(
        [*COMMAND, str(asked.fileno())],
        pass_fds=[asked.fileno()],
        start_new_session=True,
        env={**env, "PYTHONUNBUFFERED": "1"},
    )


@contextlib.contextmanager
def shared() -> Iterator[dict[str, str]]:
    """One for several runs of pytest, until all of them have ended; gives what they need in their environment. Of this
    process's environment it takes nothing that might be meant for the product."""
    env = {name: value for name, value in os.environ.items() if name in OF_THE_MACHINE or name.startswith("LC_")}
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        address = str(Path(folder, "nursery"))
        listening.bind(address)
        listening.listen()
        process = start(listening, env)
        listening.close()  # who asks one that has ended hears that
        try:
            yield {SHARED: address}
        finally:
            process.terminate()
            process.wait()


def accept(listening: socket.socket) -> socket.socket:
    """Forks for each who connects, as long as whoever started this lives. Returns only in a process that was forked:
    whom it is to serve."""
    parent = os.getppid()
    listening.settimeout(ALONE_SECONDS)
    while True:
        try:
            asked, _ = listening.accept()
        except TimeoutError:
            if os.getppid() != parent:
                os._exit(0)
            continue
        if os.fork() == 0:
            listening.close()
            return asked
        asked.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)  # one that has ended


def serve(asked: socket.socket) -> dict[str, Any]:
    """Answers until nobody asks any more: what still runs then is killed, with all that it started, for the run that
    would have ended it was killed itself. Returns only in a process that was forked: what it is to run."""
    running: set[int] = set()
    while True:
        data, files, *_ = socket.recv_fds(asked, MESSAGE_BYTES, 3)
        if not data:
            for pid in running:
                kill(pid)
            os._exit(0)
        request: dict[str, Any] = json.loads(data)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            running.discard(pid)
            asked.send(json.dumps(os.waitstatus_to_exitcode(status) if pid else None).encode())
        elif pid := os.fork():
            running.add(pid)
        else:
            os.setsid()
            asked.send(str(os.getpid()).encode())
            for number, file in enumerate(files):
                os.dup2(file, number)
            os.closerange(3, max([asked.fileno(), *files]) + 1)
            asked.detach()
            return request
        for file in files:
            os.close(file)


def kill(pid: int) -> None:
    """Kills a process that was forked here, and its group, which it has unless it was just forked."""
    for kill_it in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill_it(pid, signal.SIGKILL)


def become(request: dict[str, Any], read: dict[str, Any] | None = None) -> str:
    """Takes on the request's environment and arguments; returns the path of the script. read: the settings that the
    product was loaded with. Does not return where it has to be loaded with other ones: a program takes its place."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["folder"])
    script, *arguments = request["command"]
    sys.argv = [script, *arguments]
    sys.path[0] = str(Path(script).resolve().parent)
    if read is not None and not take_settings(read):
        os.execve(sys.executable, [sys.executable, script, *arguments], request["env"])
    return str(script)


def load() -> None:
    sys.path[0] = ""  # the names of this folder's files are not meant
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # as in tests/product_settings.py
    for name in OTHERS:
        importlib.import_module(name)


def load_product() -> dict[str, Any]:
    """Loads the product; returns the settings that it looked at meanwhile, by name."""
    import django  # noqa: PLC0415  (what its own tests fork is to load nothing)

    sys.path[0] = str(ROOT)
    os.environ |= {**NOBODYS, "DJANGO_SETTINGS_MODULE": SETTINGS}
    django.setup(set_prefix=False)
    for name in PRODUCT:
        importlib.import_module(name)
    importlib.import_module("tests.support.preloaded").preload()
    return looked_at()


def looked_at() -> dict[str, Any]:
    """The settings that were asked for since they were read: Django remembers each."""
    from django.conf import settings  # noqa: PLC0415

    return {name: value for name, value in vars(settings).items() if name.isupper()}


def take_settings(read: dict[str, Any]) -> bool:
    """Has the product that was loaded go by this process's environment. Returns False where it cannot."""
    from django.conf import Settings, settings  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    if os.environ.get("DJANGO_SETTINGS_MODULE") != SETTINGS:
        return False
    for name in ("project.settings", SETTINGS):
        del sys.modules[name]
    try:
        ours = Settings(SETTINGS)
    except Exception:  # noqa: BLE001  (whatever is wrong with them: the program that takes our place says it)
        return False
    if any(getattr(ours, name) != value for name, value in read.items() if name not in ASKED_AGAIN):
        return False
    for name in read:
        del vars(settings)[name]
    vars(settings)["_wrapped"] = ours
    del connections["default"]  # it was asked how long a table's name may be, and has connected to nothing
    vars(connections)["_settings"] = None
    vars(connections).pop("settings")
    return True


if __name__ == "__main__":
    read = None
    asked = socket.socket(fileno=int(sys.argv[-1]))
    if "nothing" not in sys.argv:
        load()
        read = load_product()
        gc.freeze()  # what is there now is not gone through again by each process that loads more
    if asked.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        asked = accept(asked)
    runpy.run_path(become(serve(asked), read), run_name="__main__")
