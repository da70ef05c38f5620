"""Who may import whom (pyproject.toml, importlinter), and that the contracts would notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LINT = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [str(LINT), "--no-cache"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_import_contracts_hold() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("items", "streams.models"),
        ("items", "channels.layers"),
        ("items", "aiokafka"),
        ("items", "project.environment"),
        ("streams", "items.models"),
        ("streams", "items.services"),
        ("streams", "project.settings"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path: Path, importer: str, imported: str) -> None:
    for package in ("project", "items", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / importer / "wrong.py").write_text(f"import {imported}\n")
    assert lint(tmp_path).returncode == 1
