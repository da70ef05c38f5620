"""Who may import whom (pyproject.toml, importlinter), that the contracts would notice, and that what documents and
comments say of files is true of them; the table of bounds names what bounds a request or a socket."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
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
        capture_output=True, text=True, timeout=300, check=False,
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
    if not re.search(r"(?<!\bself)(?<!\bcls)\s*\.\s*_[a-z]", source):
        return set()
    tree = ast.parse(source)
    taken: set[str] = set()
    own = {"_meta", "_default_manager", "_replace", "_fields", "_exit"}  # public, say Django, NamedTuple, os
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
IMPORTED: dict[str, set[str]] = {
    "live": {"page"},
    "page": set(),
    "topics": {"live", "page"},
    "record": {"live", "page"},
    "board": {"live", "page", "topics", "record"},
    "itempages": {"live", "page"},
    "itemlist": {"live", "page", "itempages"},
    "boards": {"live", "page", "record"},
    "boards/figures": {"live"},
    "boards/figures/of": set(),
    "boards/worker": {"live", "page", "figures"},
    "boards/tiles": {"live", "page", "figures", "worker"},
    "boards/edit": {"live", "page", "record", "figures", "tiles", "worker"},
}


def imported_rooms(source: str) -> set[str]:
    """The folders beside its own that a JavaScript module imports, for types as well."""
    return set(re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](?:\.\./)+([\w-]+)/""", source))


@pytest.mark.parametrize("room", sorted(IMPORTED))
def test_modules_import_along_the_way_of_the_data(room: str) -> None:
    """The live protocol knows no view, and board, boards and items know nothing of each other."""
    modules = list((MODULES / room).glob("*.js"))
    assert modules
    assert {path.name for path in modules if imported_rooms(path.read_text()) - IMPORTED[room]} == set()


def test_each_folder_of_modules_has_its_rule() -> None:
    folders = {str(path.relative_to(MODULES)) for path in MODULES.rglob("*") if path.is_dir()}
    assert folders == set(IMPORTED)


def test_an_import_of_a_module_is_noticed() -> None:
    assert imported_rooms('import { Rows } from "../board/rows.js";') == {"board"}
    assert imported_rooms('import "../page/dom.js";') == {"page"}
    assert imported_rooms('import { Source } from "../../live/json.js";') == {"live"}
    assert imported_rooms('/** @typedef {import("../live/stream.js").Stream} Stream */') == {"live"}
    assert imported_rooms('const { Rows } = await import("../board/rows.js");') == {"board"}


def unbounded_fetches(source: str) -> list[str]:
    """The calls of `fetch` in a JavaScript module whose answer would be waited for without an end."""
    found = []
    for call in re.finditer(r"\bfetch\(", source):
        depth, end = 1, call.end()
        while depth and end < len(source):
            depth += {"(": 1, ")": -1}.get(source[end], 0)
            end += 1
        if not re.search(r"\bsignal\b", source[call.end() : end]):
            found.append(source[call.start() : end])
    return found


def test_each_answer_that_a_page_waits_for_has_a_bound() -> None:
    asked = {str(path.relative_to(MODULES)): path.read_text() for path in MODULES.rglob("*.js")}
    assert {name: found for name, source in asked.items() if (found := unbounded_fetches(source))} == {}


def test_a_fetch_without_a_bound_is_noticed() -> None:
    assert unbounded_fetches("await fetch(of(a), { headers }).json()") == ["fetch(of(a), { headers })"]
    assert unbounded_fetches("fetch(path, { signal: AbortSignal.timeout(MS) }); prefetch(a)") == []


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

