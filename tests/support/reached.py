"""How much of the product the tests reach, lines and branches: as a plugin of pytest (`measured`) it writes what each
of its workers reached, and `python -m tests.support.reached FOLDER` puts that together, and fails when it has become
less.

Before Python 3.12 a tracer, as coverage has one, makes every line of every library slower, and took as long as the
tests themselves. Here only the product's own lines tell that they were reached: slipcover builds that into them as they
are loaded.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import slipcover

from tests.support.waiting import WORKER

# Percent, of the tests that need no service, which are the ones measured: the tests with services run most of the rest,
# in processes of the product. Raise it when the figure has risen.
LEAST = 85.0
ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = [str(ROOT / name) for name in ("items", "project", "streams")]
OMITTED = ["*/migrations/*"]
FOLDER = "TEST_REACHED"  # the variable that names where workers write
ALWAYS = -1  # how often a line tells: code that runs is then never exchanged for other code


def measured(folder: Path) -> dict[str, str]:
    """What pytest needs in its environment for its workers to write into this folder."""
    return {FOLDER: str(folder), "PYTEST_PLUGINS": __name__}


# It has to be here: with pytest's first hook the product is loaded.
if FOLDER in os.environ:
    reached = slipcover.Slipcover(branch=True, d_miss_threshold=ALWAYS, source=SOURCES, omit=OMITTED)
    slipcover.ImportManager(reached, slipcover.FileMatcher(SOURCES, OMITTED)).__enter__()

    def pytest_sessionfinish() -> None:
        if worker := os.environ.get(WORKER):  # in the process that forks them no test runs
            Path(os.environ[FOLDER], f"{worker}.json").write_text(json.dumps(reached.get_coverage()))


def together(folder: Path) -> float:
    """The share in percent that all of the workers reached; 0 when none has written."""
    first, *others = [json.loads(path.read_text()) for path in folder.glob("*.json")] or [None]
    for other in others:
        slipcover.merge_coverage(first, other)
    return 0.0 if first is None else float(first["summary"]["percent_covered"])


if __name__ == "__main__":
    share = together(Path(sys.argv[1]))
    print(f"The tests that need no service reach {share:.2f} % of the product's lines and branches.")
    if share < LEAST:
        sys.exit(f"That is less than {LEAST:g} % (LEAST in tests/support/reached.py).")
