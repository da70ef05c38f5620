"""Rows about importing: a file of 100,000 rows by `importitems`, beside `bulk_create` of the same items alone.

python -m tests.bench.importing product FILE     prints how many seconds the import took, and what came of the rows
python -m tests.bench.importing bulk FILE        … how long reading the file and writing its items took
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.bench.kafka import pinned_services
from tests.bench.measure import ROOT, SERVER_CORE, Series
from tests.bench.run import Line, PeerMissing, Run, log
from tests.support import processes, services

ROWS = 100_000
BATCH = 1_000  # items in one statement of bulk_create
AS_FAST_AS = 0.5  # of bulk_create alone
AGAIN = 3.0  # as fast as the first time, at least
TURN_S = 600.0
COLUMNS = ("sku", "name", "description", "price", "tax", "link")


def import_rows(run: Run) -> list[Line]:
    """Rows a second on PostgreSQL and on SQLite, each turn into an empty database; then the same file again."""
    file = run.folder / "items.csv"
    write_file(file, ROWS)
    lines = []
    try:
        with pinned_services("postgres") as found:
            lines += _on(run, file, "PostgreSQL", found["postgres"])  # type: ignore[arg-type]
    except PeerMissing as error:
        log(f"  left out: {error}")
    return [*lines, *_on(run, file, "SQLite", None)]


def _on(run: Run, file: Path, database: str, server: services.Postgres | None) -> list[Line]:
    ours, again, alone = Series(), Series(), Series()
    for number in range(run.rounds):
        folder = run.folder / f"import-{database}-{number}"
        folder.mkdir()
        env = processes.make_installation(folder, server, {}).env
        ours.values.append(_rows_a_second("product", file, env, expected="created"))
        again.values.append(_rows_a_second("product", file, env, expected="unchanged"))
        folder = folder / "alone"
        folder.mkdir()
        env = processes.make_installation(folder, server, {}).env
        alone.values.append(_rows_a_second("bulk", file, env, expected="created"))
    what = f"import of {ROWS:,} rows, {database}"
    return [
        Line(what, ours, "rows/s", "bulk_create alone", alone, AS_FAST_AS, more_is_better=True, form="{:.0f}",
             note=f"{ROWS / ours.median:.1f} s; bulk_create {ROWS / alone.median:.1f} s"),
        Line(f"{what}, again", again, "rows/s", "the first time", ours, AGAIN, more_is_better=True, form="{:.0f}",
             note=f"{ROWS / again.median:.1f} s"),
    ]  # fmt: skip


def _rows_a_second(what: str, file: Path, env: dict[str, str], *, expected: str) -> float:
    """Runs one side in a process that has the server's core to itself. Raises RuntimeError when a row fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.importing", what, str(file)], env=env, cwd=ROOT, capture_output=True,
        text=True, timeout=TURN_S, check=False, preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"{what}: {done.stderr[-2000:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    if f"{ROWS} {expected}" not in answer["said"]:
        raise RuntimeError(f"{what}: not all rows are {expected}: {answer['said']}")
    speed = ROWS / float(answer["seconds"])
    log(f"  {what}: {speed:,.0f} rows/s, {answer['seconds']:.1f} s, {expected}")
    return speed


def write_file(file: Path, rows: int) -> None:
    """A file such as a shop would have it."""
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for number in range(rows):
            price = Decimal(number % 50_000) / 100 + 1
            writer.writerow([
                f"SKU-{number:06}", f"Tent {number}", "Three seasons, 2.1 kg. " * (1 + number % 4), f"{price:.2f}",
                f"{price / 5:.2f}", f"https://example.com/tents/{number}",
            ])  # fmt: skip


# The sides ----------------------------------------------------------------------------------------------------------


def product(file: Path) -> str:
    """As `manage.py importitems`; returns its last line."""
    from django.core.management import call_command

    said = io.StringIO()
    call_command("importitems", str(file), report=file.with_suffix(".failed.csv"), stdout=said, stderr=io.StringIO())
    return said.getvalue()


def bulk(file: Path) -> str:
    """The same items, read and written with nothing else: no check, no history, no event."""
    from django.db import transaction

    from items.models import Item

    made = 0
    with file.open(newline="", encoding="utf-8") as text:
        rows = csv.DictReader(text)
        while batch := [_item(row) for row in itertools.islice(rows, BATCH)]:
            with transaction.atomic():
                made += len(Item.objects.bulk_create(batch))
    return f"{made} created"


def _item(row: dict[str, Any]) -> Any:
    from items.models import Item

    return Item(**{**row, "price": Decimal(row["price"]), "tax": Decimal(row["tax"])})


def main() -> None:
    import django

    django.setup()
    side = {"product": product, "bulk": bulk}[sys.argv[1]]
    began = time.perf_counter()
    said = side(Path(sys.argv[2]))
    print(json.dumps({"seconds": time.perf_counter() - began, "said": said}))


if __name__ == "__main__":
    main()
