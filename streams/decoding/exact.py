"""Exact JSON of what a decoder gave: every digit, bytes as base64, instants in ISO 8601, and nothing that JSON lacks.

Decoders give Python's own types, and for the rest `Digits` (a number's own digits) and `Odd` (a value that JSON cannot
hold, what stands for it, and a sentence that says so).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

JSON_DEPTH = 64  # as in streams/wire/records.py: readers' parsers recurse
DIGITS = 300  # of a number: a double holds no larger one, and many readers parse numbers into doubles
NODES = 100_000  # parts of one decoded value, where bytes alone do not bound them
LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time has no zone
SECONDS = 4096  # whose texts are kept: the times of records that come together are close together
NANOSECONDS = 1_000_000_000  # a second
MILLISECONDS = tuple([f".{number:03d}Z" for number in range(1_000)])  # behind a second of an instant in UTC

_PLACES = {10**places: places for places in range(10)}  # of a fraction, by the parts of a second

Digits = orjson.Fragment


class NotDecoded(Exception):
    """Bytes that are not what they should be. Its text is a sentence for people, without the record's content."""


class Odd:
    """What stands for a value that JSON cannot hold (`shown`), and the sentence that says so."""

    __slots__ = ("problem", "shown")

    def __init__(self, shown: Any, problem: str) -> None:
        self.shown, self.problem = shown, problem


class Exact(NamedTuple):
    """json: exact JSON. problem: a sentence about what is shown in place of something; "" when nothing is."""

    json: bytes
    problem: str = ""


class _Hook:
    """What orjson asks about types that it does not know. problem: the first that was found."""

    problem = ""

    def __call__(self, value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, Odd):
            self.problem = self.problem or value.problem
            return value.shown
        raise TypeError(f"{type(value).__name__} has no JSON")


def write(value: Any, *, may_hold_nan: bool = True) -> Exact:
    """The exact JSON of a decoded value. may_hold_nan: whether there can be floats in it.

    Raises NotDecoded for what is too deep, or has a number or text that JSON does not know.
    """
    try:
        data = orjson.dumps(value, _bytes_as_text)
    except (TypeError, RecursionError):
        return _write_odd(value)
    if may_hold_nan and b"null" in data and _without_nan(value) is not value:
        return _write_odd(value)
    return Exact(data)


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError  # the long way says of what, or has something for it


def _write_odd(value: Any) -> Exact:
    """As `write`, for values that JSON cannot hold as they are."""
    hook = _Hook()
    try:
        mended = _without_nan(value)
        data = orjson.dumps(mended, hook)
    except (TypeError, RecursionError) as error:  # orjson.JSONEncodeError is a TypeError
        raise NotDecoded(f"It has no JSON: {_reason(error)}.") from error
    nan = "" if mended is value else "JSON knows no NaN and no infinity; they are shown as text."
    return Exact(data, hook.problem or nan)


def _reason(error: Exception) -> str:
    if "recursion" in str(error).lower():
        return f"it is more than {JSON_DEPTH} levels deep"
    if "utf-8" in str(error).lower():
        return "a text in it is not UTF-8"
    return "an integer in it is longer than 64 bits" if "64-bit" in str(error) else "a part of it has no form in JSON"


def _without_nan(value: Any) -> Any:
    """`value` with text in place of what is not finite; the very same object when all of it is."""
    if isinstance(value, float):
        return (
            value
            if math.isfinite(value)
            else ("NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity")
        )
    if isinstance(value, dict):
        items = {name: _without_nan(inner) for name, inner in value.items()}
        return items if any(items[name] is not inner for name, inner in value.items()) else value
    if isinstance(value, list):
        inners = [_without_nan(inner) for inner in value]
        return inners if any(a is not b for a, b in zip(inners, value, strict=True)) else value
    return value


# Numbers and instants ---------------------------------------------------------------------------------------------


def integer(number: int) -> Any:
    """A whole number of any length, with all its digits; Odd beyond DIGITS."""
    if -(2**63) <= number < 2**64:
        return number
    return digits(number, 0)


