"""Which version of the product this is: what pyproject.toml says, the only place where it stands."""

from __future__ import annotations

import tomllib
from functools import cache

from django.conf import settings


@cache
def version() -> str:
    """The product's version, such as `0.1.0`. Read once; the file is part of every installation."""
    return str(tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"])
