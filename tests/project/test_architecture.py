"""Who may import whom (pyproject.toml, importlinter), that the contracts would notice, and that what documents and
comments say of files is true of them."""

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


# Names of files -------------------------------------------------------------------------------------------------------

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SOURCES = sorted(
    path
    for folder in ("items", "project", "streams", "tests")
    for ending in ("py", "js", "css")
    for path in (ROOT / folder).rglob(f"*.{ending}")
    if path != Path(__file__)
)
# A folder or two before it, or alone.
NAMED = re.compile(r"(?<![\w/.*<-])((?:[\w-]+/)*[\w-]+\.(?:py|js|css))\b(?![/(])")


def missing(text: str, home: Path = ROOT) -> set[str]:
    """The names of files in `text` that are not there.

    A name with a folder begins at the root, or in `home`. A name alone is of the root, of the room that the heading
    above it names, or of a folder that the same paragraph names.
    """
    lost: set[str] = set()
    room = ROOT
    for paragraph in text.split("\n\n"):
        headings = re.findall(r"^#+ .*?`([\w/]+/)`", paragraph, re.MULTILINE)
        room = ROOT / headings[-1] if headings else ROOT if re.search(r"^## ", paragraph, re.MULTILINE) else room
        named = [Path(name) for name in NAMED.findall(paragraph)]
        folders = [ROOT, home, room, *(ROOT / name.parent for name in named)]
        lost |= {str(name) for name in named if not any((folder / name).exists() for folder in folders)}
    return lost


def test_each_file_that_a_document_names_exists() -> None:
    assert {path.name: lost for path in DOCUMENTS if (lost := missing(path.read_text()))} == {}


def test_each_file_that_a_comment_names_by_its_path_exists() -> None:
    lost = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in NAMED.findall(path.read_text())
        if name.split("/")[0] in {"items", "project", "streams", "tests", "docs"} and not (ROOT / name).exists()
    }
    assert lost == set()


def test_each_room_is_told_of() -> None:
    told = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {
        f"{path.relative_to(ROOT)}/"
        for app in ("items", "project", "streams")
        for path in (ROOT / app).iterdir()
        if (path / "__init__.py").exists() and path.name not in {"management", "migrations"}
    }
    assert len(rooms) > 20
    assert {room for room in rooms if f"### `{room}`" not in told} == set()


def test_a_name_that_is_not_there_is_noticed() -> None:
    assert missing("see `streams/wire.py`") == {"streams/wire.py"}
    assert missing("see `nowhere.py`, and `manage.py`") == {"nowhere.py"}
    assert missing("### `streams/hub/`\n- `hub.py`: …\n- `hubs.py`: …") == {"hubs.py"}
    assert missing("`streams/hub/hub.py` and `delivery.py`") == set()
