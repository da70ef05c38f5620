"""Running an import: rows are read, understood and written in chunks, and what came of them is counted and reported.

This is synchronous and busy: it runs in a process of its own (`manage.py importitems`, `manage.py runimport`), because
parsing holds Python's lock and would delay every socket of a web process. A chunk is one transaction, so a process that
is killed leaves whole chunks; the same file again finds them unchanged and goes on.
"""

from __future__ import annotations

import csv
import gc
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.core.exceptions import ValidationError

from items.imports import rows as import_rows
from items.imports.mapping import Mapper, Skip
from items.imports.recognising import Survey
from items.imports.rows import Row
from items.services import upserts
from items.services.changes import ItemFields
from items.services.patience import patiently
from items.services.refusals import Refused
from items.values.cells import neutral

if TYPE_CHECKING:
    from django.contrib.auth.models import User

CHUNK = 500  # rows in one transaction: long enough to be quick, short enough for other writers on SQLite
CHUNK_BYTES = 8 * 1024 * 1024  # of the file in one transaction; the row that goes beyond is the last of it
# New objects between two of Python's looks for circles among them. A chunk makes some ten thousand, none in a circle;
# with the usual 700, each look leaves more to be looked at by the next great one.
YOUNG = 50_000
# Of a report kept for a person: a gigabyte has room for 300 million rows that fail, each with two lines of the report.
REPORT_BYTES = 32 * 1024 * 1024
MORE = "More rows failed than a report holds; all of them are counted on the page of the import."
COUNTS = ("rows", "created", "updated", "unchanged", "failed", "skipped")


