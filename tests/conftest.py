"""Fixtures of the whole suite: the real services (tests/support/services.py) and the product's own processes
(tests/support/processes.py)."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase
from django.test.utils import setup_databases, teardown_databases
from pytest_django import DjangoDbBlocker

from tests.settings import SCRATCH
from tests.support import databases, emptied, files, processes, services
from tests.support.examples import FEW
from tests.support.preloaded import preload
from tests.support.waiting import WORKER

pytest_plugins = ["tests.support.forks"]

# A test is marked with what it needs; whoever starts a service without its mark fails (services.allow).
MARKS = files.MARKED | files.OF_DATABASE
# … and with this, wherever it stands in such a folder: tests/suite.py leaves them out by their names.
OF_FOLDERS = {"browser": "browser", "faults": "waits"}
# What a test with this mark takes, about, in seconds, where that was not seen yet and the mark does not say it; of
# several marks, the most counts.
TAKES = {"slow": 10.0, "browser": 5.0, "kafka": 5.0}
# The fixtures for which something is started once in each worker, with what that takes, about, in seconds.
COSTS = {"kafka": 15, "browser": 3, "registry": 2, "postgres": 2}
# New objects between two looks of Python for what is to be freed. With its own 700, tests took a twentieth longer.
YOUNG = 10_000

# A machine may stand still while an example is made or tried: no time is looked at. `make check` tries few.
hypothesis.settings.register_profile(
    "ours", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.register_profile(FEW, hypothesis.settings.get_profile("ours"), max_examples=10)
hypothesis.settings.load_profile("ours")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests, before some are chosen by their marks."""
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in MARKS:
                item.add_marker(MARKS[fixture])
        for folder in OF_FOLDERS.keys() & set(item.path.parts):
            item.add_marker(OF_FOLDERS[folder])
        kind = getattr(item, "cls", None)
        if kind is not None and issubclass(kind, TransactionTestCase):
            item.add_marker("database")
    found_by = {"database": files.SAYS_DATABASE} | dict.fromkeys(services.MARKS, files.SAYS_SERVICE)
    marked = {(item.path, mark.name) for item in items for mark in item.iter_markers()}
    for path, mark in sorted(marked):
        if mark in found_by and not found_by[mark].search(path.read_text()):
            raise pytest.UsageError(f"{path} is marked {mark}, and nothing in it says so: see tests/support/files.py")


def pytest_collection_finish() -> None:
    """What was loaded stays: nothing of it is looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
    gc.enable()  # tests/settings.py did not want it to look meanwhile


def pytest_forking(session: pytest.Session, number: int) -> None:
    if any(item.get_closest_marker("database") for item in session.items):
        databases.copy(session, number)
    preload()


def pytest_starts(item: pytest.Item) -> set[str]:
    return COSTS.keys() & set(getattr(item, "fixturenames", ()))


def pytest_costs() -> dict[str, int]:
    return COSTS


def pytest_takes(item: pytest.Item) -> float:
    said = [float(mark.args[0]) for mark in item.iter_markers("slow") if mark.args]
    return max(said or [1.0, *(TAKES.get(mark.name, 1.0) for mark in item.iter_markers())])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if WORKER not in os.environ:
        databases.end(session)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    services.allow({mark.name for mark in item.iter_markers()})
    try:
        return (yield)
    finally:
        services.allow(None)


@pytest.fixture(scope="session", autouse=True)
def _of_the_session() -> Iterator[None]:
    """What this process has to itself, and what ends with it."""
    settings.RUN_DIR = SCRATCH / f"run-{os.environ.get(WORKER, '')}"
    if number := os.environ.get(WORKER):
        databases.use_copy(int(number))  # even where no test of it needs one: locks lie beside it
    processes.may_fork = True
    emptied.use()
    yield
    processes.end_nursery()
    services.close_all()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In place of pytest-django's: a worker's database has been made."""
    if WORKER in os.environ:
        yield
        return
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture
def kafka() -> services.Kafka:
    """A running Apache Kafka, the same for all tests of a run; use topics of your own (`kafka.create_topic()`)."""
    return services.kafka()


@pytest.fixture
def postgres() -> services.Postgres:
    """A running PostgreSQL; use databases of your own (`postgres.create_database()`)."""
    return services.postgres()


@pytest.fixture
def redis() -> services.Redis:
    """A running Redis, emptied of nothing: a restart empties it."""
    return services.redis()


@pytest.fixture
def registry() -> services.Registry:
    """A running schema registry, the same for all tests of a run; use subjects of your own."""
    return services.registry()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium."""
    return services.chromium()


FAILED = pytest.StashKey[bool]()
Install = Callable[..., processes.Installation]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def install(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Install]:
    """`install(KAFKA_BOOTSTRAP_SERVERS=…)` or `install(server=postgres, …)`: an installation of the product
    (tests/support/processes.py). Its processes end with the test, and a failed test shows their logs."""
    made: list[processes.Installation] = []

    def make(server: services.Postgres | None = None, **settings: str) -> processes.Installation:
        folder = tmp_path / f"installation-{len(made) + 1}"
        folder.mkdir()
        made.append(processes.make_installation(folder, server, settings))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
    if request.node.stash.get(FAILED, False):
        for installation in made:
            print(installation.logs())
