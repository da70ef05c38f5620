"""Tests side by side, in processes that are forked when everything has been loaded (docs/decisions/0036).

`pytest --workers 3 --together file`: the process that was started loads the product and finds the tests; then it forks
the workers, hands them tests, and says what comes of each. A worker has its own database, ports and services, and to
plugins of pytest it looks as one of pytest-xdist does. One that dies fails its test by name, and another takes its
place.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count, groupby, zip_longest
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from tests.support.shares import Shares, Unit
from tests.support.waiting import WORKER, TimeIsUp, wait_until

TOGETHER = ("scope", "file", "test")
TOOK = "workers/took"  # in pytest's cache: the seconds that each class, file or test took the last time
END_SECONDS = 60.0  # for what a worker's fixtures end, once the run was interrupted


class Hooks:
    """What this adds to pytest's hooks."""

    def pytest_forking(self, session: pytest.Session, number: int) -> None:
        """Before the worker with this number is forked."""

    @pytest.hookspec(firstresult=True)
    def pytest_starts(self, item: pytest.Item) -> set[str] | None:
        """What this test starts that then stays for those of the same worker."""
        return None

    @pytest.hookspec(firstresult=True)
    def pytest_costs(self) -> dict[str, int] | None:
        """What it takes to start each of these, in s."""
        return None

    @pytest.hookspec(firstresult=True)
    def pytest_takes(self, item: pytest.Item) -> float | None:
        """How long this test takes, in s, where that was not seen yet."""
        return None


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workers")
    group.addoption("--workers", type=int, default=0, metavar="N", help="run tests in N processes side by side")
    group.addoption(
        "--together",
        choices=TOGETHER,
        default="scope",
        help="what one of the processes gets as a whole (scope: a class, or a file's functions)",
    )


def units(session: pytest.Session, took: dict[str, float]) -> Iterator[Unit]:
    """All of the tests, in their order. took: s, by name, the last time."""
    items, hook = session.items, session.config.hook
    together = session.config.option.together

    def name(number: int) -> str:
        item = items[number]
        if together == "test":
            return item.nodeid
        kind = getattr(item, "cls", None)
        return str(item.path) if together == "file" or kind is None else f"{item.path}::{kind.__qualname__}"

    for common, numbers in groupby(range(len(items)), name):
        tests = list(numbers)
        starts = frozenset[str]().union(*(hook.pytest_starts(item=items[number]) or () for number in tests))
        takes = took.get(common) or sum(hook.pytest_takes(item=items[number]) or 1.0 for number in tests)
        yield Unit(tests, starts, takes, common)


class Worker:
    """One of the processes, from the side of the one that was started."""

    def __init__(self, number: int, session: pytest.Session, others: Iterable[Worker]) -> None:
        self.name = f"gw{number}"
        self.unit = Unit([], frozenset(), 0, "")  # what it was given last
        self.has: deque[int] = deque()  # the tests of it that have not ended
        self.was_sent_home = False
        self.pipe, theirs = Pipe()
        assert threading.active_count() == 1, f"of {threading.enumerate()} a worker would have only this one"
        self.pid = os.fork()
        if self.pid == 0:
            for other in others:
                other.pipe.close()  # or it would not hear of this process's end
            self.pipe.close()
            Inside(session, number, theirs).work()
        theirs.close()

    def give(self, unit: Unit) -> None:
        self.unit = unit
        self.has.extend(unit.tests)
        self._send(unit.tests)

    def send_home(self) -> None:
        """Has it end, before the next test if it still has some."""
        self.was_sent_home = True
        self._send([])

    def _send(self, tests: list[int]) -> None:
        with contextlib.suppress(BrokenPipeError):  # who listens to it finds out
            self.pipe.send(tests)

    def ended(self) -> int:
        """Waits for its end; its exit code."""
        self.pipe.close()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def has_ended(pid: int) -> bool:
    return os.waitpid(pid, os.WNOHANG)[0] != 0