def digits(unscaled: int, scale: int) -> Digits | Odd:
    """The number unscaled / 10^scale with all its digits, zeros at the end included; Odd beyond DIGITS.

    A scale below zero adds zeros.
    """
    if unscaled.bit_length() > 4 * DIGITS or abs(scale) > DIGITS:
        return Odd(None, f"A number of more than {DIGITS} digits is left out.")
    if scale < 0:
        unscaled, scale = unscaled * 10**-scale, 0
    text = str(abs(unscaled)).rjust(scale + 1, "0")
    if len(text) > DIGITS + 1:
        return Odd(text, f"A number of more than {DIGITS} digits is shown as text.")
    whole, fraction = (text[:-scale], "." + text[-scale:]) if scale else (text, "")
    return Digits(f"{'-' if unscaled < 0 else ''}{whole}{fraction}".encode())


def instant(count: int, a_second: int, *, local: bool = False) -> str | Odd:
    """ISO 8601 of the instant `count` parts of a second after 1970, to a part; a_second: how many are one.

    In UTC, or without a zone where it is local. Odd (with its number) outside of the years 1 to 9999.
    """
    try:
        seconds, rest = divmod(count, a_second)
        text = second(seconds)
        if a_second == 1_000:  # most of them, and so the short way
            text = f"{text}.{rest:03d}"
        elif a_second > 1:
            text = f"{text}.{rest:0{_PLACES[a_second]}d}"
    except OverflowError:
        return Odd(integer(count), "A time lies outside of the years 1 to 9999; its number is shown.")
    return text if local else text + "Z"


@lru_cache(maxsize=SECONDS)
def second(count: int) -> str:
    """ISO 8601 of a second, so many after 1970. Raises OverflowError outside of the years 1 to 9999."""
    return (LOCAL_EPOCH + timedelta(0, count)).isoformat()


def day(count: int) -> str | Odd:
    """ISO 8601 of the day that is `count` days after 1970-01-01. Odd outside of the years 1 to 9999."""
    try:
        return (LOCAL_EPOCH + timedelta(days=count)).date().isoformat()
    except OverflowError:
        return Odd(integer(count), "A date lies outside of the years 1 to 9999; its number is shown.")


def time_of_day(count: int, a_second: int) -> str | Odd:
    """ISO 8601 of a time of day, `count` parts after midnight. Odd when a day has no such time."""
    if not 0 <= count < 86_400 * a_second:
        return Odd(integer(count), "A time of day is none; its number is shown.")
    text = instant(count, a_second, local=True)
    return text if isinstance(text, Odd) else text.partition("T")[2]


# What comes in types that JSON does not have ----------------------------------------------------------------------


class Key:
    """A key of a map that is no text: 1, 1.0 and true would be one in a dict of Python's; as texts they are not."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def plain(value: Any, convert: Callable[[Any], Any]) -> Any:
    """A decoded value with text as keys, at most JSON_DEPTH deep and of NODES parts.

    convert: what to make of a type that is neither JSON's nor bytes; raises NotDecoded where there is nothing. Raises
    NotDecoded beyond the bounds, and when two keys of a map are the same text.
    """
    return _Plain(convert).of(value, 0)


class _Plain:
    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self._convert = convert
        self._left = NODES

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if depth > JSON_DEPTH or self._left < 0:
            raise NotDecoded(
                f"It is more than {JSON_DEPTH} levels deep." if depth > JSON_DEPTH else f"It has over {NODES:,} parts."
            )
        if isinstance(value, dict):
            named = {self._name(key): self.of(inner, depth + 1) for key, inner in value.items()}
            if len(named) < len(value):
                raise NotDecoded("Two keys of a map in it are the same text.")
            return named
        if isinstance(value, list):
            return [self.of(inner, depth + 1) for inner in value]
        if value is None or isinstance(value, str | bool | float | bytes):
            return value
        if isinstance(value, int):
            return integer(value)
        return self._convert(value)

    def _name(self, key: Any) -> str:
        if isinstance(key, str):
            return key
        if isinstance(key, bytes):
            return base64.b64encode(key).decode()
        return write(self.of(key.value if isinstance(key, Key) else key, JSON_DEPTH)).json.decode()
