"""What `make` runs to judge the code: `python -m tests.suite [check|lint] [pytest arguments]`.

Without a word it is the whole suite. Every step runs, whatever the one before said; the last lines tell what failed
and how long it took. Parts whose tools are not installed are skipped visibly, and fail when CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.support import files, nursery, reached, services

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
REQUIRED = os.environ.get("CI") == "true"
CORES = max(2, min(4, os.cpu_count() or 2))
# Processes of pytest side by side. They cost little (tests/support/forks.py), and where tests wait a core would stand
# idle. Not so many more where each may have services of its own, or where others look at time meanwhile.
WORKERS = 4 * CORES
WITH_SERVICES = CORES + 2
BESIDE_WAITING = CORES + 1

SERVICES = " or ".join(services.MARKS)
# Images set PYTHONDONTWRITEBYTECODE: each of the pythons that are started here would compile all of it again.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
BESIDE_OTHERS = ["nice", "-n", "5"]  # what computes while others look at time: these go first
OTHER_PYTHONS = ("3.12", "3.13")
# All of their tests have a mark by which others leave them out (tests/conftest.py).
BROWSER, FAULTS = str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "faults")
REQUIREMENTS = ROOT / "requirements.txt"
NO_TESTS = 5  # pytest's exit code when the arguments select none of a step's tests

began = time.monotonic()
failed: list[str] = []
skipped: list[str] = []


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Step:
    """One command with a name. fine: exit codes that are no failure. whole_output: whether a quiet run says all of its
    output when it passed, too."""

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    fine: tuple[int, ...] = (0,)
    whole_output: bool = False

    def run(self, *, quiet: bool = False) -> bool:
        """Runs it, says what came of it, and returns whether it passed. quiet: its output is said at its end, in one
        piece, and only when it failed or `whole_output` asks for it."""
        before = time.monotonic()
        if not quiet:
            say(f"\n=== {self.name}")
        done = subprocess.run(
            self.command, cwd=ROOT, env={**ENVIRONMENT, **self.environment}, check=False, text=True,
            stdout=subprocess.PIPE if quiet else None, stderr=subprocess.STDOUT if quiet else None,
        )  # fmt: skip
        passed = done.returncode in self.fine
        verdict = "passed" if passed else f"FAILED ({done.returncode})"
        output = f"\n{done.stdout.rstrip()}" if quiet and (self.whole_output or not passed) else ""
        say(f"{output}\n=== {self.name}: {verdict} in {time.monotonic() - before:.0f} s".removeprefix("\n"))
        if not passed:
            failed.append(self.name)
        return passed


def skip(name: str, reason: str, *, required: bool = True) -> None:
    """Says that a part is left out. required: it fails where everything has to be there."""
    is_failure = REQUIRED and required
    say(f"\n=== {name}: {'FAILED' if is_failure else 'skipped'}: {reason}")
    (failed if is_failure else skipped).append(f"{name} ({reason})")


def npm() -> str | None:
    """npm's path, with what package-lock.json names installed, and what boards draw with among the static files; None,
    and said so, where there is no npm."""
    found = shutil.which("npm")
    if found is None:
        skip("JavaScript", "npm is not installed (on Debian: apt install npm)")
        return None
    lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        Step("npm ci", [found, "ci", "--no-audit", "--no-fund"]).run()
    if not (ROOT / "streams" / "static" / "vendor" / "made-of.txt").is_file():
        Step("libraries of boards", [sys.executable, "manage.py", "assets"], {"DEBUG": "true"}).run()
    return found


def lint(*, javascript_tests: bool) -> None:
    """Everything that reads the code without running it, side by side."""
    steps = [
        Step("mypy", [sys.executable, "-m", "mypy"]),
        Step("ruff", [str(BIN / "ruff"), "check", "."]),
        Step("ruff format", [str(BIN / "ruff"), "format", "--check", "."]),
        Step("import contracts", [str(BIN / "lint-imports"), "--no-logo"]),
    ]
    if program := npm():
        steps.insert(1, Step("JavaScript types", [program, "run", "--silent", "check"]))
        if javascript_tests:
            steps.append(Step("JavaScript tests", [program, "test", "--silent"]))
    say("")
    with ThreadPoolExecutor(2) as two:
        for ended in [two.submit(step.run, quiet=True) for step in steps]:
            ended.result()


def of_tests(
    name: str, marks: str, arguments: list[str], *options: str, python: str = sys.executable, **environment: str
) -> Step:
    """The tests with these marks among those that the arguments select."""
    fine = (0, NO_TESTS) if arguments else (0,)
    command = [python, "-m", "pytest", "-m", marks, *options, *arguments]
    return Step(f"tests {name}", command, environment, fine)


def side_by_side(together: str, workers: int) -> list[str]:
    """pytest's options for several processes. together: what one of them gets as a whole (tests/support/forks.py)."""
    return ["--workers", str(workers), "--together", together]


