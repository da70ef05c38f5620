"""Who may import whom (pyproject.toml, importlinter), and that the contracts would notice; and that the table of bounds
names what bounds what a request or a socket may cost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


BOUNDS = {
    "items/api/bodies.py": ("NAMES", "DEPTH", "PARTS", "TEXT"),
    "items/listing/filters.py": ("SEARCH_LENGTH", "SEARCH_WORDS"),
    "items/api/idempotency.py": ("KEYS_A_USER",),
    "items/api/schemas.py": ("PROBLEMS",),
    "items/tokens.py": ("DAYS",),
    "items/services/turns.py": ("WRITES", "WAIT_S", "HEAVY_READS", "HEAVY_READS_EACH", "HEAVY_READ_S", "PIECE_WAIT_S"),
    "project/accounts/views.py": ("TOKENS_EACH",),
    "project/api/api.py": ("BULK_BYTES", "LONGEST_SAID"),
    "project/settings.py": ("POOL", "STATEMENT_MS"),
    "streams/rights/credentials.py": ("SESSIONS_DECODED",),
    "streams/socket/consumer.py": ("CONNECTIONS", "CONNECTIONS_PER_USER"),
    "streams/socket/requests.py": ("BAD_REQUESTS", "BAD_REQUESTS_S"),
    "streams/hub/rights_watch.py": ("LOOK_S",),
}


@pytest.mark.parametrize(("file", "names"), BOUNDS.items())
def test_the_table_of_bounds_names_each_with_its_file(file: str, names: tuple[str, ...]) -> None:
    table = (ROOT / "docs/architecture.md").read_text().partition("## Bounds")[2].partition("\n## ")[0]
    source = (ROOT / file).read_text()
    for name in names:
        assert re.search(rf"^{name} = ", source, re.MULTILINE), f"{file} has no {name}"
        rows = [row for row in table.splitlines() if f"`{name}`" in row or f"`{name}`, `{file}`" in row]
        assert any(f"`{file}`" in row or f"`{file.partition('/')[2]}`" in row for row in rows), f"{name} of {file}"
