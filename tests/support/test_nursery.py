"""What is forked is as a program that was started: in its environment, arguments, output, group and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import nursery as nurseries
from tests.support.nursery import Child, Nursery
from tests.support.processes import ROOT, environment
from tests.support.services import is_alive
from tests.support.waiting import wait_until

SECONDS = 60
TELLS = """
import json, os, sys
print(json.dumps([sys.argv, dict(os.environ), os.getcwd(), sys.path[0], os.getsid(0) == os.getpid(), __name__]))
print(sys.stdin.read(), end="")
"""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Of one that loads nothing: what it forks is the same."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(nurseries, "COMMAND", [*nurseries.COMMAND, "nothing"])
        made = Nursery()
    yield made
    made.close()


def start(nursery: Nursery, folder: Path, script: str, *arguments: str, **env: str) -> Child:
    path = folder / "script.py"
    path.write_text(script)
    with (folder / "output").open("wb") as output, (folder / "errors").open("wb") as errors:
        return nursery.start([str(path), *arguments], env, folder, output.fileno(), errors.fileno())


def test_it_is_told_what_a_program_is_told(nursery: Nursery, tmp_path: Path) -> None:
    child = start(nursery, tmp_path, TELLS, "one", "two words", ONLY="this")
    assert child.wait(SECONDS) == 0
    told: list[Any] = json.loads((tmp_path / "output").read_text())
    script = str(tmp_path / "script.py")
    assert told == [[script, "one", "two words"], {"ONLY": "this"}, str(tmp_path), str(tmp_path), True, "__main__"]
    assert (tmp_path / "errors").read_text() == ""


@pytest.mark.parametrize(
    ("script", "code", "errors"),
    [
        ("", 0, ""),
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('a reason')", 1, "a reason\n"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import atexit, sys; atexit.register(sys.stderr.write, 'at the end')", 0, "at the end"),
    ],
)
def test_it_ends_as_a_program_does(nursery: Nursery, tmp_path: Path, script: str, code: int, errors: str) -> None:
    assert start(nursery, tmp_path, script).wait(SECONDS) == code
    assert (tmp_path / "errors").read_text().endswith(errors)


def test_it_can_be_waited_for_stopped_and_killed_with_all_that_it_started(nursery: Nursery, tmp_path: Path) -> None:
    child = start(nursery, tmp_path, "import time; time.sleep(600)")
    assert child.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.1)
    os.killpg(child.pid, signal.SIGKILL)
    assert child.wait(SECONDS) == -signal.SIGKILL
    assert child.poll() == -signal.SIGKILL


def test_several_runs_share_what_was_loaded_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nurseries, "COMMAND", [*nurseries.COMMAND, "nothing"])
    with nurseries.shared() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        one, other = Nursery(), Nursery()
        folder = tmp_path / "one"
        folder.mkdir()
        child = start(one, folder, "import time; time.sleep(600)")
        assert start(other, tmp_path, "import sys; sys.exit(3)").wait(SECONDS) == 3
        os.killpg(child.pid, signal.SIGKILL)
        assert child.wait(SECONDS) == -signal.SIGKILL
        one.close()
        assert start(other, tmp_path, "").wait(SECONDS) == 0
        other.close()


STARTS_ANOTHER = """
import subprocess, sys, time
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid, flush=True)
time.sleep(600)
"""


def test_what_still_runs_when_nobody_asks_any_more_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nurseries, "COMMAND", [*nurseries.COMMAND, "nothing"])
    nursery = Nursery()
    child = start(nursery, tmp_path, STARTS_ANOTHER)
    output = tmp_path / "output"
    wait_until(lambda: output.read_text().endswith("\n"), "it has started another", SECONDS)
    family = [child.pid, int(output.read_text())]
    assert all(is_alive(pid) for pid in family)
    nursery.close()
    wait_until(lambda: not any(is_alive(pid) for pid in family), "both are gone", SECONDS)


# What the product goes by and what Django connects to, and whether the product was there before it was asked for.
ASKS = """
import json, os, sys
loaded = "items.models" in sys.modules
import django
django.setup()
from django.conf import settings
from django.db import connection
where = connection.vendor, connection.settings_dict["NAME"]
print(json.dumps([loaded, settings.KAFKA_ITEMS_TOPIC, settings.DEBUG, *where]))
"""


@pytest.fixture(scope="module")
def loaded() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.close()


def of_product(folder: Path, **settings: str) -> dict[str, str]:
    return environment(TEST_RUN_DIR=str(folder), PYTHONPATH=str(ROOT), **settings)


def asked(nursery: Nursery, folder: Path, **settings: str) -> list[Any]:
    child = start(nursery, folder, ASKS, **of_product(folder, **settings))
    assert child.wait(SECONDS) == 0, (folder / "errors").read_text()
    told: list[Any] = json.loads((folder / "output").read_text())
    return told


@pytest.mark.processes
def test_a_product_that_was_loaded_before_goes_by_the_environment_of_its_own(loaded: Nursery, tmp_path: Path) -> None:
    one, other = f"sqlite:///{tmp_path}/one", f"sqlite:///{tmp_path}/other"
    assert asked(loaded, tmp_path, DATABASE_URL=one) == [True, "items.v1", False, "sqlite", f"{tmp_path}/one"]
    told = asked(loaded, tmp_path, DATABASE_URL=other, KAFKA_ITEMS_TOPIC="lamps")
    assert told == [True, "lamps", False, "sqlite", f"{tmp_path}/other"]
    told = asked(loaded, tmp_path, DATABASE_URL="postgres://someone@localhost/lamps")
    assert told == [True, "items.v1", False, "postgresql", "lamps"]


@pytest.mark.processes
def test_with_a_setting_that_it_was_not_loaded_with_it_is_loaded_anew(loaded: Nursery, tmp_path: Path) -> None:
    told = asked(loaded, tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/one", DEBUG="true")
    assert told == [False, "items.v1", True, "sqlite", f"{tmp_path}/one"]


@pytest.mark.processes
def test_settings_that_cannot_be_used_end_it_as_they_end_a_program(loaded: Nursery, tmp_path: Path) -> None:
    child = start(loaded, tmp_path, ASKS, **of_product(tmp_path, DEBUG="perhaps"))
    assert child.wait(SECONDS) == 1
    assert "ImproperlyConfigured: DEBUG" in (tmp_path / "errors").read_text()


def test_what_is_loaded_before_the_product_needs_no_settings_and_is_nothing_of_ours() -> None:
    script = "import sys, nursery; nursery.load(); print(*sys.modules, sep='\\n')"
    env = {"PYTHONPATH": str(Path(nurseries.__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"django", "aiokafka"} <= loaded
    assert not loaded & {"project", "items", "streams", "tests"}
