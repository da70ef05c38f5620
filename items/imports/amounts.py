"""Amounts as people and programs write them."""

from __future__ import annotations

import re

_CURRENCY = re.compile(r"[\s\u00a0\u202f$€£¥]|USD|EUR|GBP|CHF")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+\.\d{1,2}")
_COMMA = re.compile(r"\d{1,3}(\.\d{3})*,\d{1,2}|\d+,\d{1,2}")


def plain_number(text: str) -> str:
    """An amount as people and programs write it (€ 1.234,50 or $1,234.50), as `money.amount` takes it."""
    bare = _CURRENCY.sub("", text)
    if _THOUSANDS.fullmatch(bare):
        return bare.replace(",", "")
    if _COMMA.fullmatch(bare):
        return bare.replace(".", "").replace(",", ".")
    return bare
