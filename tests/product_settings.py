"""The settings of product processes that tests start: the product's own, except for where files of imports and of
collectstatic lie, so that tests and a developer's `make run` in the same folder leave each other alone."""

from __future__ import annotations

import os
from pathlib import Path

from project.settings import *  # noqa: F403

RUN_DIR = Path(os.environ["TEST_RUN_DIR"])
STATIC_ROOT = RUN_DIR / "staticfiles"
