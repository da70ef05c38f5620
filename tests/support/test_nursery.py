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


def test_all_that_is_loaded_before_needs_no_settings_and_is_nothing_of_ours() -> None:
    script = "import sys, nursery; nursery.load(); print(*sys.modules, sep='\\n')"
    env = {"PYTHONPATH": str(Path(nurseries.__file__).parent)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"django", "aiokafka"} <= loaded
    assert not loaded & {"project", "items", "streams", "tests"}
