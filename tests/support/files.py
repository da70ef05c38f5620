"""Which files hold tests of a kind, by their text: with these named, pytest need not load all others to find out that
it runs none of them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support import services

TESTS = Path(__file__).resolve().parent.parent
# Django's test cases and those made of them, and pytest-django's mark and fixtures.
SAYS_DATABASE = re.compile(r"TestCase\b|\bdjango_db\b|\bdb\b|\btransactional_db\b")
# A mark, or a parameter that is a fixture of tests/conftest.py, or of tests/browser, with which the mark is set.
SAYS_SERVICE = re.compile(
    rf"\bmark\.({'|'.join(services.MARKS)})\b"
    r"|\bdef \w+\([^)]*\b(kafka|postgres|redis|registry|chromium|visitors|install|product)\b"
)


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
