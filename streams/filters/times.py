"""Points in time and lengths of it, to the nanosecond, as filters compute with them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SECOND = 1_000_000_000  # in nanoseconds
MILLISECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800 * SECOND, 253_402_300_800 * SECOND - 1  # the years 1 to 9999
LONGEST = 315_576_000_000 * SECOND  # 10,000 years: as Protobuf's Duration
MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d{0,20})?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
LENGTH = re.compile(r"[+-]?(?:0|(?:(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
PIECE = re.compile(r"(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
NANOSECONDS = {"ns": 1, "us": 1000, "µs": 1000, "μs": 1000, "ms": MILLISECOND, "s": SECOND, "m": 60 * SECOND,
               "h": 3600 * SECOND}  # fmt: skip
LONGEST_TEXT = 64  # characters of either; longer ones are neither


class Moment:
    """A point in time. ns: nanoseconds since 1970."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return type(other) is Moment and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __repr__(self) -> str:
        return f"Moment({self.ns})"


class Length:
    """A length of time. ns: nanoseconds."""

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def __eq__(self, other: object) -> bool:
        return type(other) is Length and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(self.ns)

    def __repr__(self) -> str:
        return f"Length({self.ns})"


def moment(text: str) -> int | None:
    """The nanoseconds since 1970 of an RFC 3339 time (`2026-01-31T12:00:00.5+01:00`); None when it is none."""
    found = MOMENT.fullmatch(text) if len(text) <= LONGEST_TEXT else None
    if found is None:
        return None
    fraction, sign, hours, minutes = found[7], found[8], int(found[9] or 0), int(found[10] or 0)
    if hours > 23 or minutes > 59:
        return None
    try:
        year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
        whole = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    since = whole - EPOCH
    offset = (hours * 3600 + minutes * 60) * (-1 if sign == "-" else 1)
    ns = (since.days * 86_400 + since.seconds - offset) * SECOND + int((fraction or "").ljust(9, "0"))
    return ns if FIRST <= ns <= LAST else None


def moment_text(ns: int) -> str:
    """The RFC 3339 text of a time, in UTC."""
    seconds, rest = divmod(ns, SECOND)
    whole = EPOCH + timedelta(seconds=seconds)
    fraction = _fraction(rest)
    return f"{whole:%Y}".zfill(4) + f"{whole:-%m-%dT%H:%M:%S}{fraction}Z"


def length(text: str) -> int | None:
    """The nanoseconds of a length as in `1h30m`, `-1.5s`, `250ms`; None when it is none."""
    if len(text) > LONGEST_TEXT or not LENGTH.fullmatch(text):
        return None
    ns = 0
    for whole, fraction, unit in PIECE.findall(text):
        size = NANOSECONDS[unit]
        ns += int(whole or 0) * size
        if fraction:
            ns += int(fraction) * size // 10 ** len(fraction)
    ns = -ns if text.startswith("-") else ns
    return ns if -LONGEST <= ns <= LONGEST else None


def length_text(ns: int) -> str:
    """A length in seconds, as in `90s` or `0.25s`."""
    seconds, rest = divmod(abs(ns), SECOND)
    fraction = _fraction(rest)
    return f"{'-' if ns < 0 else ''}{seconds}{fraction}s"


def _fraction(ns: int) -> str:
    """A part of a second as three, six or nine digits, or as nothing."""
    if ns == 0:
        return ""
    digits = f"{ns:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"
