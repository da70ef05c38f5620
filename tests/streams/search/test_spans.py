"""Spans and slices: whatever is taken in whatever order, nothing is looked at twice and nothing is left out."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.search.plan import LONGEST_STEP, SLICE_BYTES, Plan
from streams.search.spans import Covered, Span, joined, size, without


def spans(most: int = 60) -> st.SearchStrategy[list[Span]]:
    one = st.builds(
        lambda number, start, length: Span(number, start, start + length),
        st.integers(0, 2), st.integers(0, most), st.integers(0, most),
    )  # fmt: skip
    return st.lists(one, max_size=8)


def offsets(found: list[Span]) -> set[tuple[int, int]]:
    return {(span.partition, offset) for span in found for offset in range(span.start, span.end)}


@given(spans(), spans())
def test_what_is_left_are_the_offsets_that_were_not_taken(given_spans: list[Span], taken: list[Span]) -> None:
    left = without(given_spans, taken)
    assert offsets(left) == offsets(given_spans) - offsets(taken)
    assert left == joined(left)
    assert size(left) == len(offsets(left))


@given(spans())
def test_what_is_covered_bit_by_bit_are_the_offsets_that_were_added(added: list[Span]) -> None:
    covered = Covered()
    for number, span in enumerate(added, 1):
        covered.add(span)
        assert covered.spans == joined(added[:number])


def test_thousands_of_spans_are_gone_through_once() -> None:
    """A client's cursor may have as many; comparing each with each takes a minute."""
    given_spans = [Span(0, 4 * number, 4 * number + 3) for number in range(30_000)]
    taken = [span._replace(end=span.start + 1) for span in given_spans]
    covered = Covered()
    for span in reversed(taken):
        covered.add(span)
    assert covered.spans == taken
    assert without(given_spans, taken) == [span._replace(start=span.start + 1) for span in given_spans]


@given(spans())
def test_joined_spans_are_the_same_offsets_and_do_not_touch(given_spans: list[Span]) -> None:
    found = joined(given_spans)
    assert offsets(found) == offsets(given_spans)
    for one, other in pairwise(found):
        assert one.partition < other.partition or one.end < other.start


@given(spans(5_000), st.booleans(), st.data())
def test_a_plan_goes_through_every_offset_once(
    given_spans: list[Span], newest_first: bool, data: st.DataObject
) -> None:
    plan = Plan(given_spans, newest_first=newest_first)
    whole = joined(given_spans)
    taken: list[Span] = []
    while following := plan.round():
        for span in following:
            assert span.size > 0
            # As much of it as a bound, or a slow search, may leave: the newer or the older part.
            kept = data.draw(st.integers(max(1, span.size // 3), span.size))
            part = span._replace(start=span.end - kept) if newest_first else span._replace(end=span.start + kept)
            assert without([part], plan.left) == []
            plan.took(part)
            plan.learned(part, reached=part.start, size=10 * part.size)
            taken.append(part)
    assert joined(taken) == whole
    assert size(taken) == size(whole)


def test_steps_double_backwards_until_they_are_as_long_as_they_may_be_or_have_as_many_bytes() -> None:
    small, large = Plan([Span(0, 0, 10**6)], newest_first=True), Plan([Span(0, 0, 10**6)], newest_first=True)
    lengths: list[int] = []
    for _ in range(8):
        (span,) = small.round()
        lengths.append(span.size)
        small.took(span)
        small.learned(span, reached=0, size=span.size)
    assert lengths == [2_000, 4_000, 8_000, 16_000, 32_000, LONGEST_STEP, LONGEST_STEP, LONGEST_STEP]
    for _ in range(8):
        (span,) = large.round()
        large.took(span)
        large.learned(span, reached=0, size=span.size * 8192)
    assert large.round()[0].size == SLICE_BYTES // 8192


def test_the_partition_with_the_newest_records_comes_first() -> None:
    plan = Plan([Span(number, 0, 10_000) for number in range(3)], newest_first=True)
    for span, oldest in zip(plan.round(), (10, 30, 20), strict=True):
        plan.took(span)
        plan.learned(span, reached=oldest, size=1)
    assert [span.partition for span in plan.round()] == [1, 2, 0]