@dataclass(slots=True)
class Progress:
    """counts: rows by what came of them. skipped: rows by why. position: bytes read."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    position: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """A row that was not imported. reasons: column, as the file names it, or "" for the row as a whole, and a sentence.
    texts: for each field what stands in the row, as far as it could be read. source: the beginning of one that could
    not."""

    line: int
    reasons: tuple[tuple[str, str], ...]
    texts: dict[str, str] = field(default_factory=dict)
    source: str = ""


Candidate = tuple[Row, ItemFields]


def run(
    path: Path,
    survey: Survey,
    mapping: dict[str, str],
    owner: User | None,
    *,
    dry_run: bool,
    on_failure: Callable[[Failure], None],
    on_chunk: Callable[[Progress], bool],
    on_wait: Callable[[bool], object] = lambda _: None,
) -> Progress:
    """Imports the file. Every row of it ends as one of created, updated, unchanged, failed and skipped, and `rows` is
    their sum. `on_chunk` is called after each chunk; False ends the import there. While the database is away the import
    waits for it: `on_wait` is called with True then, and with False when it is back.

    Raises NotAllowed, OSError, and what the database says when it stays away.
    """
    progress = Progress()
    mapper = Mapper(survey, mapping)
    with closing(SeenSkus()) as seen, _seldom_looked_through():
        chunk: list[Candidate] = []
        failures: list[Failure] = []
        taken = start = 0

        def end_chunk() -> bool:
            nonlocal taken, start
            first = _first_of_their_sku(chunk, mapper, seen, progress, failures.append)
            _write(first, mapper, owner, progress, failures.append, on_wait=on_wait, dry_run=dry_run)
            for failure in sorted(failures, key=lambda failure: failure.line):
                on_failure(failure)
            chunk.clear()
            failures.clear()
            taken, start = 0, progress.position
            return on_chunk(progress)

        for row, position in import_rows.read(path, survey.shape):
            progress.position = position
            progress.counts["rows"] += 1
            taken += 1
            candidate = _candidate(row, mapper, progress, failures.append)
            if candidate is not None:
                chunk.append(candidate)
            if (taken == CHUNK or position - start >= CHUNK_BYTES) and not end_chunk():
                return progress
        progress.position = path.stat().st_size
        end_chunk()
    return progress


@contextmanager
def _seldom_looked_through() -> Iterator[None]:
    """Inside the block Python looks for circles among its objects when there are YOUNG new ones."""
    before = gc.get_threshold()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class SeenSkus:
    """The SKUs that earlier rows had. In a temporary file of SQLite, so that two million of them take no memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")
        self._database.execute("CREATE TABLE seen (sku TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def earlier_lines(self, rows: Sequence[tuple[str, int]]) -> dict[int, int]:
        """Notes the rows, each a SKU and a line. Returns line -> the line that had its SKU before, of those whose SKU
        was noted already, or is that of an earlier one of them."""
        noted = self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", rows).rowcount
        if noted == len(rows):
            return {}
        select = self._database.cursor().execute
        first = [(line, select("SELECT line FROM seen WHERE sku = ?", (sku,)).fetchone()[0]) for sku, line in rows]
        return {line: earlier for line, earlier in first if earlier != line}

    def close(self) -> None:
        """Removes the file in which the SKUs are kept."""
        self._database.close()


def _candidate(row: Row, mapper: Mapper, progress: Progress, on_failure: Callable[[Failure], None]) -> Candidate | None:
    """The row as a service takes it; None when it is skipped or cannot be one (then that was told)."""
    if row.problem:
        failure = Failure(row.line, (("", row.problem),), source=row.source)
    else:
        try:
            return row, mapper.fields(row)
        except Skip as reason:
            progress.counts["skipped"] += 1
            progress.skipped[_kind_of(str(reason))] += 1
            return None
        except ValidationError as error:
            failure = _failure(row, mapper, error)
    progress.counts["failed"] += 1
    on_failure(failure)
    return None


def _first_of_their_sku(
    chunk: list[Candidate], mapper: Mapper, seen: SeenSkus, progress: Progress, on_failure: Callable[[Failure], None]
) -> list[Candidate]:
    """Those whose SKU no earlier row had, and those without one; the others fail."""
    skus = {row.line: upserts.sku_of(fields) for row, fields in chunk}
    earlier = seen.earlier_lines([(sku, line) for line, sku in skus.items() if sku])
    if not earlier:
        return chunk
    for row, _ in chunk:
        if row.line in earlier:
            sentence = f"Line {earlier[row.line]} has the SKU {skus[row.line]} already."
            progress.counts["failed"] += 1
            on_failure(Failure(row.line, ((mapper.mapping.get("sku", ""), sentence),), mapper.texts(row)))
    return [candidate for candidate in chunk if candidate[0].line not in earlier]


def _kind_of(reason: str) -> str:
    """The reason without what names one product, so that reasons can be counted."""
    return reason.partition(" of ")[0] if reason.startswith("a further picture") else reason


def _write(
    chunk: list[Candidate],
    mapper: Mapper,
    owner: User | None,
    progress: Progress,
    on_failure: Callable[[Failure], None],
    *,
    on_wait: Callable[[bool], object],
    dry_run: bool,
) -> None:
    if not chunk:
        return
    rows = [fields for _, fields in chunk]
    results = patiently(lambda: upserts.upsert_items(owner=owner, rows=rows, dry_run=dry_run), on_wait)
    for (row, _), result in zip(chunk, results, strict=True):
        if isinstance(result, upserts.Outcome):
            progress.counts[result] += 1
            continue
        progress.counts["failed"] += 1
        on_failure(_failure(row, mapper, result))


def _failure(row: Row, mapper: Mapper, error: Refused | ValidationError) -> Failure:
    mapping = mapper.mapping
    if isinstance(error, ValidationError):
        reasons = [(mapping.get(name, name), " ".join(sentences)) for name, sentences in error.message_dict.items()]
    else:
        reasons = [(mapping.get("sku", ""), str(error))]
    return Failure(row.line, tuple(reasons), mapper.texts(row))


@contextmanager
def report_file(path: Path, most: int | None = None) -> Iterator[Callable[[Failure], None]]:
    """Writes failures to a CSV file: line, column, reason. The file is there at the end only when there were any.

    most: bytes, more or less; from there on one more line says that there are more. None: all of them, however many.
    """
    path.unlink(missing_ok=True)
    file: IO[str] | None = None
    size = 0

    def write(failure: Failure) -> None:
        nonlocal file, size
        if file is None:
            file = path.open("w", encoding="utf-8", errors="replace", newline="")
            csv.writer(file).writerow(["line", "column", "reason"])
        if most is not None and size >= most:
            return
        for column, reason in failure.reasons:
            row = [failure.line, neutral(column), neutral(reason)]
            size += sum(len(str(cell).encode("utf-8", "replace")) + 1 for cell in row)
            csv.writer(file).writerow(row)
        if most is not None and size >= most:
            csv.writer(file).writerow(["", "", MORE])

    try:
        yield write
    finally:
        if file is not None:
            file.close()
