"""What filters do with values: compare, compute, convert. Values are parsed JSON, and Moment and Length.

The rules are the Common Expression Language's, but where decisions/0024 says otherwise. True is no number here, though
Python thinks so.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

from streams.filters import times
from streams.filters.times import MILLISECOND, Length, Moment
from streams.filters.work import CONVERSION, Failed, Work

SMALLEST, LARGEST = -(2**63), 2**63 - 1  # of what whole numbers are computed with; larger ones can be compared
WHOLE = re.compile(r"\s*[+-]?\d{1,30}\s*", re.ASCII)
DOUBLE = re.compile(r"\s*[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|infinity|nan)\s*", re.ASCII | re.IGNORECASE)
DOUBLE_TEXT = 400  # characters; a longer text is no number

# Kinds, in the words of messages.
KINDS: dict[type, str] = {
    str: "a text", int: "a number", float: "a number", bool: "true or false", type(None): "null", list: "a list",
    dict: "an object", Moment: "a time", Length: "a length of time",
}  # fmt: skip


def kind(value: Any) -> str:
    """What a value is, in words."""
    return KINDS[type(value)]


# Comparing ------------------------------------------------------------------------------------------------------------


def equal(a: Any, b: Any, work: Work) -> bool:
    """Whether two values are the same. Numbers are compared exactly, whatever their kind."""
    one, other = type(a), type(b)
    if one is str:
        if other is not str or len(a) != len(b):
            return False
        work.spend(1 + (len(a) >> 11))
        return bool(a == b)
    if one is list:
        if other is not list or len(a) != len(b):
            return False
        work.spend(1 + len(a))
        return all(equal(x, y, work) for x, y in zip(a, b, strict=True))
    if one is dict:
        if other is not dict or len(a) != len(b):
            return False
        work.spend(1 + len(a))
        return all(name in b and equal(x, b[name], work) for name, x in a.items())
    if one is Moment and (other is int or other is float):
        return bool(a.ns == b * MILLISECOND)
    if other is Moment and (one is int or one is float):
        return bool(b.ns == a * MILLISECOND)
    if (one is bool) is not (other is bool):
        return False
    return bool(a == b)


def is_in(a: Any, b: Any, work: Work) -> bool:
    """Whether `a` is in a list, or the name of something in an object. Raises Failed."""
    if type(b) is list:
        work.spend(1 + len(b))
        return any(equal(a, each, work) for each in b)
    if type(b) is dict:
        if a is None or type(a) in {list, dict, Moment, Length}:
            raise Failed(f"Whether {kind(a)} is in an object cannot be asked; names are texts.")
        if type(a) is str:
            work.spend(1 + (len(a) >> 10))
        return type(a) is str and a in b
    raise Failed(f"in looks into a list or an object, not into {kind(b)}.")


def ordered(a: Any, b: Any, work: Work) -> tuple[Any, Any]:
    """Two values as Python can compare them by < and >. Raises Failed for those that have no order."""
    one, other = type(a), type(b)
    if one is str and other is str:
        work.spend(1 + (min(len(a), len(b)) >> 10))
        return a, b
    if (one is int or one is float) and (other is int or other is float):
        return a, b
    if one is other and (one is Moment or one is Length):
        return a.ns, b.ns
    if one is bool and other is bool:
        return a, b
    if one is Moment and (other is int or other is float):
        return a.ns, b * MILLISECOND
    if other is Moment and (one is int or one is float):
        return a * MILLISECOND, b.ns
    if one is other:
        raise Failed(f"Of two values that are {kind(a)} none is larger.")
    hint = ": write timestamp(…) around the text" if {one, other} == {str, Moment} else ""  # as formats show times
    raise Failed(f"{kind(a).capitalize()} and {kind(b)} have no order{hint}.")


# Computing ------------------------------------------------------------------------------------------------------------


def _whole(value: int) -> int:
    if not SMALLEST <= value <= LARGEST:
        raise Failed("A whole number became too large.")
    return value


def _refuse(sign: str, a: Any, b: Any) -> Failed:
    if {type(a), type(b)} == {int, float}:
        return Failed(f"{sign} takes two numbers of one kind: write double(…) around the whole one.")
    return Failed(f"{sign} cannot be used between {kind(a)} and {kind(b)}.")


def _are_whole(a: Any, b: Any) -> bool:
    if type(a) is not int or type(b) is not int:
        return False
    _whole(a)
    _whole(b)
    return True


def add(a: Any, b: Any, work: Work) -> Any:
    """a + b: numbers of one kind, texts, lists, times and lengths of time. Raises Failed."""
    if _are_whole(a, b):
        return _whole(a + b)
    one, other = type(a), type(b)
    if one is float and other is float:
        return a + b
    if one is str and other is str:
        work.spend(1 + (len(a) + len(b) >> 7))
        return a + b
    if one is list and other is list:
        work.spend(1 + (len(a) + len(b) >> 5))
        return a + b
    if one is Length and other is Length:
        return _length(a.ns + b.ns)
    if (one is Moment and other is Length) or (one is Length and other is Moment):
        return _moment(a.ns + b.ns)
    raise _refuse("+", a, b)


def subtract(a: Any, b: Any, work: Work) -> Any:
    """a - b: numbers of one kind, times and lengths of time. Raises Failed."""
    if _are_whole(a, b):
        return _whole(a - b)
    one, other = type(a), type(b)
    if one is float and other is float:
        return a - b
    if one is other and (one is Moment or one is Length):
        return _length(a.ns - b.ns)
    if one is Moment and other is Length:
        return _moment(a.ns - b.ns)
    raise _refuse("-", a, b)


def multiply(a: Any, b: Any, work: Work) -> Any:
    """a * b: numbers of one kind. Raises Failed."""
    if _are_whole(a, b):
        return _whole(a * b)
    if type(a) is float and type(b) is float:
        return a * b
    raise _refuse("*", a, b)


def divide(a: Any, b: Any, work: Work) -> Any:
    """a / b: numbers of one kind; whole ones towards 0. Raises Failed."""
    if _are_whole(a, b):
        if b == 0:
            raise Failed("Nothing can be divided by 0.")
        quotient = abs(a) // abs(b)
        return _whole(quotient if (a < 0) is (b < 0) else -quotient)
    if type(a) is float and type(b) is float:
        if b == 0.0:
            return math.nan if a == 0.0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1.0, b)
        return a / b
    raise _refuse("/", a, b)


def remainder(a: Any, b: Any, work: Work) -> Any:
    """a % b: whole numbers; it has the sign of a. Raises Failed."""
    if not _are_whole(a, b):
        raise _refuse("%", a, b)
    if b == 0:
        raise Failed("Nothing can be divided by 0.")
    if b == -1:
        _whole(-a)  # the quotient would be too large, and CEL looks at that
    rest = abs(a) % abs(b)
    return -rest if a < 0 else rest


def negate(a: Any, work: Work) -> Any:
    """-a: a number. Raises Failed."""
    if type(a) is int:
        return _whole(-_whole(a))
    if type(a) is float:
        return -a
    raise Failed(f"- cannot stand before {kind(a)}.")


def _moment(ns: int) -> Moment:
    if not times.FIRST <= ns <= times.LAST:
        raise Failed("A time lies outside of the years 1 to 9999.")
    return Moment(ns)


def _length(ns: int) -> Length:
    if not -times.LONGEST <= ns <= times.LONGEST:
        raise Failed("A length of time is over 10,000 years.")
    return Length(ns)


# Converting -----------------------------------------------------------------------------------------------------------


def to_int(a: Any, work: Work) -> int:
    """int(a): of a number, cut towards 0; of a text; of a time, in seconds. Raises Failed."""
    work.spend(CONVERSION)
    if type(a) is int:
        return _whole(a)
    if type(a) is float:
        if not -(2.0**63) < a < 2.0**63:
            raise Failed("The number is too large for a whole one.")
        return int(a)
    if type(a) is Moment:
        return int(a.ns // times.SECOND)
    if type(a) is str:
        if len(a) > DOUBLE_TEXT or not WHOLE.fullmatch(a):
            raise Failed("The text is no whole number.")
        return _whole(int(a))
    raise Failed(f"int cannot be made of {kind(a)}.")


def to_double(a: Any, work: Work) -> float:
    """double(a): of a number or a text. Raises Failed."""
    work.spend(CONVERSION)
    if type(a) is int or type(a) is float:
        return float(a)
    if type(a) is str:
        if len(a) > DOUBLE_TEXT or not DOUBLE.fullmatch(a):
            raise Failed("The text is no number.")
        return float(a)
    raise Failed(f"double cannot be made of {kind(a)}.")


def to_string(a: Any, work: Work) -> str:
    """string(a): of a text, a number, true or false, a time, a length of time. Raises Failed."""
    work.spend(2 * CONVERSION)
    if type(a) is str:
        return a
    if type(a) is bool:
        return "true" if a else "false"
    if type(a) is int:
        return str(a)
    if type(a) is float:
        return _double_text(a)
    if type(a) is Moment:
        if not times.FIRST <= a.ns <= times.LAST:  # a record's own may be: some write microseconds for milliseconds
            raise Failed("The time lies outside of the years 1 to 9999 and has no text.")
        return times.moment_text(a.ns)
    if type(a) is Length:
        return times.length_text(a.ns)
    raise Failed(f"string cannot be made of {kind(a)}.")


def _double_text(a: float) -> str:
    """A double as CEL writes it: as few digits as say it, with an exponent below 1e-4 and from 1e6 on."""
    if not math.isfinite(a):
        return "nan" if math.isnan(a) else "inf" if a > 0 else "-inf"
    sign, digits, exponent = Decimal(repr(a)).normalize().as_tuple()
    minus, point = "-" if sign else "", len(digits) + int(exponent)
    text = "".join(map(str, digits))
    if a == 0.0:
        return minus + "0"
    if not -4 < point <= 6:
        rest = f".{text[1:]}" if len(text) > 1 else ""
        return f"{minus}{text[0]}{rest}e{point - 1:+03d}"
    if point <= 0:
        return f"{minus}0.{'0' * -point}{text}"
    if point >= len(text):
        return minus + text.ljust(point, "0")
    return f"{minus}{text[:point]}.{text[point:]}"


def to_moment(a: Any, work: Work) -> Moment:
    """timestamp(a): of an RFC 3339 text, or of seconds since 1970. Raises Failed."""
    work.spend(CONVERSION)
    if type(a) is Moment:
        return a
    if type(a) is int:
        return _moment(a * times.SECOND)
    if type(a) is str:
        ns = times.moment(a)
        if ns is None:
            raise Failed("The text is no time such as 2026-01-31T12:00:00Z.")
        return Moment(ns)
    raise Failed(f"timestamp cannot be made of {kind(a)}.")


def to_length(a: Any, work: Work) -> Length:
    """duration(a): of a text such as 1h30m. Raises Failed."""
    work.spend(CONVERSION)
    if type(a) is Length:
        return a
    if type(a) is str:
        work.spend(min(len(a), times.LONGEST_TEXT) >> 1)
        ns = times.length(a)
        if ns is None:
            raise Failed("The text is no length of time such as 1h30m or 1.5s.")
        return Length(ns)
    raise Failed(f"duration cannot be made of {kind(a)}.")


def size(a: Any, work: Work) -> int:
    """size(a): the characters of a text, the parts of a list, the names of an object. Raises Failed."""
    if type(a) is str or type(a) is list or type(a) is dict:
        return len(a)
    raise Failed(f"size counts in a text, a list or an object, not in {kind(a)}.")