# Named besides those that are found by their names below.
BOUNDS = {
    "streams/kafka/history.py": ("ASKERS",),
    "items/api/bodies.py": ("NAMES", "DEPTH", "PARTS", "TEXT"),
    "items/api/idempotency.py": ("KEYS_A_USER",),
    "items/api/schemas.py": ("PROBLEMS",),
    "items/imports/rows.py": ("COLUMNS",),
    "items/imports/looking.py": ("LOOK_S", "WAIT_S"),
    "items/listing/queries.py": ("COUNTED_ON_PAGES",),
    "items/tokens.py": ("DAYS",),
    "items/services/turns.py": ("WAIT_S", "HEAVY_READ_S", "PIECE_WAIT_S"),
    "project/accounts/views.py": ("PASSWORDS_AT_ONCE",),
    "project/body_limits.py": ("SILENCE_S",),
    "project/mailing.py": ("STOP_S",),
    "project/settings.py": ("STATEMENT_MS",),
    "streams/server/web.py": ("HEAD_S", "READ_FIRST_S", "STALLED_S"),
    "streams/socket/requests.py": ("BAD_REQUESTS_S",),
    "streams/filters/parsing.py": ("CHARACTERS", "NODES", "DEPTH", "LOOPS"),
    "streams/filters/compiling.py": ("PATTERNS", "PATTERN_SIZE", "PATTERN_MEMORY"),
    "streams/filters/work.py": ("UNITS",),
    "streams/search/searching.py": ("RECORDS", "BYTES", "SECONDS"),
    "streams/search/plan.py": ("LONGEST_STEP", "SLICE_BYTES"),
    "streams/search/process.py": ("IDLE_S", "SILENCE_S"),
    "streams/search/running.py": ("RESTARTS", "LOOK_S"),
    "streams/search/scan.py": ("LOOK_RECORDS",),
    "streams/search/exporting.py": ("WAIT_S", "AWAY_S"),
    "streams/search/rows.py": ("COLUMNS",),
    "streams/board/export_api.py": ("COLUMNS_TEXT",),
    "streams/kafka/scanning.py": ("READ_S",),
    "streams/wire/ranges.py": ("WHOLE_BYTES", "WHOLES_BYTES"),
    "streams/decoding/carried.py": ("DECODED_BYTES", "SLICE_S"),
    "streams/decoding/exact.py": ("JSON_DEPTH", "NODES", "DIGITS"),
    "streams/decoding/avro.py": ("RECURSIVE_BYTES", "NOTHINGS", "WORK"),
    "streams/decoding/avro_container.py": ("UNPACKED",),
    "streams/decoding/registry.py": (
        "WAIT_S",
        "LEARN_S",
        "AWAY_S",
        "REFUSED_S",
        "SCHEMAS",
        "BODY",
        "REFERENCES",
    ),
    "streams/decoding/protoc.py": ("SECONDS", "MEMORY", "WRITTEN"),
    "streams/models.py": ("SCHEMA_TEXT",),
    "streams/board/preview.py": ("SHOWN",),
    "streams/hub/topic_views.py": ("VIEWS_A_TOPIC", "VIEWS", "VIEWS_A_USER"),
    "streams/hub/view_log.py": ("SHARE", "RECORD_S", "SLICE_S"),
    "streams/hub/sieve.py": ("LATE_S",),
    "streams/hub/rights_watch.py": ("LOOK_S",),
}
# How constants are called that say how much of something is held or done for somebody …
HOLDS = re.compile(
    r"(^|_)(BYTES|KEPT|MOST|LARGEST|AT_ONCE|EACH|FILES|ROWS|RECORDS|OFFSETS|STREAMS|CONNECTIONS|SOURCES|CLOSING|WAITING|"
    r"DECODED|PIECE|PAGE|CHUNK|SAMPLE|LENGTH|WORDS|POOL|WRITES|READS|THREADS|REQUESTS|UPLOADS|LARGE|FEW)(_|$)"
)
# … and those of them that say something else.
VALUES = "how long one value may be, of which there are so many as their rows say"
STEPS = "how much is done in one go, of what is bounded elsewhere, or only in whose interest it is"
TIMES = "a time between two looks"
NOT_HELD = {
    VALUES: {
        "items/imports/amounts.py": {"CELL_LENGTH"}, "items/imports/preview.py": {"CELL_LENGTH"},
        "items/imports/names.py": {"NAME_LENGTH"}, "items/listing/filters.py": {"OWNER_LENGTH"},
        "items/listing/queries.py": {"LARGEST_OFFSET"}, "items/models/link_check.py": {"ERROR_LENGTH"},
        "items/values/money.py": {"LARGEST", "LENGTH"}, "project/checks.py": {"SECRET_LENGTH"},
        "items/values/texts.py": {"NAME_LENGTH", "DESCRIPTION_LENGTH", "SKU_LENGTH", "LINK_LENGTH"},
        "items/tokens.py": {"SECRET_BYTES"}, "project/accounts/sign_up.py": {"NAME_LENGTH"},
        "streams/outbox/messages.py": {"ERROR_LENGTH"}, "streams/server/live.py": {"LENGTH_16", "LENGTH_64"},
        "streams/socket/asked.py": {"MOST_JUMPS"}, "streams/filters/parsing.py": {"LARGEST"},
        "streams/filters/values.py": {"LARGEST"},
    },
    STEPS: {
        "items/api/idempotency.py": {"PRUNE_ROWS"}, "items/imports/recognising.py": {"RANKED_ROWS"},
        "items/imports/encoding.py": {"FEW"},
        "items/pages/views.py": {"PAGE_SIZE"}, "streams/outbox/messages.py": {"PRUNE_ROWS"},
        "streams/rights/credentials.py": {"ROWS_A_QUERY"}, "streams/fanout/group.py": {"REACH_OFFSETS"},
        "streams/outbox/publisher.py": {"BATCH_BYTES", "RECORD_BYTES"},
    },
    TIMES: {"streams/kafka/tail.py": {"OFFSETS_TIMEOUT_S"}, "streams/processes/web.py": {"WAITING_S"}},
}  # fmt: skip


