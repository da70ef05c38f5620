"""Rows about importing: a file of 100,000 rows by `importitems`, beside `bulk_create` of the same items alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bench.item_file import write_file
from tests.bench.kafka import pinned_services
from tests.bench.measure import ROOT, SERVER_CORE, Series
from tests.bench.run import Line, PeerMissing, Run, log
from tests.support import processes, services

ROWS = 100_000
AS_FAST_AS = 0.5  # of bulk_create alone
AGAIN = 3.0  # as fast as the first time, at least
TURN_S = 600.0


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
        ours.values.append(_rows_a_second("item_file", file, env, expected="created"))
        again.values.append(_rows_a_second("item_file", file, env, expected="unchanged"))
        folder = folder / "alone"
        folder.mkdir()
        env = processes.make_installation(folder, server, {}).env
        alone.values.append(_rows_a_second("peers.bulk_create", file, env, expected="created"))
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
        [sys.executable, "-m", f"tests.bench.{what}", str(file)], env=env, cwd=ROOT, capture_output=True,
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
