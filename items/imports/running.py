"""Running an import: rows are read, understood and written in chunks, and what came of them is counted and reported.

This is synchronous and busy: it runs in a process of its own (`manage.py importitems`, `manage.py runimport`), because
parsing holds Python's lock and would delay every socket of a web process. A chunk is one transaction, so a process that
is killed leaves whole chunks; the same file again finds them unchanged and goes on.
"""

from __future__ import annotations

import csv
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError

from items.imports import rows as import_reading
from items.imports.mapping import Mapper, Skip
from items.imports.rows import Row, Shape
from items.services import upserts
from items.services.changes import ItemFields
from items.services.refusals import Refused
from items.values.cells import neutral

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHUNK = 500  # rows in one transaction: long enough to be quick, short enough for other writers on SQLite
TRIES = 5  # of one chunk, when other writers were quicker or the database was busy
PAUSE_S = 0.5  # between tries, growing
COUNTS = ("rows", "created", "updated", "unchanged", "failed", "skipped")


@dataclass(slots=True)
class Progress:
    """counts: rows by what came of them. position: bytes read."""

    counts: Counter[str] = field(default_factory=Counter)
    position: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not imported. column: as the file names it, "" for the row as a whole."""

    line: int
    column: str
    reason: str


Candidate = tuple[Row, ItemFields]


def run(
    path: Path,
    shape: Shape,
    mapping: dict[str, str],
    owner: User | None,
    *,
    dry_run: bool,
    on_failure: Callable[[Failure], None],
    on_chunk: Callable[[Progress], bool],
) -> Progress:
    """Imports the file. `on_chunk` is called after each chunk; False ends the import there.

    Raises NotAllowed, OSError, and what the database says when it stays away.
    """
    progress = Progress()
    mapper = Mapper(shape, mapping)
    with closing(SeenSkus()) as seen:
        chunk: list[Candidate] = []
        failures: list[Failure] = []
        taken = 0

        def end_chunk() -> bool:
            nonlocal taken
            _write(chunk, mapping, owner, progress, failures.append, dry_run=dry_run)
            for failure in sorted(failures, key=lambda failure: failure.line):
                on_failure(failure)
            chunk.clear()
            failures.clear()
            taken = 0
            return on_chunk(progress)

        for row, position in import_reading.read(path, shape):
            progress.position = position
            progress.counts["rows"] += 1
            taken += 1
            candidate = _candidate(row, mapper, seen, progress, failures.append)
            if candidate is not None:
                chunk.append(candidate)
            if taken == CHUNK and not end_chunk():
                return progress
        progress.position = path.stat().st_size
        end_chunk()
    return progress


class SeenSkus:
    """The SKUs that earlier rows had. In a temporary file of SQLite, so that two million of them take no memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def earlier_line(self, sku: str, line: int) -> int | None:
        """The line that had this SKU before; None, and this line is noted, when none had."""
        try:
            self._database.execute("INSERT INTO seen VALUES (?, ?)", (sku, line))
        except sqlite3.IntegrityError:
            found: tuple[int] = self._database.execute("SELECT line FROM seen WHERE sku = ?", (sku,)).fetchone()
            return found[0]
        return None

    def close(self) -> None:
        """Removes the file in which the SKUs are kept."""
        self._database.close()


def _candidate(
    row: Row, mapper: Mapper, seen: SeenSkus, progress: Progress, on_failure: Callable[[Failure], None]
) -> Candidate | None:
    """The row as a service takes it; None when it is skipped or cannot be one (then that was told)."""
    failures = [Failure(row.line, "", row.problem)] if row.problem else []
    if not failures:
        try:
            fields = mapper.fields(row)
            sku = str(fields.get("sku", "")).encode("utf-8", "replace").decode()
            earlier = seen.earlier_line(sku, row.line) if sku else None
            if earlier is None:
                return row, fields
            failures = [Failure(row.line, mapper.mapping.get("sku", ""), f"Line {earlier} has the SKU {sku} already.")]
        except Skip:
            progress.counts["skipped"] += 1
            return None
        except ValidationError as error:
            failures = _failures(row, mapper.mapping, error)
    progress.counts["failed"] += 1
    for failure in failures:
        on_failure(failure)
    return None


def _write(
    chunk: list[Candidate],
    mapping: dict[str, str],
    owner: User | None,
    progress: Progress,
    on_failure: Callable[[Failure], None],
    *,
    dry_run: bool,
) -> None:
    if not chunk:
        return
    rows = [fields for _, fields in chunk]
    for left in reversed(range(TRIES)):
        try:
            results = upserts.upsert_items(owner=owner, rows=rows, dry_run=dry_run)
            break
        except (IntegrityError, OperationalError):
            if not left:
                raise
            time.sleep(PAUSE_S * (TRIES - left))
    for (row, _), result in zip(chunk, results, strict=True):
        if isinstance(result, upserts.Outcome):
            progress.counts[result] += 1
            continue
        progress.counts["failed"] += 1
        for failure in _failures(row, mapping, result):
            on_failure(failure)


def _failures(row: Row, mapping: dict[str, str], error: Refused | ValidationError) -> list[Failure]:
    if isinstance(error, ValidationError):
        return [
            Failure(row.line, mapping.get(name, name), message)
            for name, messages in error.message_dict.items()
            for message in messages
        ]
    return [Failure(row.line, mapping.get("sku", ""), str(error))]


@contextmanager
def report_file(path: Path) -> Iterator[Callable[[Failure], None]]:
    """Writes failures to a CSV file: line, column, reason. The file is there at the end only when there were any."""
    path.unlink(missing_ok=True)
    file: IO[str] | None = None

    def write(failure: Failure) -> None:
        nonlocal file
        if file is None:
            file = path.open("w", encoding="utf-8", errors="replace", newline="")
            csv.writer(file).writerow(["line", "column", "reason"])
        csv.writer(file).writerow([failure.line, neutral(failure.column), neutral(failure.reason)])

    try:
        yield write
    finally:
        if file is not None:
            file.close()
