"""How a body becomes a checked model: JSON by RFC 8259 in UTF-8, bounded before anything of its size is made of it.

Called in threads only. All threads share one interpreter, and code in C lets no other run: so a large body is gone
through in steps, none of which takes longer than a few milliseconds.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from ninja.errors import HttpError
from ninja.errors import ValidationError as InvalidRequest
from pydantic import BaseModel, ValidationError

NAMES = 32  # in one object; an item that is read has eleven
DEPTH = 8  # of objects and lists in each other; items in a list need three
PARTS = 50_000  # names and elements in all: a thousand items of NAMES, and room
TEXT = 256 * 1024  # characters of one text as it is written: the longest description, with every character escaped
STEP = 64 * 1024  # characters gone through without letting others work
LONGEST_INTEGER = 400  # digits
SHOWN = 100  # characters of a name in a sentence

NOT_JSON = "The body is not JSON (RFC 8259, in UTF-8). Send it with Content-Type: application/json."

# What lies between the signs that structure a text, and inside of a string to its end or to the end of the step.
_BETWEEN = re.compile(r'[^"{}\[\]:,]*+')
_INSIDE = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)

M = TypeVar("M", bound=BaseModel)


def read(model: type[M], body: bytes) -> M:
    """The model that the body is. Raises HttpError 400 for what is not JSON, and InvalidRequest."""
    value = parsed(body)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidRequest(
            [
                {"loc": ("body", *entry["loc"]), "msg": entry["msg"], "type": entry["type"]}
                for entry in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from error


def parsed(body: bytes) -> Any:
    """The body's value; numbers keep the digits they were written with. Raises as `read` does."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise HttpError(400, NOT_JSON) from error
    if not _is_small(text):
        _check_bounds(text)
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:
        raise HttpError(400, NOT_JSON) from error


def _is_small(text: str) -> bool:
    """Whether the text stays within the bounds wherever its signs stand: what one item is."""
    return (
        len(text) <= STEP
        and text.count(":") <= NAMES
        and text.count("{") + text.count("[") <= DEPTH
        and text.count(",") <= PARTS - NAMES
    )


def _check_bounds(text: str) -> None:
    """Raises InvalidRequest at the first that is too much. Whether it is JSON is looked at later."""
    counts: list[int] = []  # of each object (names) and list (elements) that is open
    parts = at = 0
    end = len(text)
    while at < end:
        between = _BETWEEN.match(text, at, at + STEP)
        at = between.end() if between else at
        if between and between.end() - between.start() >= STEP:
            raise _too_much("There is a number, or a run of blanks, that is too long.", "too_long")
        if at >= end:
            return
        sign = text[at]
        at += 1
        if sign == '"':
            at = _end_of_string(text, at)
        elif sign in "{[":
            counts.append(0)
            if len(counts) > DEPTH:
                raise _too_much(f"Objects and lists lie in each other {DEPTH} deep at most.", "too_deep")
        elif sign in "}]":
            if counts:
                counts.pop()
        else:
            parts += 1
            if sign == ":" and counts:
                counts[-1] += 1
                if counts[-1] > NAMES:
                    raise _too_much(f"An object has at most {NAMES} names.", "too_many_names")
            if parts > PARTS:
                raise _too_much(f"There are more than {PARTS:,} names and elements.", "too_long")


def _end_of_string(text: str, begin: int) -> int:
    """The place behind the string that began before `begin`."""
    at, end = begin, len(text)
    while at < end:
        inside = _INSIDE.match(text, at, min(end, at + STEP))
        moved = inside.end() if inside else at
        if moved < end and text[moved] == '"':
            return moved + 1
        # A backslash may stand at the end of the step, away from what it escapes.
        at = moved + 2 if moved < end and text[moved] == "\\" else max(moved, at + 1)
        if at - begin > TEXT:
            raise _too_much("There is a text that is longer than any field takes.", "too_long")
    return end


def _too_much(sentence: str, kind: str) -> InvalidRequest:
    return InvalidRequest([{"loc": ("body",), "msg": sentence, "type": kind}])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that is there twice nobody knows which one is meant; an import refuses it, too."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        shown = twice[:SHOWN].encode("utf-8", "replace").decode()
        raise InvalidRequest([{"loc": ("body",), "msg": f"The name {shown} is there twice.", "type": "twice"}])
    return value


def _integer(text: str) -> int | Decimal:
    """Python takes no integers of more than 4,300 digits; no field here has so many."""
    return int(text) if len(text) < LONGEST_INTEGER else Decimal(text)


def _decimal(text: str) -> Decimal:
    """What decimal cannot hold has an exponent of some twenty digits; no field here takes what is not finite."""
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("Infinity")


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


# The hook is Python: others may work between two objects.
_decode = json.JSONDecoder(
    parse_float=_decimal, parse_int=_integer, parse_constant=_no_number, object_pairs_hook=_object
).decode