# What stands at the left of a file's constants: to parse a file takes a hundred times as long.
ASSIGNED = re.compile(r"^[A-Z][A-Z0-9_]*(?: *, *[A-Z][A-Z0-9_]*)*(?= *[:=])", re.MULTILINE)


def limits(source: str) -> set[str]:
    """The constants of a file that are numbers or times, or are made of such, and called as HOLDS says."""
    found: set[str] = set()
    if not any(HOLDS.search(name) for names in ASSIGNED.findall(source) for name in re.split(r" *, *", names)):
        return found
    for node in ast.parse(source).body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        if any(isinstance(part, ast.Call) and ast.unparse(part.func) != "timedelta" for part in ast.walk(node.value)):
            continue
        if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in ast.walk(node.value)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        found |= {name for name in names if name.isupper() and not name.startswith("_") and HOLDS.search(name)}
    return found


def bounds_of(path: Path) -> set[str]:
    """What the table has to name of a file."""
    file = str(path.relative_to(ROOT))
    others = {name for files in NOT_HELD.values() for name in files.get(file, ())}
    return (limits(path.read_text()) - others) | set(BOUNDS.get(file, ()))


def test_the_table_of_bounds_names_each_with_its_file() -> None:
    table = (ROOT / "docs/architecture.md").read_text().partition("## Bounds")[2].partition("\n## ")[0]
    rows = table.splitlines()
    held = {
        (f"`{name}`", f"`{path.relative_to(ROOT)}`")
        for app in ("items", "project", "streams")
        for path in (ROOT / app).rglob("*.py")
        if not {"migrations", "management", "demo"} & set(path.parts)
        for name in bounds_of(path)
    }
    told = {(name, file) for name, file in held for row in rows if name in row and file in row}
    assert held - told == set()
    assert len(held) > 100


def test_what_is_listed_here_is_there() -> None:
    lists: list[Mapping[str, Iterable[str]]] = [BOUNDS, *NOT_HELD.values()]
    for files in lists:
        for file, names in files.items():
            source = (ROOT / file).read_text()
            lost = {
                name for name in names if not re.search(rf"^(\w+, )*{name}(, \w+)*(: .*)? = ", source, re.MULTILINE)
            }
            assert lost == set(), file


def test_a_limit_is_noticed() -> None:
    assert limits("ROWS_KEPT = 10  # a person") == {"ROWS_KEPT"}
    assert limits("UPLOADS_EACH, UPLOADS = 2, 8") == {"UPLOADS_EACH", "UPLOADS"}
    assert limits("MOST_BYTES: int = KIB * 4\nKEPT = timedelta(days=1)") == {"MOST_BYTES", "KEPT"}
    assert limits('LARGE = Counter("x")\nSENTENCE = 1\nPAGE = "x"') == set()
