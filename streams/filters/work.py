"""How much work a filter may do with one record, and what ends it.

A unit is at most about a microsecond: one part of a filter in one round of a loop, or some text that was gone through.
What a filter does costs the same on every machine; time would not.
"""

from __future__ import annotations

UNITS = 10_000  # a record, and a filter
ERROR = 4  # for one that `||`, `&&` or a loop steps over
CONVERSION = 6  # of a number, a time or a text to another kind
PATTERN = 8  # to begin looking for one


class Failed(Exception):
    """The filter cannot be evaluated for this record: a field is missing, or of another kind.

    `||` and `&&` may step over it.

    at: the character of the filter where it happened, when that is known.
    """

    def __init__(self, message: str, at: int | None = None) -> None:
        super().__init__(message)
        self.at = at


class TooMuch(Exception):
    """The filter did UNITS of work with this record. Nothing steps over that."""


class Work:
    """What is left to do, with one record. Spending is written out where it is hot: `work.left -= n`, and a look."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = UNITS

    def spend(self, units: int) -> None:
        """Spends so many units. Raises TooMuch when there are not as many left."""
        self.left -= units
        if self.left < 0:
            raise TooMuch("This record takes more work than a filter may do.")


def finding(text: int, part: int) -> int:
    """What it costs to look for a part in a text, of so many characters.

    Where both are of middling length, Python may look at each place of the text for each character of the part; for
    long ones, and for very short parts, it has better ways.
    """
    if text < 30_000 and (part >= 100 or text < 2_500):
        return 1 + (text >> 8) + (text * part >> 10)
    return 1 + (text >> 7)
