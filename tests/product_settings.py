"""The settings of product processes that tests start: the product's own, except for where files of imports and of
collectstatic lie, so that tests and a developer's `make run` in the same folder leave each other alone; and, where a
test asks for it, a shorter time for statements and fewer connections."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Where there is `rich`, as beside tests and not in production, httpx loads it and its command line: a fifth of a second
# of each start.
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # how Python is told that a module is not to be found

from project.settings import *  # noqa: E402, F403
from project.settings import DATABASE, STATEMENT_MS  # noqa: E402

RUN_DIR = Path(os.environ["TEST_RUN_DIR"])
STATIC_ROOT = RUN_DIR / "staticfiles"

if statement_ms := os.environ.get("TEST_STATEMENT_MS"):  # for tests that do not wait for the product's own half minute
    options = DATABASE["OPTIONS"]
    of_visitors = f"statement_timeout={STATEMENT_MS}"  # management commands have none
    options["options"] = options.get("options", "").replace(of_visitors, f"statement_timeout={statement_ms}")

if connections := os.environ.get("TEST_POOL"):  # for tests that need as many requests as there are connections
    DATABASE["OPTIONS"]["pool"]["max_size"] = int(connections)
    DATABASE["OPTIONS"]["pool"]["timeout"] = 120  # s: who waits in vain is not answered, however slow the machine is
