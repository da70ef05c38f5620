"""Who may import whom (pyproject.toml, importlinter), that the contracts would notice, and that what documents and
comments say of files is true of them; the table of bounds names what bounds a request or a socket."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from streams.kafka import aiokafka_internals

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
    ("streams.wire", "streams.hub.hub"),
    ("streams.hub", "streams.socket.requests"),
    ("streams.socket", "streams.board.api"),
    ("streams.hub", "aiokafka"),
    ("streams.socket", "streams.kafka.aiokafka_internals"),
    ("items.values", "items.models"),
    ("items.listing", "items.pages.views"),
    ("project.accounts", "project.api.api"),
]


def test_each_forbidden_import_is_noticed(tmp_path: Path) -> None:
    """`make lint` asks the same program of the code as it is."""
    for package in ("project", "items", "streams"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for number, (importer, imported) in enumerate(WRONG):
        (tmp_path / importer.replace(".", "/") / f"wrong_{number}.py").write_text(f"import {imported}\n")
    done = subprocess.run(
        [str(LINT), "--no-cache"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    told = set(re.findall(r"[\w.]+\.wrong_\d+ -> [\w.]+", done.stdout))
    for number, (importer, imported) in enumerate(WRONG):
        wrong = f"{importer}.wrong_{number}"
        # Of packages that are not ours the first word is told.
        either = {f"{wrong} -> {imported}", f"{wrong} -> {imported.partition('.')[0]}"}
        assert either & told, f"{importer} may import {imported}:\n{done.stdout}"


# What no contract can say ---------------------------------------------------------------------------------------------


def foreign_private_parts(source: str) -> set[str]:
    """Names with one underscore that are taken from something else than what the file itself gives such names to."""
    tree = ast.parse(source)
    taken: set[str] = set()
    own = {"_meta", "_default_manager", "_replace", "_exit"}  # said to be public by Django, NamedTuple and os
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self":
                own.add(node.attr)
            elif not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                taken.add(node.attr)
    return taken - own


def test_only_one_file_touches_private_parts_of_kafkas_client() -> None:
    """Whatever imports aiokafka, or has such a client from who does."""
    touched = {
        str(path.relative_to(ROOT)): found
        for path in (ROOT / "streams").rglob("*.py")
        if path.name != "aiokafka_internals.py" and (found := foreign_private_parts(path.read_text()))
    }
    assert touched == {}


def test_private_parts_are_noticed() -> None:
    assert foreign_private_parts("consumer._fetcher.task") == {"_fetcher"}
    assert foreign_private_parts("self.consumer._client") == {"_client"}
    assert foreign_private_parts("class A:\n  def b(self):\n    self._c = 1\n    A()._c") == set()


def test_the_private_parts_were_read_in_the_version_that_is_installed() -> None:
    assert version("aiokafka") == aiokafka_internals.VERSION
    assert f"\naiokafka=={aiokafka_internals.VERSION} " in (ROOT / "requirements.txt").read_text()


MODULES = ROOT / "streams" / "static" / "streams"
# Which folders of modules a folder may import besides itself.
IMPORTED = {"live": set(), "page": set(), "board": {"live", "page"}, "itemlist": {"live", "page"}}


def imported_rooms(source: str) -> set[str]:
    """The folders beside its own that a JavaScript module imports, for types as well."""
    return set(re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["']\.\./([\w-]+)/""", source))


@pytest.mark.parametrize("room", sorted(IMPORTED))
def test_modules_import_along_the_way_of_the_data(room: str) -> None:
    """The live protocol knows no page, and neither page knows the other."""
    modules = list((MODULES / room).glob("*.js"))
    assert modules
    assert {path.name for path in modules if imported_rooms(path.read_text()) - IMPORTED[room]} == set()


def test_each_folder_of_modules_has_its_rule() -> None:
    assert {path.name for path in MODULES.iterdir() if path.is_dir()} == set(IMPORTED)


def test_an_import_of_a_module_is_noticed() -> None:
    assert imported_rooms('import { Rows } from "../board/rows.js";') == {"board"}
    assert imported_rooms('import "../page/dom.js";') == {"page"}
    assert imported_rooms('/** @typedef {import("../live/stream.js").Stream} Stream */') == {"live"}
    assert imported_rooms('const { Rows } = await import("../board/rows.js");') == {"board"}


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


def missing(text: str) -> set[str]:
    """The names of files in `text` that are not there.

    It begins at the root, in the room that the heading above it names, or in a folder that the same paragraph names.
    """
    lost: set[str] = set()
    room = ROOT
    for paragraph in text.split("\n\n"):
        headings = re.findall(r"^#+ .*?`([\w/]+/)`", paragraph, re.MULTILINE)
        room = ROOT / headings[-1] if headings else ROOT if re.search(r"^## ", paragraph, re.MULTILINE) else room
        named = [Path(name) for name in NAMED.findall(paragraph)]
        told = re.findall(r"`((?:[\w-]+/)+)`", paragraph)
        folders = [ROOT, room, *(ROOT / name.parent for name in named), *(ROOT / folder for folder in told)]
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
    assert missing("`streams/hub/hub.py` and `delivery.py`; in `items/pages/` `views.py`") == set()


# Bounds --------------------------------------------------------------------------------------------------------------

BOUNDS = {
    "items/api/bodies.py": ("NAMES", "DEPTH", "PARTS", "TEXT"),
    "items/listing/filters.py": ("SEARCH_LENGTH", "SEARCH_WORDS"),
    "items/api/idempotency.py": ("KEYS_A_USER",),
    "items/api/schemas.py": ("PROBLEMS",),
    "items/tokens.py": ("DAYS",),
    "items/services/turns.py": ("WRITES", "WAIT_S", "HEAVY_READS", "HEAVY_READS_EACH", "HEAVY_READ_S", "PIECE_WAIT_S"),
    "project/accounts/views.py": ("TOKENS_EACH",),
    "project/api/api.py": ("BULK_BYTES",),
    "project/api/errors.py": ("LONGEST_SAID",),
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
