"""Texts as cells of a spreadsheet that no spreadsheet runs, and back."""

from __future__ import annotations

import re

# Spreadsheets run what begins like this as a formula; a quote before it makes it text (OWASP, "CSV Injection").
# Quotes that stand there already get one more, so that reading it back (`plain`) is exact.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")


def neutral(cell: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return "'" + cell if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """The text that `neutral` made a cell of."""
    return cell[1:] if _NEUTRALISED.match(cell) else cell
