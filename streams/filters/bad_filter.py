"""What is wrong with a filter, and where."""

from __future__ import annotations


class BadFilter(ValueError):
    """A filter that cannot be used. The message is for who typed it: what was expected there.

    at: the character of the filter at which it goes wrong, counted from 0 in code points.
    """

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at
