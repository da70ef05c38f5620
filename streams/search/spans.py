"""Spans of offsets, and what is left of them: exact, whatever order they are looked at in. Nothing here waits."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
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
    """The offsets of `spans` that are not in `taken`, in as few spans as can be, in order.

    One walk along both: a client's cursor may hold thousands.
    """
    gone = joined(taken)
    left: list[Span] = []
    at = 0  # what lies before it in `gone` is over
    for span in joined(spans):
        start = span.start
        while at < len(gone) and (gone[at].partition, gone[at].end) <= (span.partition, start):
            at += 1
        while at < len(gone) and gone[at].partition == span.partition and gone[at].start < span.end:
            if gone[at].start > start:
                left.append(Span(span.partition, start, gone[at].start))
            start = gone[at].end
            if start >= span.end:
                break  # it may reach into the next one
            at += 1
        if start < span.end:
            left.append(Span(span.partition, start, span.end))
    return left


class Covered:
    """Offsets that are added bit by bit, in any order."""

    def __init__(self) -> None:
        self._of: dict[int, list[Span]] = {}  # in order, and none touches the next

    def add(self, span: Span) -> None:
        """Adds the offsets of a span."""
        if not span.size:
            return
        known = self._of.setdefault(span.partition, [])
        first = bisect_left(known, span.start, key=lambda each: each.end)
        last = bisect_right(known, span.end, key=lambda each: each.start)
        if first < last:
            span = Span(span.partition, min(span.start, known[first].start), max(span.end, known[last - 1].end))
        known[first:last] = [span]

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