def interrupt_once(*_: object) -> NoReturn:
    """What fixtures have started then ends, however often somebody presses Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


class Inside:
    """One of the processes, from its own side: a plugin of pytest."""

    def __init__(self, session: pytest.Session, number: int, pipe: Connection) -> None:
        self.session = session
        self.config = session.config
        self.number = number
        self.pipe = pipe

    def work(self) -> NoReturn:
        """Runs what it is given, and ends the process."""
        signal.signal(signal.SIGINT, interrupt_once)
        code = 1
        try:
            self.become()
            try:
                while unit := self.pipe.recv():
                    self.run(unit)
            finally:
                self.config.hook.pytest_sessionfinish(session=self.session, exitstatus=0)  # ends what lasts so long
            code = 0
        except (KeyboardInterrupt, EOFError, BrokenPipeError):
            code = 2  # the one that started this says why
        except BaseException:  # noqa: BLE001  (whatever it is, the run says it)
            self.pipe.send(("error", traceback.format_exc()))
        finally:
            sys.stdout.flush()
            os._exit(code)

    def become(self) -> None:
        os.environ[WORKER] = str(self.number)
        manager = self.config.pluginmanager
        self.config.workerinput = {"workerid": f"gw{self.number}"}  # type: ignore[attr-defined]  # where plugins look
        manager.unregister(manager.getplugin("terminalreporter"))
        capture: Any = manager.getplugin("capturemanager")
        capture.stop_global_capturing()  # into a file that is the same for all
        capture.start_global_capturing()
        manager.register(self, "in-worker")
        # pytest removes the folders of old runs; one of a worker's own would look as if the worker still ran.
        folders: Any = self.config._tmp_path_factory  # type: ignore[attr-defined]
        folders._exit_stack.pop_all()  # or each would, with its end, and stumble over what another has half removed
        folders._basetemp = folders.getbasetemp() / f"gw{self.number}"
        folders._basetemp.mkdir()

    def run(self, unit: list[int]) -> None:
        for number, following in zip_longest(unit, unit[1:]):
            item = self.session.items[number]
            # What lasts for a class or a file ends with the last of them, and what lasts for the session does not.
            nextitem = self.session if following is None else self.session.items[following]
            self.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
            self.pipe.send(("ran", None))
            is_over = self.session.shouldfail or self.session.shouldstop  # by what failed here: nobody has to say so
            if following is not None and (is_over or self.pipe.poll()):
                return  # sent home, or about to be

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told = self.config.hook.pytest_report_to_serializable(config=self.config, report=report)
        self.pipe.send(("report", told))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: Any, nodeid: str) -> None:
        message = warnings.WarningMessage(
            str(warning_message.message), warning_message.category, warning_message.filename, warning_message.lineno
        )
        self.pipe.send(("warning", (message, when, nodeid)))


class Run:
    """The tests of a session, and who runs which."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self.config = session.config
        self.cache: pytest.Cache | None = getattr(session.config, "cache", None)
        self.took: dict[str, float] = self.cache.get(TOOK, {}) if self.cache else {}
        self.shares = Shares(units(session, self.took), self.config.hook.pytest_costs() or {})
        self.takes: Counter[str] = Counter()
        self.workers: dict[Connection, Worker] = {}
        self.numbers = count()

    def run(self) -> None:
        self.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # of the whole run: see `become`
        try:
            for worker in [self.start() for _ in range(self.config.option.workers)]:
                self.feed(worker)
            while self.workers:
                for pipe in wait(list(self.workers)):
                    assert isinstance(pipe, Connection)
                    self.hear(self.workers[pipe])
            if self.cache and not self.is_over:
                self.cache.set(TOOK, self.took | self.takes)
        finally:
            self.end()

    def start(self) -> Worker:
        number = next(self.numbers)
        self.config.hook.pytest_forking(session=self.session, number=number)
        worker = Worker(number, self.session, self.workers.values())
        self.workers[worker.pipe] = worker
        self.shares.join(worker.name)
        return worker

    def feed(self, worker: Worker) -> None:
        """Tells it what to run next, or that there is nothing left."""
        if self.is_over or not self.shares:
            worker.send_home()
        else:
            worker.give(self.shares.next_for(worker.name))

    @property
    def is_over(self) -> bool:
        return bool(self.session.shouldstop or self.session.shouldfail)

    def hear(self, worker: Worker) -> None:
        try:
            kind, said = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.gone(worker)
            return
        hook = self.config.hook
        if kind == "ran":
            worker.has.popleft()
            if not worker.was_sent_home and (self.is_over or not worker.has):
                self.feed(worker)
        elif kind == "report":
            self.takes[worker.unit.name] += said["duration"]
            self.say(worker, hook.pytest_report_from_serializable(config=self.config, data=said))
        elif kind == "warning":
            message, when, nodeid = said
            hook.pytest_warning_recorded.call_historic(
                kwargs={"warning_message": message, "when": when, "nodeid": nodeid, "location": None}
            )
        else:
            raise RuntimeError(f"{worker.name} ended with {said}")

    def say(self, worker: Worker, report: pytest.TestReport) -> None:
        node = SimpleNamespace(gateway=SimpleNamespace(id=worker.name), _workerinfocache=f"[{worker.name}]")
        report.node = node  # type: ignore[attr-defined]  # as pytest-xdist does, by which pytest tells whose it is
        self.config.hook.pytest_runtest_logreport(report=report)

    def gone(self, worker: Worker) -> None:
        """It was sent home; or it has died, and what it had is for another."""
        del self.workers[worker.pipe]
        self.shares.leave(worker.name)
        code = worker.ended()
        if worker.was_sent_home and code == 0:
            return
        if not worker.has:
            raise RuntimeError(f"{worker.name} died between tests, with exit code {code}")
        item = self.session.items[worker.has.popleft()]
        text = f"{worker.name} died while it ran this test, with exit code {code}."
        self.say(worker, pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call"))
        if worker.has:
            self.shares.put_back(worker.unit._replace(tests=list(worker.has)))
        self.feed(self.start())

    def end(self) -> None:
        """Has what still runs end, because the run was interrupted."""
        for worker in self.workers.values():
            worker.pipe.close()
            os.kill(worker.pid, signal.SIGINT)  # whom a terminal has told it already does not mind
        deadline = time.monotonic() + END_SECONDS
        for worker in self.workers.values():
            try:
                wait_until(partial(has_ended, worker.pid), f"{worker.name} ends", deadline - time.monotonic())
            except TimeIsUp:
                os.kill(worker.pid, signal.SIGKILL)
                os.waitpid(worker.pid, 0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """As pytest's own, which it leaves it to without `--workers`."""
    config = session.config
    if not config.option.workers or config.option.collectonly:
        return None
    if session.testsfailed and not config.option.continue_on_collection_errors:
        return None  # which says so
    Run(session).run()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True
