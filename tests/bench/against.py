"""One row for two checkouts in turns: this one and another, such as the commit before a change (`--against PATH`).

The clients, the services and the peers are this checkout's; the product's processes are the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import ROOT, Series
from tests.bench.run import Line, Run, log
from tests.support import processes

Row = Callable[[Run], list[Line]]


def compare(row: Row, rounds: int, seconds: float, other: Path) -> list[Line]:
    """The row's lines with the other checkout's numbers in the place of the peer's. Raises what the row raises."""
    numbers = {ROOT: dict[str, Series](), other: dict[str, Series]()}
    lines = dict[str, Line]()
    for _ in range(rounds):
        for tree, seen in numbers.items():
            log(f"  --- {tree}")
            for line in _of(tree, row, seconds):
                if line.what not in lines or tree == ROOT:
                    lines[line.what] = line
                seen.setdefault(line.what, Series()).values += line.ours.values
    return [
        Line(what, numbers[ROOT].get(what, Series()), line.unit, str(other), numbers[other].get(what, Series()),
             form=line.form, note=line.note)
        for what, line in lines.items()
    ]  # fmt: skip


def _of(tree: Path, row: Row, seconds: float) -> Iterator[Line]:
    """The lines of one round, each `what` once: some stand beside several peers."""
    with _processes_of(tree):
        run = Run(1, seconds, tree)
        try:
            yield from {line.what: line for line in row(run)}.values()
        finally:
            run.close()


@contextmanager
def _processes_of(tree: Path) -> Iterator[None]:
    """Inside the block installations run the code of this checkout, on databases that it migrated."""
    processes.ROOT = tree
    processes.sqlite_template.cache_clear()
    for made in ("tokens.json", "template.sqlite3"):
        (processes.TEMPLATES / made).unlink(missing_ok=True)
    try:
        yield
    finally:
        processes.ROOT = ROOT
