"""In which slices a search goes through its spans: from the newest back or from the oldest on, in doubling steps, or
straight on."""

from __future__ import annotations

from collections.abc import Iterable

from streams.search.spans import Span, joined, without

FIRST_STEP, LONGEST_STEP = 2_000, 64_000  # offsets of a round's first slices, all partitions together; of one slice
SHORTEST_STEP = 50  # of one partition, however many there are
SLICE_BYTES = 16 * 1024 * 1024  # what a slice is to have at most, by what the last one of its partition had
UNKNOWN = 2**63  # the time of what was not looked at yet: later than all


class Plan:
    """What one search has still to look at. newest_first: backwards, all partitions by turns. by_time: forwards, by
    turns likewise. Neither: one partition after another.

    left: spans in order.
    """

    def __init__(self, spans: Iterable[Span], *, newest_first: bool, by_time: bool = False) -> None:
        self.newest_first, self.by_time = newest_first, by_time and not newest_first
        self._left: dict[int, list[Span]] = {}
        for span in joined(spans):
            self._left.setdefault(span.partition, []).append(span)
        step = max(SHORTEST_STEP, FIRST_STEP // max(1, len(self._left)))
        self._steps = dict.fromkeys(self._left, step)
        # The time of the oldest that was looked at, forwards of the newest.
        self._reached = dict.fromkeys(self._left, -UNKNOWN if self.by_time else UNKNOWN)

    @property
    def left(self) -> list[Span]:
        """What was not looked at yet, in order."""
        return [span for number in sorted(self._left) for span in self._left[number]]

    def round(self) -> list[Span]:
        """What to look at next: a slice of each partition, that with the newest records first, by time that with the
        oldest; or, straight on, the first span that is left. Empty when nothing is left."""
        if self.by_time:
            return [
                self._first_of(number) for number in sorted(self._left, key=lambda each: (self._reached[each], each))
            ]
        if not self.newest_first:
            return self._left[min(self._left)][:1] if self._left else []
        order = sorted(self._left, key=lambda number: (-self._reached[number], number))
        return [self._last_of(number) for number in order]

    def _last_of(self, number: int) -> Span:
        span = self._left[number][-1]
        return span._replace(start=max(span.start, span.end - self._steps[number]))

    def _first_of(self, number: int) -> Span:
        span = self._left[number][0]
        return span._replace(end=min(span.end, span.start + self._steps[number]))

    def frontier(self, ahead: Iterable[Span]) -> int:
        """By time: up to when all that there is was looked at. ahead: spans that were, and are not taken yet."""
        ends = {span.partition: span.end for span in ahead}
        more = [number for number, left in self._left.items() if ends.get(number, -1) < left[-1].end]
        return min((self._reached[number] for number in more), default=UNKNOWN)

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

    def learned(self, span: Span, *, reached: int | None, size: int) -> None:
        """A slice was looked at: the next one of its partition is twice as long, or has SLICE_BYTES.

        reached: the time of its last record in the search's direction (ms), None where it has none. size: bytes that
        it had.
        """
        number = span.partition
        if reached is not None:
            self._reached[number] = (max if self.by_time else min)(self._reached[number], reached)
        by_size = SLICE_BYTES * max(1, span.size) // max(1, size)
        longest = max(SHORTEST_STEP, min(LONGEST_STEP, by_size))
        self._steps[number] = min(longest, 2 * self._steps[number])
