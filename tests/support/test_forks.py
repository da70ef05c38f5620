"""Tests side by side in forked processes (tests/support/forks.py): some, in a folder of their own, run as a program."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.waiting import WORKER, wait_until

pytestmark = pytest.mark.processes

ROOT = Path(__file__).resolve().parent.parent.parent
ALONE = [*("-p", "no:django"), *("-p", "no:randomly"), *("-p", "no:hypothesispytest")]
END_SECONDS = 60
# Each worker writes where it ran a test, and what ends with it.
CONFTEST = """
import os, signal
from pathlib import Path
import pytest

@pytest.fixture(scope="session", autouse=True)
def worker():
    name = Path(os.environ["RAN"], os.environ["TEST_WORKER"])
    yield name
    with name.open("a") as file: file.write("end\\n")

@pytest.fixture(autouse=True)
def _note(worker, request):
    with worker.open("a") as file: file.write(request.node.nodeid + "\\n")
"""


def start(folder: Path, *options: str, **files: str) -> subprocess.Popen[str]:
    for name, text in {"conftest": CONFTEST, **files}.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "ran").mkdir(exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name != WORKER} | {"RAN": str(folder / "ran")}
    command = [sys.executable, "-m", "pytest", "-p", "tests.support.forks", *ALONE, "-c", str(folder / "pytest.ini")]
    command += [*options, str(folder)]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )  # fmt: skip


def told(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit code, and the last line of what it says, without the time."""
    said, _ = process.communicate(timeout=END_SECONDS)
    return process.returncode, re.sub(r" in [\d.]+s.*", "", said.strip().splitlines()[-1]).strip("= ") + "\n" + said


def ran(folder: Path) -> list[list[str]]:
    """What each worker wrote, without the names of files."""
    return [path.read_text().replace(".py::", " ").split("\n")[:-1] for path in sorted((folder / "ran").iterdir())]


