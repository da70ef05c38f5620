"""Which ES modules a module imports, and those again: so that a page can name all of them at once, and a browser need
not read one to learn of the next. What a worker imports that it starts is needed as well; the worker itself is asked
for by the one who starts it."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders

IMPORT = re.compile(r"""^(?:import|export)\b(?:[^"';]*\bfrom)?\s*"(?P<path>\.{1,2}/[^"]+)";""", re.MULTILINE)
WORKER = re.compile(r"""\bnew Worker\(new URL\("(?P<path>\.{1,2}/[^"]+)", import\.meta\.url\)""")


def imported_by(name: str) -> tuple[str, ...]:
    """The static names of all modules that the one of this name needs, itself left out, those nearest to it first.

    Raises FileNotFoundError when one of them is not there.
    """
    return _walk(name) if settings.DEBUG else _remembered(name)


@cache
def _remembered(name: str) -> tuple[str, ...]:
    return _walk(name)


def _walk(name: str) -> tuple[str, ...]:
    found, workers = [name], set[str]()
    for module in found:  # grows while it is gone through
        folder, text = posixpath.dirname(module), _text(module)
        imported, started = (
            [posixpath.normpath(posixpath.join(folder, match["path"])) for match in names.finditer(text)]
            for names in (IMPORT, WORKER)
        )
        workers.update(started)
        found += [path for path in dict.fromkeys([*imported, *started]) if path not in found]
    return tuple(path for path in found[1:] if path not in workers)


def _text(name: str) -> str:
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(f"There is no static file {name}.")
    return Path(path).read_text(encoding="utf-8")
