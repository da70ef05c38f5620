"""Texts as cells of a spreadsheet that no spreadsheet runs, and back."""

from __future__ import annotations

import re

# Spreadsheets run what begins like this as a formula, some of them full-width signs too; a quote before it makes it
# text (OWASP, "CSV Injection"). Opened with another delimiter, a cell also begins behind a semicolon or a tab inside
# of ours. Quotes that stand there already get one more, so that reading it back (`plain`) is exact.
_BEGINS = r"(?:\A|(?<=[;\t]))"
_SIGN = r"[=+\-@\t\r＝＋－＠]"
_FORMULA = re.compile(rf"{_BEGINS}(?=['\"]*{_SIGN})")
_NEUTRALISED = re.compile(rf"{_BEGINS}'(?=['\"]*{_SIGN})")
_NEUTRALISED_FIRST = re.compile(rf"\A'(?=['\"]*{_SIGN})")


def neutral(cell: str) -> str:
    """The text as a cell that no spreadsheet takes for a formula."""
    return _FORMULA.sub("'", cell)


def plain(cell: str) -> str:
    """The text that `neutral` made a cell of."""
    return _NEUTRALISED.sub("", cell) if "'" in cell else cell


def plain_of_others(cell: str) -> str:
    """The text of a cell that another program made harmless: only its first quote can be one of those."""
    return _NEUTRALISED_FIRST.sub("", cell) if cell[:1] == "'" else cell
