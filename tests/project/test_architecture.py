"""Who may import whom (pyproject.toml, importlinter), and that the contracts would notice."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LINT = Path(sys.executable).parent / "lint-imports"


WRONG = [
    ("items", "streams.models"),
    ("items", "channels.layers"),
    ("items", "aiokafka"),
    ("items", "project.environment"),
    ("streams", "items.models"),
    ("streams", "items.services"),
    ("streams", "project.settings"),
]


def test_each_forbidden_import_is_noticed(tmp_path: Path) -> None:
    """`make lint` asks the same program of the code as it is."""
    for package in ("project", "items", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for number, (importer, imported) in enumerate(WRONG):
        (tmp_path / importer / f"wrong_{number}.py").write_text(f"import {imported}\n")
    done = subprocess.run(
        [str(LINT), "--no-cache"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    told = set(re.findall(r"\w+\.wrong_\d+ -> [\w.]+", done.stdout))
    for number, (importer, imported) in enumerate(WRONG):
        wrong = f"{importer}.wrong_{number}"
        # Of packages that are not ours the first word is told.
        either = {f"{wrong} -> {imported}", f"{wrong} -> {imported.partition('.')[0]}"}
        assert either & told, f"{importer} may import {imported}:\n{done.stdout}"
