"""Which files hold tests of a kind, by their text: with these named, pytest need not load all others to find out that
it runs none of them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import services

TESTS = Path(__file__).resolve().parent.parent
# A test with one of these fixtures is marked so: `-m "not kafka"` works without anybody remembering to write the mark.
MARKED = {"kafka": "kafka", "postgres": "postgres", "redis": "redis", "registry": "registry", "chromium": "browser"}
MARKED |= {"visitors": "browser", "install": "processes", "product": "processes"}
OF_DATABASE = {"db": "database", "transactional_db": "database"}
# Django's test cases and those made of them, and pytest-django's mark and fixtures.
SAYS_DATABASE = re.compile(rf"TestCase\b|\b(django_db|{'|'.join(OF_DATABASE)})\b")
# A mark, or a parameter that is one of those fixtures.
SAYS_SERVICE = re.compile(rf"\bmark\.({'|'.join(services.MARKS)})\b|\bdef \w+\([^)]*\b({'|'.join(MARKED)})\b")


def that_say(pattern: str | re.Pattern[str]) -> list[str]:
    """The paths of the files of tests in whose text the pattern is found."""
    return [str(path) for path in sorted(TESTS.rglob("test_*.py")) if re.search(pattern, path.read_text())]


def that_write(mark: str) -> list[str]:
    """The files of tests with this mark, where it is nothing that tests/conftest.py sets."""
    return that_say(rf"\bmark\.{mark}\b")


def that_use_the_database() -> list[str]:
    """The files of tests that tests/conftest.py marks so, and some others. It refuses one that would not be found."""
    return that_say(SAYS_DATABASE)


def that_need_a_service() -> list[str]:
    """The files with tests that need more than Python. tests/conftest.py refuses one that would not be found."""
    return that_say(SAYS_SERVICE)
