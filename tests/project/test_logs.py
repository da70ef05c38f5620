"""What the log makes of what strangers send."""

from __future__ import annotations

import logging
import logging.config
import sys

import pytest

from project import settings


def formatted(message: str, *arguments: object, failed: bool = False) -> str:
    """A line as the settings have it written."""
    name = "line"
    configured = logging.config.DictConfigurator({"version": 1, "formatters": settings.LOGGING["formatters"]})
    formatter = configured.configure_formatter(configured.config["formatters"][name])
    trace = sys.exc_info() if failed else None
    return str(formatter.format(logging.LogRecord("project", logging.ERROR, __file__, 1, message, arguments, trace)))


@pytest.mark.parametrize("sent", ["a\nERROR forged", "a\r\nforged", "a\x1b[2Jforged", "a\u2028forged", "a\x85forged"])
def test_a_message_is_one_line_whatever_stands_in_it(sent: str) -> None:
    line = formatted("GET %s failed", f"/items/{sent}")
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "forged failed" in line


def test_a_traceback_keeps_its_lines_and_other_letters_stay() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        lines = formatted("Grüße an 渋谷", failed=True).splitlines()
    assert lines[0].endswith("Grüße an 渋谷")
    assert (lines[1], lines[-1]) == ("Traceback (most recent call last):", "ValueError: broken")