def test_each_test_runs_once_a_file_in_one_process_and_what_comes_of_it_is_told(tmp_path: Path) -> None:
    kinds = """
        import pytest, warnings
        def test_passes(tmp_path): warnings.warn("a planted one"); (tmp_path / "file").touch()
        def test_fails(): print("said before"); assert 1 == 2
        def test_skips(): pytest.skip("a reason")
    """
    files = {f"test_{name}": kinds for name in "abcdef"}
    scratch = tmp_path / "scratch"
    code, said = told(start(tmp_path, "--workers", "3", "--together", "file", "--basetemp", str(scratch), **files))
    assert code == 1
    assert said.startswith("6 failed, 6 passed, 6 skipped, 6 warnings\n")
    for told_of_each in ("\nE   assert 1 == 2", "\nsaid before\n", "UserWarning: a planted one"):
        assert said.count(told_of_each) == 6, told_of_each
    assert sorted(path.name for path in scratch.iterdir()) == ["gw0", "gw1", "gw2"]
    workers = ran(tmp_path)
    assert len(workers) == 3
    assert all(tests.pop() == "end" and tests for tests in workers), "what lasts for a session ends, once in each"
    for tests in workers:  # three of a file, one behind the other
        assert len({test.split()[0] for test in tests}) == len(tests) / 3
        assert [test.split()[1] for test in tests] == ["test_passes", "test_fails", "test_skips"] * (len(tests) // 3)
    assert sum(map(len, workers)) == 18


def test_a_worker_that_dies_fails_its_test_and_the_others_run(tmp_path: Path) -> None:
    several = """
        import os, signal
        def test_before(): pass
        def test_dies(): os.kill(os.getpid(), signal.SIGKILL)
        def test_after(): pass
    """
    code, said = told(
        start(tmp_path, "--workers", "1", "--together", "file", test_it=several, test_next="def test_b(): pass")
    )
    assert (code, said.partition("\n")[0]) == (1, "1 failed, 3 passed")
    assert "gw0 died while it ran this test, with exit code -9." in said
    assert re.search(r"FAILED .*test_it.py::test_dies", said)
    assert ran(tmp_path) == [
        ["test_it test_before", "test_it test_dies"],
        ["test_it test_after", "test_next test_b", "end"],
    ]


def test_each_test_may_be_for_another_process(tmp_path: Path) -> None:
    """Of a pipe with a name each end is open when the other one is."""
    meet = """
        import os
        class TestBoth:
            def test_reads(self): open(os.environ["RAN"] + ".pipe").close()
            def test_writes(self): open(os.environ["RAN"] + ".pipe", "w").close()
    """
    os.mkfifo(tmp_path / "ran.pipe")
    assert told(start(tmp_path, "--workers", "2", "--together", "test", test_it=meet))[0] == 0
    assert sorted(test.split("::")[1] for test, _ in ran(tmp_path)) == ["test_reads", "test_writes"]


def test_each_worker_has_a_database_of_its_own_though_its_tests_use_none(tmp_path: Path) -> None:
    """Locks lie beside it: where two had the same one, of two embedded brokers the second could not start."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\nfrom tests.conftest import _of_the_session\n")
    (tmp_path / "test_it.py").write_text(
        "import os, pathlib, pytest\n"
        "from django.db import connection\n"
        "@pytest.mark.parametrize('number', range(2))\n"
        "def test_it(number): pathlib.Path(__file__ + str(number)).write_text(connection.settings_dict['NAME'])\n"
    )
    options = ["-c", str(ROOT / "pyproject.toml"), "--workers", "2", "--together", "test"]
    env = {name: value for name, value in os.environ.items() if name != WORKER}
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=env, text=True, capture_output=True, timeout=END_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len({path.read_text() for path in tmp_path.glob("test_it.py?")}) == 2


def test_what_took_longest_comes_first_the_next_time(tmp_path: Path) -> None:
    files = {f"test_{name}": "def test_it(): pass" for name in "abc"}
    options = ("--workers", "1", "--together", "file")
    assert told(start(tmp_path, *options, **files))[0] == 0
    kept = tmp_path / ".pytest_cache" / "v" / "workers" / "took"
    a, b, c = (str(tmp_path / f"{name}.py") for name in files)
    took = json.loads(kept.read_text())
    assert took.keys() == {a, b, c}
    assert all(took.values())
    kept.write_text(json.dumps({a: 1, b: 3, c: 2}))
    assert told(start(tmp_path, *options, **files))[0] == 0
    [tests] = ran(tmp_path)
    assert [test[:6] for test in tests] == ["test_a", "test_b", "test_c", "end", "test_b", "test_c", "test_a", "end"]


def test_folders_of_old_runs_are_removed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noting = """
        import _pytest.pathlib
        def note(path, *_):
            with Path(os.environ["RAN"]).with_name("removed").open("a") as file:
                file.write(f"{path.name} {os.environ.get('TEST_WORKER')}\\n")
        _pytest.pathlib.try_cleanup = note
    """
    old = tmp_path / "temporary" / f"pytest-of-{getpass.getuser()}"
    for number in range(5):
        (old / f"pytest-{number}").mkdir(parents=True)
    old.chmod(0o700)
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(old.parent))
    uses = "def test_it(tmp_path): pass"
    conftest = CONFTEST + textwrap.dedent(noting)
    assert told(start(tmp_path, "--workers", "2", conftest=conftest, test_a=uses, test_b=uses))[0] == 0
    removed = (tmp_path / "removed").read_text().splitlines()
    assert removed
    assert {line.split()[1] for line in removed} == {"None"}, "by the process that was started"
    assert len(set(removed)) == len(removed)


def test_with_the_first_failure_it_stops_where_that_was_asked_for(tmp_path: Path) -> None:
    many = "import pytest\n@pytest.mark.parametrize('n', range(100))\ndef test_it(n): assert n\n"
    code, said = told(start(tmp_path, "-x", "--workers", "2", test_many=many))
    assert code == 1
    assert "stopping after 1 failures" in said
    assert sum(map(len, ran(tmp_path))) < 100


def test_who_interrupts_it_has_everything_ended(tmp_path: Path) -> None:
    waits = "import time\ndef test_it(): time.sleep(600)\n"
    pressed_again = CONFTEST.replace("    yield name\n", "    yield name\n    os.kill(os.getpid(), signal.SIGINT)\n")
    options = ("--workers", "2", "--together", "file")
    process = start(tmp_path, *options, conftest=pressed_again, test_a=waits, test_b=waits)
    wait_until(lambda: sum(map(len, ran(tmp_path))) == 2, "two tests run")
    process.send_signal(signal.SIGINT)
    code, said = told(process)
    assert code == 2
    assert "KeyboardInterrupt" in said
    assert sorted(ran(tmp_path)) == [["test_a test_it", "end"], ["test_b test_it", "end"]]