def quick_tests(arguments: list[str], workers: int, *options: str, **environment: str) -> Step:
    left_out = [] if arguments else [f"--ignore={folder}" for folder in (BROWSER, FAULTS)]
    return of_tests(
        "that need no service", f"not ({SERVICES})", arguments, *side_by_side("scope", workers), *left_out,
        *options, **environment,
    )  # fmt: skip


def measured_quick_tests(arguments: list[str]) -> None:
    """The same, with the share of the product's lines and branches that they reach, which must not fall. Only of all of
    them: a part reaches less."""
    if arguments:
        beside(quick_tests(arguments, BESIDE_WAITING)).run()
        return
    with tempfile.TemporaryDirectory() as folder:
        beside(quick_tests([], BESIDE_WAITING, **reached.measured(Path(folder)))).run()
        Step("branch coverage", [sys.executable, "-m", reached.__name__, folder]).run()


def beside(step: Step) -> Step:
    """The same step, while tests that look at time run."""
    return replace(step, command=[*BESIDE_OTHERS, *step.command])


def on_other_pythons(arguments: list[str]) -> None:
    """The quick tests on the versions of Python that are installed beside this one, each with an environment that is
    kept in .run; one that is not there is no failure anywhere."""
    for version in OTHER_PYTHONS:
        name = f"on Python {version}"
        program = shutil.which(f"python{version}")
        if program is None or subprocess.run([program, "--version"], capture_output=True, check=False).returncode != 0:
            skip(f"tests {name}", f"no python{version} on the PATH can be started", required=False)
            continue
        home = ROOT / ".run" / f"python{version}"
        python, asked, done = str(home / "bin" / "python"), ROOT / "tests" / "requirements.txt", home / "installed"
        if not done.is_file() or done.stat().st_mtime < max(asked.stat().st_mtime, REQUIREMENTS.stat().st_mtime):
            Step(f"environment {name}", [program, "-m", "venv", "--clear", str(home)]).run()
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(asked)]
            if not Step(f"packages {name}", install).run():
                continue
            done.touch()
        of_tests(name, f"not ({SERVICES})", arguments, *side_by_side("scope", WORKERS), python=python).run()


def on_postgres(arguments: list[str]) -> None:
    """The tests that use the database again, with the one that serves many processes; but not those whose product
    processes have databases of their own."""
    try:
        server = services.postgres()
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        skip("tests on PostgreSQL", str(error))
        return
    try:
        beside(
            of_tests(
                "on PostgreSQL", "database and not processes", arguments or files.that_use_the_database(),
                *side_by_side("scope", BESIDE_WAITING),
                TEST_DATABASE_URL=server.create_database(),
            )
        ).run()  # fmt: skip
    finally:
        services.close_all()


def whole(arguments: list[str]) -> None:
    """What mostly waits runs beside what computes; then what does both; in the end what has the machine for itself."""
    npm()  # before anything else: boards in the browser need what it brings
    with nursery.shared() as shared, tempfile.TemporaryDirectory() as templates:
        with_products(arguments, {**shared, "TEST_TEMPLATES": templates})
    on_other_pythons(arguments)


def with_products(arguments: list[str], shared: dict[str, str]) -> None:
    """All but the other Pythons. shared: the environment that the runs have of which several start products."""
    waiting = replace(
        of_tests(
            "of what is away for long", "waits", arguments or [*files.that_write("waits"), FAULTS],
            *side_by_side("test", WORKERS),
            TEST_PORTS="upper", **shared,
        ),
        whole_output=True,
    )  # fmt: skip
    with ThreadPoolExecutor(2) as aside:
        waited = aside.submit(waiting.run, quiet=True)
        read = aside.submit(lint, javascript_tests=True)
        measured_quick_tests(arguments)
        on_postgres(arguments)
        waited.result()
        read.result()
    of_tests(
        "with services, and in the browser", f"({SERVICES}) and not (alone or waits)",
        arguments or files.that_need_a_service(),
        *side_by_side("file", WITH_SERVICES), **shared,
    ).run()  # fmt: skip
    of_tests("that have the machine for themselves", "alone", arguments or files.that_write("alone"), **shared).run()


def check(arguments: list[str]) -> None:
    """The same tests as in the whole suite, with fewer examples where examples are made up. What reads the code runs
    beside them, and what it finds is said as soon as it is found."""
    with ThreadPoolExecutor(1) as aside:
        ended = aside.submit(lint, javascript_tests=True)
        quick_tests(arguments, WORKERS, "--hypothesis-profile=few", MODEL_EXAMPLES="10").run()
        ended.result()


MODES: dict[str, Callable[[list[str]], None]] = {
    "check": check,
    "lint": lambda _: lint(javascript_tests=False),
}


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in MODES:
        MODES[arguments[0]](arguments[1:])
    else:
        whole(arguments)
    if skipped:
        say(f"\nSkipped: {', '.join(skipped)}")
    say(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'Everything passed.'} {time.monotonic() - began:.0f} s.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
