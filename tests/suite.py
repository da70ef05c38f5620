"""The whole suite in order, as `make test` and `make lint` run it: `python -m tests.suite [lint] [pytest arguments]`.

Every step runs, whatever the one before said; the last lines tell which ones failed. Parts whose tools are not
installed are skipped visibly, and fail when CI=true.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import services

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
REQUIRED = os.environ.get("CI") == "true"

failed: list[str] = []
skipped: list[str] = []


def say(text: str) -> None:
    print(text, flush=True)


def step(name: str, *command: str, **environment: str) -> None:
    say(f"\n=== {name}")
    began = time.monotonic()
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode
    say(f"=== {name}: {'passed' if code == 0 else f'FAILED ({code})'} in {time.monotonic() - began:.0f} s")
    if code != 0:
        failed.append(name)


def skip(name: str, reason: str) -> None:
    say(f"\n=== {name}: {'FAILED' if REQUIRED else 'skipped'}: {reason}")
    (failed if REQUIRED else skipped).append(f"{name} ({reason})")


def lint() -> None:
    step("ruff", str(BIN / "ruff"), "check", ".")
    step("ruff format", str(BIN / "ruff"), "format", "--check", ".")
    step("mypy", sys.executable, "-m", "mypy")
    step("import contracts", str(BIN / "lint-imports"), "--no-logo")


def javascript(*, tests: bool) -> None:
    """The types of the ES modules, and their unit tests."""
    if not (ROOT / "package.json").is_file():
        return
    npm = shutil.which("npm")
    if npm is None:
        skip("JavaScript", "npm is not installed (on Debian: apt install npm)")
        return
    lock, installed = ROOT / "package-lock.json", ROOT / "node_modules" / ".package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        step("npm ci", npm, "ci", "--no-audit", "--no-fund")
    step("JavaScript types", npm, "run", "--silent", "check")
    if tests:
        step("JavaScript tests", npm, "test", "--silent")


def on_postgres(arguments: list[str]) -> None:
    """The tests of items and streams again, with the database that serves many processes; but not those whose
    product processes have databases of their own."""
    try:
        server = services.postgres()
    except (pytest.skip.Exception, pytest.fail.Exception) as error:
        skip("tests on PostgreSQL", str(error))
        return
    try:
        url = server.create_database()
        step(
            "tests on PostgreSQL", sys.executable, "-m", "pytest", "tests/items", "tests/streams",
            "-m", "not processes", *arguments,
            TEST_DATABASE_URL=url,
        )  # fmt: skip
    finally:
        services.close_all()


def main(arguments: list[str]) -> int:
    only_lint = arguments[:1] == ["lint"]
    lint()
    javascript(tests=not only_lint)
    if not only_lint:
        step("tests on SQLite", sys.executable, "-m", "pytest", *arguments)
        on_postgres(arguments)
    if skipped:
        say(f"\nSkipped: {', '.join(skipped)}")
    say(f"\n{'FAILED: ' + ', '.join(failed) if failed else 'Everything passed.'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
