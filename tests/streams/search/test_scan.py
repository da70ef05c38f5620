"""A job through topics that were made up: whatever holes, limits, bounds and losses there are, the parts say exactly
what was looked at, with all that matches in it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.kafka.scanning import Chunk
from streams.kafka.undecodable import Undecodable
from streams.search import plan, scan
from streams.search.jobs import Bounds, Ended, Job, Part
from streams.search.scan import Scan
from streams.search.spans import Span, joined, size, without
from tests.support.examples import examples

TOPIC = "made-up"


@dataclass
class Made:
    """A record, as Kafka's client gives it."""

    offset: int
    value: bytes | None
    timestamp: int
    key: bytes | None = b"k"
    headers: Sequence[tuple[str, bytes | None]] = field(default_factory=list)


@dataclass
class Topic:
    """What a reader gives: records by partition and offset. firsts: below them retention took all."""

    records: dict[tuple[int, int], Made]
    firsts: dict[int, int]
    chunk: int

    def matching(self, spans: list[Span]) -> set[tuple[int, int]]:
        return {
            place
            for place, record in self.records.items()
            if (record.value or b"").startswith(b'{"n":1')
            and any(span[0] == place[0] and span[1] <= place[1] < span[2] for span in spans)
        }


class FromTopic:
    """Stands for `Sources` and `Source` (streams/kafka/scanning.py)."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic

    @contextlib.asynccontextmanager
    async def lent(self) -> AsyncIterator[FromTopic]:
        yield self

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Chunk, None]:
        first = self._topic.firsts.get(partition, 0)
        if start < first:
            yield Chunk(start, min(first, end), [], is_lost=True)
            start = first
        for begin in range(start, end, self._topic.chunk):
            stop = min(begin + self._topic.chunk, end)
            places = [(partition, offset) for offset in range(begin, stop)]
            yield Chunk(begin, stop, [self._topic.records[place] for place in places if place in self._topic.records])


@st.composite
def topics(draw: st.DrawFn) -> tuple[Topic, list[Span]]:
    records, spans, firsts = dict[tuple[int, int], Made](), list[Span](), dict[int, int]()
    for partition in range(draw(st.integers(1, 3))):
        length = draw(st.integers(0, 400))
        holes = draw(st.sets(st.integers(0, 400), max_size=60))
        ones = draw(st.sets(st.integers(0, 400), max_size=60)) | set(range(0, 400, draw(st.integers(1, 50))))
        times = draw(st.randoms(use_true_random=False))
        for offset in range(length):
            if offset not in holes:
                value = b'{"n":1,"pad":"%b"}' % (b"x" * times.randrange(300)) if offset in ones else b'{"n":2}'
                records[partition, offset] = Made(offset, value, 1000 + offset + times.randrange(100))
        spans.append(Span(partition, draw(st.integers(0, length)), length))
        firsts[partition] = draw(st.one_of(st.just(0), st.integers(0, length)))
    return Topic(records, firsts, draw(st.integers(1, 150))), joined(spans)


def scanned(topic: Topic, job: Job, part_bytes: int) -> tuple[list[Part], Ended]:
    """part_bytes: of matches that are told at once; as many as in the product are no more than one part here."""
    parts: list[Part] = []

    async def tell(part: Part) -> None:
        parts.append(part)

    async def run() -> Ended:
        return await Scan(FromTopic(topic), job, tell).run()  # type: ignore[arg-type]  # it stands for Sources

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(scan, "PART_BYTES", part_bytes)
        return parts, asyncio.run(run())


@settings(max_examples=examples(150))
@given(
    topics(), st.sampled_from(["newest", "oldest", "straight"]), st.one_of(st.none(), st.integers(1, 60)),
    st.one_of(st.none(), st.builds(Bounds, st.integers(1, 600), st.integers(50, 20_000), st.just(60.0))),
    st.sampled_from([100, 2000, scan.PART_BYTES]),
)  # fmt: skip
def test_the_parts_are_exactly_what_was_looked_at(
    made: tuple[Topic, list[Span]], order: str, limit: int | None, bounds: Bounds | None, part_bytes: int
) -> None:
    topic, spans = made
    newest_first = order == "newest"
    left, rounds = spans, 0
    found: list[tuple[int, int]] = []
    lost: list[Span] = []
    while True:  # on and on with what is left, as a client does with its cursor
        job = Job(TOPIC, left, "value.n == 1", newest_first, limit, bounds, by_time=order == "oldest")
        parts, ended = scanned(topic, job, part_bytes)
        told = [part.span for part in parts if not part.is_lost]
        gone = [part.span for part in parts if part.is_lost]
        here = [(part.span.partition, record.offset) for part in parts for record in part.found]
        assert len(here) == len(set(here))
        assert set(here) == topic.matching(without(told, gone))
        assert without([*told, *gone], left) == []
        assert limit is None or len(here) <= limit
        after = without(left, [*told, *gone])
        assert (ended.reason == "complete") == (after == []), ended
        if ended.reason == "limit":
            assert len(here) == limit
        if limit is not None and order == "straight":
            assert here == sorted(here)
        for part in parts:
            offsets = [record.offset for record in part.found]
            assert offsets == sorted(offsets, reverse=newest_first)
            assert all(part.span.start <= offset < part.span.end for offset in offsets)
            if order != "straight" and len(part.found) > 1:  # straight on a part has a group more
                assert sum(len(record.data) for record in part.found) <= part_bytes
        assert not set(here) & set(found)
        found += here
        lost += gone
        rounds += 1
        if not after:
            break
        assert size(after) < size(left) or ended.reason == "bound"
        assert rounds < 3000
        left = after
    assert len(found) == len(set(found))
    assert set(found) == topic.matching(without(spans, lost))


@settings(max_examples=examples(100))
@given(topics(), st.integers(1, 60), st.sampled_from([1, 5, 50]))
def test_by_time_the_oldest_of_all_partitions_come_first_each_limit_behind_the_one_before(
    made: tuple[Topic, list[Span]], limit: int, step: int
) -> None:
    topic, spans = made
    for (_, offset), record in topic.records.items():
        record.timestamp = 1000 + offset // 3  # in order in each partition, as Kafka stamps them; many at one time
    left, times = spans, list[int]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(plan, "FIRST_STEP", step)
        patched.setattr(plan, "SHORTEST_STEP", 1)
        while left:
            parts, ended = scanned(
                topic, Job(TOPIC, left, "value.n == 1", newest_first=False, limit=limit, by_time=True), scan.PART_BYTES
            )
            found = [record for part in parts for record in part.found]
            assert ended.reason in {"limit", "complete"}
            assert len(found) == limit or ended.reason == "complete"
            times += sorted(record.timestamp for record in found)
            left = without(left, [part.span for part in parts])
    assert times == sorted(times)


def test_by_time_one_partition_that_is_far_behind_holds_no_more_of_the_others_than_a_slice() -> None:
    records = {(0, offset): Made(offset, b'{"n":1}', 1_000_000 + offset) for offset in range(5_000)}
    records |= {(1, offset): Made(offset, b'{"n":2}', offset) for offset in range(5_000)}
    spans = [Span(0, 0, 5_000), Span(1, 0, 5_000)]
    job = Job(TOPIC, spans, "value.n == 1", newest_first=False, limit=10, by_time=True)
    parts, ended = scanned(Topic(records, {}, 100), job, scan.PART_BYTES)
    told = [(part.span.partition, record.offset) for part in parts for record in part.found]
    assert (ended.reason, told) == ("limit", [(0, offset) for offset in range(10)])
    assert sum(part.counts.scanned for part in parts) <= 5_000 + plan.FIRST_STEP


async def test_what_cannot_be_decoded_is_counted_by_its_offsets() -> None:
    class Broken(FromTopic):
        async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Chunk, None]:
            yield Chunk(start, end, [Made(start, b'{"n":1}', 5), Undecodable(start + 1, end)])

    parts: list[Part] = []

    async def tell(part: Part) -> None:
        parts.append(part)

    readers = Broken(Topic({}, {}, 1))
    ended = await Scan(readers, Job(TOPIC, [Span(0, 0, 10)], "value.n == 1"), tell).run()  # type: ignore[arg-type]
    assert ended.reason == "complete"
    (part,) = parts
    assert (part.span, part.counts.scanned, part.counts.undecodable, part.counts.matched) == (Span(0, 0, 10), 1, 9, 1)
