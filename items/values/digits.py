"""Whole numbers in texts that anybody may have written."""

from __future__ import annotations


def whole_number(text: str, digits: int) -> int | None:
    """The number that the text is: so many ASCII digits at most, and nothing else. None for any other text."""
    return int(text) if len(text) <= digits and text.isascii() and text.isdigit() else None
