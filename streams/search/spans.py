"""Spans of offsets, and what is left of them: exact, whatever order they are looked at in. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """The offsets `start` <= offset < `end` of a partition."""

    partition: int
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many offsets that are."""
        return max(0, self.end - self.start)


def joined(spans: Iterable[Span]) -> list[Span]:
    """The same offsets in as few spans as can be, in order; empty ones are left out."""
    found: list[Span] = []
    for span in sorted(span for span in spans if span.size):
        if found and found[-1].partition == span.partition and span.start <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, span.end))
        else:
            found.append(span)
    return found


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The offsets of `spans` that are not in `taken`, in as few spans as can be, in order."""
    away: dict[int, list[Span]] = {}
    for span in joined(taken):
        away.setdefault(span.partition, []).append(span)
    left: list[Span] = []
    for span in joined(spans):
        start = span.start
        for gone in away.get(span.partition, ()):
            if gone.end <= start or gone.start >= span.end:
                continue
            if gone.start > start:
                left.append(Span(span.partition, start, gone.start))
            start = gone.end
        if start < span.end:
            left.append(Span(span.partition, start, span.end))
    return left


class Covered:
    """Offsets that are added bit by bit; mostly a bit joins the last one of its partition."""

    def __init__(self) -> None:
        self._of: dict[int, list[Span]] = {}

    def add(self, span: Span) -> None:
        """Adds the offsets of a span."""
        known = self._of.setdefault(span.partition, [])
        if known and known[-1].end == span.start:
            known[-1] = known[-1]._replace(end=span.end)
        elif known and known[0].start == span.end:
            known[0] = known[0]._replace(start=span.start)
        else:
            known[:] = joined([*known, span])

    @property
    def spans(self) -> list[Span]:
        """All of them, in as few spans as can be, in order."""
        return joined(span for known in self._of.values() for span in known)


def size(spans: Iterable[Span]) -> int:
    """How many offsets spans have that do not overlap."""
    return sum(span.size for span in spans)


def told(spans: Iterable[Span]) -> list[dict[str, int]]:
    """Spans as the protocol writes ranges."""
    return [{"partition": span.partition, "from": span.start, "to": span.end} for span in spans]
