"""The JSON of a line, digit for digit: numbers stay texts, and a name that is there twice is noticed."""

from __future__ import annotations

import json


class JsonNumber(str):
    """A number as it stands in JSON, digit for digit."""

    __slots__ = ()


class JsonOther(str):
    """Something of JSON that is neither text, number nor null."""

    __slots__ = ()


class Twice(dict[str, object]):
    """An object of JSON that has a name twice. name: which."""

    name = ""


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    twice = Twice(values)
    names = [name for name, _ in pairs]
    twice.name = next(name for name in names if names.count(name) > 1)
    return twice


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not JSON")  # Python's reader knows NaN and Infinity, JSON does not


_decode = json.JSONDecoder(
    parse_float=JsonNumber, parse_int=JsonNumber, parse_constant=_no_constant, object_pairs_hook=_pairs
).decode


def object_of(line: str) -> object:
    """The JSON of a line. Raises ValueError and RecursionError."""
    return _decode(line)


def cell_of(value: object) -> str | None:
    """What stands in the cell, for a value of the object; None for null."""
    if value is None or isinstance(value, str):
        return value
    return JsonOther(json.dumps(value, ensure_ascii=False))
