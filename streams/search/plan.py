"""In which slices a search goes through its spans: from the newest back in doubling steps, or straight on."""

from __future__ import annotations

from collections.abc import Iterable

from streams.search.spans import Span, joined, without

FIRST_STEP, LONGEST_STEP = 2_000, 64_000  # offsets of a round's first slices, all partitions together; of one slice
SHORTEST_STEP = 50  # of one partition, however many there are
SLICE_BYTES = 16 * 1024 * 1024  # what a slice is to have at most, by what the last one of its partition had
UNKNOWN = 2**63  # the time of what was not looked at yet: later than all


class Plan:
    """What one search has still to look at. newest_first: backwards, all partitions by turns; else one after another.

    left: spans in order.
    """

    def __init__(self, spans: Iterable[Span], *, newest_first: bool) -> None:
        self.newest_first = newest_first
        self._left: dict[int, list[Span]] = {}
        for span in joined(spans):
            self._left.setdefault(span.partition, []).append(span)
        step = max(SHORTEST_STEP, FIRST_STEP // max(1, len(self._left)))
        self._steps = dict.fromkeys(self._left, step)
        self._reached = dict.fromkeys(self._left, UNKNOWN)  # the time of the oldest that was looked at

    @property
    def left(self) -> list[Span]:
        """What was not looked at yet, in order."""
        return [span for number in sorted(self._left) for span in self._left[number]]

    def round(self) -> list[Span]:
        """What to look at next: a slice of each partition, that with the newest records first; or, straight on, the
        first span that is left. Empty when nothing is left."""
        if not self.newest_first:
            return self._left[min(self._left)][:1] if self._left else []
        order = sorted(self._left, key=lambda number: (-self._reached[number], number))
        return [self._last_of(number) for number in order]

    def _last_of(self, number: int) -> Span:
        span = self._left[number][-1]
        return span._replace(start=max(span.start, span.end - self._steps[number]))

    def took(self, span: Span) -> None:
        """The offsets of a span need no further look."""
        left = self._left.get(span.partition, [])
        place = slice(-1, None) if self.newest_first else slice(0, 1)
        if left and (one := left[place][0]).start <= span.start and span.end <= one.end:
            left[place] = without([one], [span])  # as slices are taken: thousands of others are left alone
        else:
            left = self._left[span.partition] = without(left, [span])
        if not left:
            self._left.pop(span.partition, None)

    def learned(self, span: Span, *, oldest: int, size: int) -> None:
        """A slice was looked at: the next one of its partition is twice as long, or has SLICE_BYTES.

        oldest: the time of its oldest record (ms), UNKNOWN where it has none. size: bytes that it had.
        """
        number = span.partition
        self._reached[number] = min(self._reached[number], oldest)
        by_size = SLICE_BYTES * max(1, span.size) // max(1, size)
        longest = max(SHORTEST_STEP, min(LONGEST_STEP, by_size))
        self._steps[number] = min(longest, 2 * self._steps[number])
