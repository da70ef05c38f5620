"""Amounts of money, exact: what a caller may give and how it is written. No float ever takes part in a calculation."""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = 12  # in all; the largest amount is 9,999,999,999.99
PLACES = 2
LARGEST = Decimal("9999999999.99")
CENT = Decimal("0.01")

_WRITTEN = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


def amount(value: object) -> Decimal:
    """The exact amount with two places that an int, a Decimal, a decimal string or a float stands for.

    A float means the number it prints as (0.1 is ten cents). Raises ValueError with a sentence for people.
    """
    number = _number(value)
    if isinstance(value, str) and len(value.partition(".")[2]) > PLACES:
        raise ValueError("Give at most two decimal places.")  # 12.500 may well mean twelve thousand five hundred
    if not number.is_finite():
        raise ValueError("Give a finite number.")
    if number < 0 or (isinstance(value, str) and number.is_signed()):
        raise ValueError("Must not be below 0.")
    if number > LARGEST:
        raise ValueError(f"Must not be above {LARGEST:,}.")
    # Adjusted first: a Decimal such as 1E-999999 must not be spread out into its digits.
    if number and (number.adjusted() < -PLACES or number != number.quantize(CENT)):
        raise ValueError("Give at most two decimal places.")
    return abs(number.quantize(CENT)) if number else Decimal("0.00")


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        raise ValueError("Give a number such as 12.50.")
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and _WRITTEN.fullmatch(value):
        return Decimal(value)
    raise ValueError("Give a number such as 12.50.")


def written(value: Decimal) -> str:
    """The amount as answers and events carry it: always with two places."""
    return f"{value:.{PLACES}f}"
