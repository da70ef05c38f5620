"""The newest n of a topic are records, not offsets, and of all its partitions the newest by time."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.hub import newest
from streams.hub.topic_log import TopicLog
from streams.kafka.history import Bounds, History
from streams.wire.ranges import Range
from streams.wire.records import Record

# partition -> offset -> time; what is between is no record.
Kafka = dict[int, dict[int, int]]


class Holes(History):
    """Kafka's part: partitions with holes, from offset 0 to `ends`. Pages are cut short, as real ones are."""

    def __init__(self, kafka: Kafka, ends: dict[int, int]) -> None:
        super().__init__(sources=0)
        self.kafka, self.ends = kafka, ends
        self.looked = 0

    async def page(self, topic: str, partition: int, start: int, end: int, *_: Any, **__: Any) -> list[Range]:
        stop = min(end, start + 33)
        self.looked += stop - start
        return [Range(partition, start, stop, records(self.kafka[partition], start, stop))]

    def to(self) -> Bounds:
        return Bounds(dict.fromkeys(self.ends, 0), dict(self.ends))


def records(partition: dict[int, int], start: int, stop: int) -> tuple[Record, ...]:
    return tuple(Record(o, partition[o], 1, b"{}") for o in range(start, stop) if o in partition)


async def found(kafka: Kafka, ends: dict[int, int], wanted: int, log_from: dict[int, int] | None = None) -> Any:
    """What is found, by a log that begins at `log_from` (at the end without it)."""
    log = TopicLog("t", "e", log_from or ends)
    for partition, start in (log_from or {}).items():
        if start < ends[partition]:
            log.append(
                [Range(partition, start, ends[partition], records(kafka[partition], start, ends[partition]))], 0.0
            )
    history = Holes(kafka, ends)
    return await newest.find(partial(history.page, "t"), log, history.to(), wanted)


def told(answer: newest.Newest) -> tuple[dict[int, int], int, str]:
    return answer.positions, answer.count, answer.stopped


async def test_what_lies_before_some_positions_is_given_to_the_beginning_each_record_once() -> None:
    kafka: Kafka = {0: {offset: offset * 10 for offset in range(0, 900, 3)}, 1: {5: 17, 6: 8000}, 2: {}}
    ends = {0: 900, 1: 9, 2: 4}
    history = Holes(kafka, ends)
    before = ends
    seen: list[tuple[int, int, int]] = []
    while True:
        answer = await newest.find_before(partial(history.page, "t"), dict.fromkeys(ends, 0), before, 40)
        got = [(r.timestamp, number, r.offset) for number, found in answer.records.items() for r in found]
        assert not seen or max(got)[0] <= min(seen)[0]
        seen += got
        before = answer.positions
        if answer.stopped == "beginning":
            break
    everything = [(at, number, offset) for number, partition in kafka.items() for offset, at in partition.items()]
    assert sorted(seen) == sorted(everything)


async def test_what_was_looked_through_in_vain_is_not_looked_through_again() -> None:
    ends = {0: 3 * newest.OFFSETS}
    history = Holes({0: {7: 1}}, ends)
    before = ends
    stops: list[str] = []
    while not stops or stops[-1] == "bound":
        answer = await newest.find_before(partial(history.page, "t"), {0: 0}, before, 5)
        before = answer.positions
        stops.append(answer.stopped)
    assert stops[-1] == "beginning"
    assert len(stops) > 2
    assert history.looked < 4 * newest.OFFSETS
    assert [record.offset for record in answer.records[0]] == [7]


async def test_offsets_without_records_do_not_count() -> None:
    kafka: Kafka = {0: {offset: 1000 + offset for offset in range(10)}}
    answer = await found(kafka, {0: 5000}, 8)
    assert told(answer) == ({0: 2}, 8, "enough")


async def test_a_topic_that_has_fewer_gives_all_and_says_so() -> None:
    kafka: Kafka = {0: {offset: 1000 + offset for offset in range(10)}, 1: {}}
    answer = await found(kafka, {0: 5000, 1: 300}, 200)
    assert told(answer) == ({0: 0, 1: 300}, 10, "beginning")


async def test_of_three_hundred_partitions_the_newest_by_time_are_given() -> None:
    kafka: Kafka = {number: {offset: offset * 1000 + number for offset in range(5)} for number in range(300)}
    answer = await found(kafka, dict.fromkeys(kafka, 5), 200)
    assert answer.count == 200
    assert answer.positions == {number: 4 if number >= 100 else 5 for number in kafka}


async def test_the_bound_is_told() -> None:
    kafka: Kafka = {0: {0: 1}}
    answer = await found(kafka, {0: 10 * newest.OFFSETS}, 5)
    assert told(answer) == ({0: 10 * newest.OFFSETS}, 0, "bound")


async def test_records_in_the_log_are_counted_without_asking_kafka() -> None:
    kafka: Kafka = {0: {offset: offset for offset in range(0, 300, 3)}}
    log = TopicLog("t", "e", {0: 0})
    log.append([Range(0, 0, 300, records(kafka[0], 0, 300))], 0.0)
    history = Holes(kafka, {0: 300})
    answer = await newest.find(partial(history.page, "t"), log, history.to(), 50)
    assert (told(answer), history.looked) == (({0: 150}, 50, "enough"), 0)


@pytest.mark.parametrize("late", [0.0, 55.0])
async def test_of_partitions_that_came_one_after_the_other_the_newest_by_time_are_given(late: float) -> None:
    kafka: Kafka = {partition: {offset: 3 * offset + partition for offset in range(150)} for partition in range(3)}
    log = TopicLog("t", "e", dict.fromkeys(kafka, 0))
    for partition, now in ((2, 1.0), (0, 1.0), (1, 1.0 + late)):
        log.append([Range(partition, 0, 30, records(kafka[partition], 0, 30))], now)
        log.append([Range(partition, 30, 150, records(kafka[partition], 30, 150))], now)
    history = Holes(kafka, dict.fromkeys(kafka, 150))
    answer = await newest.find(partial(history.page, "t"), log, history.to(), 120)
    assert (told(answer), history.looked) == (({0: 110, 1: 110, 2: 110}, 120, "enough"), 0)


def opened(kafka: Kafka, begin: dict[int, int]) -> tuple[TopicLog, Holes]:
    """A log that began at these positions, with all that came since, and Kafka."""
    ends = {number: max(partition, default=-1) + 1 for number, partition in kafka.items()}
    log = TopicLog("t", "e", begin)
    for number, start in begin.items():
        if start < ends[number]:
            log.append([Range(number, start, ends[number], records(kafka[number], start, ends[number]))], 0.0)
    return log, Holes(kafka, ends)


async def test_a_partition_that_came_just_before_the_log_began_is_not_left_out() -> None:
    kafka: Kafka = {partition: {offset: 3 * offset + partition for offset in range(150)} for partition in range(3)}
    log, history = opened(kafka, {0: 0, 1: 0, 2: 150})
    for _ in range(2):
        answer = await newest.find(partial(history.page, "t"), log, history.to(), 120)
        assert told(answer) == ({0: 110, 1: 110, 2: 110}, 120, "enough")


async def test_what_lies_before_the_log_is_looked_at_once() -> None:
    """One partition has older records, one has had none for long."""
    ends = 50_000
    kafka: Kafka = {0: {n: 1_000_000 + n for n in range(300)}, 1: {ends - 1: 7}, 2: {0: 8}}
    log, history = opened(kafka, {0: 0, 1: ends, 2: ends})
    history.ends[2] = ends
    answer = await newest.find(partial(history.page, "t"), log, history.to(), 120)
    assert told(answer) == ({0: 180, 1: ends, 2: ends}, 120, "enough")
    assert 0 < history.looked < 1_000
    looked = history.looked
    again = await newest.find(partial(history.page, "t"), log, history.to(), 120)
    assert (told(again), history.looked) == (told(answer), looked)


async def test_what_the_log_has_dropped_is_known_to_be_older_without_a_look() -> None:
    kafka: Kafka = {0: {n: n for n in range(100)}, 1: {n: 1_000 + n for n in range(300)}}
    log, history = opened(kafka, {0: 0, 1: 0})
    log.drop_oldest()
    assert log.older == {0: 99, 1: 0}
    answer = await newest.find(partial(history.page, "t"), log, history.to(), 120)
    assert (told(answer), history.looked) == (({0: 100, 1: 180}, 120, "enough"), 0)


async def test_of_clocks_that_differ_no_more_is_looked_at_than_it_takes() -> None:
    """A partition whose producer is half a minute ahead has the newest; those are not far back."""
    ahead = 30_000
    kafka: Kafka = {0: {n: ahead + 10 * n for n in range(3_000)}, 1: {n: 10 * n for n in range(3_000)}}
    log = TopicLog("t", "e", dict.fromkeys(kafka, 0))
    for start in range(0, 3_000, 10):
        for partition in kafka:
            log.append([Range(partition, start, start + 10, records(kafka[partition], start, start + 10))], start / 100)
    history = Holes(kafka, dict.fromkeys(kafka, 3_000))
    answer = await newest.find(partial(history.page, "t"), log, history.to(), 120)
    assert (told(answer), history.looked) == (({0: 2_880, 1: 3_000}, 120, "enough"), 0)
    starts, _ = log.newest(120, newest.BYTES)
    assert starts == {0: 2_880, 1: 2_880}


async def test_what_comes_while_kafka_is_read_comes_behind_the_beginning() -> None:
    """Two partitions of a topic in the first moment of its life: while one is read, records come into the other."""
    kafka: Kafka = {0: {offset: offset for offset in range(40)}, 1: {offset: offset for offset in range(97)}, 2: {}}
    log = TopicLog("t", "e", {0: 0, 1: 0, 2: 7})
    history = Holes(kafka, {0: 40, 1: 0, 2: 7})

    async def page(partition: int, start: int, end: int) -> list[Range]:
        if not log.positions[1]:
            log.append([Range(1, 0, 97, records(kafka[1], 0, 97)), Range(2, 7, 9, ())], 0.0)
        return await history.page("t", partition, start, end)

    answer = await newest.find(page, log, history.to(), 500)
    assert told(answer) == ({0: 0, 1: 0, 2: 7}, 40, "beginning")


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=30), min_size=1, max_size=4),
    st.integers(1, 80),
    st.data(),
)
async def test_what_is_found_is_what_a_plain_look_at_everything_finds(
    partitions: list[list[tuple[int, int]]], wanted: int, data: st.DataObject
) -> None:
    kafka: Kafka = {}
    ends: dict[int, int] = {}
    for number, steps in enumerate(partitions):
        offset = at = 0
        kafka[number] = {}
        for hole, later in steps:
            offset, at = offset + hole, at + later
            kafka[number][offset] = at
        ends[number] = offset + data.draw(st.integers(1, 50))
    log_from = {number: data.draw(st.integers(0, end)) for number, end in ends.items()}
    in_log = data.draw(st.booleans())
    answer = await found(kafka, ends, wanted, log_from if in_log else None)
    everything = sorted((at for partition in kafka.values() for at in partition.values()), reverse=True)
    given_at = sorted(
        (at for number, partition in kafka.items() for o, at in partition.items() if o >= answer.positions[number]),
        reverse=True,
    )
    assert answer.count == len(given_at) == min(wanted, len(everything))
    assert answer.stopped == ("enough" if len(everything) >= wanted else "beginning")
    if not in_log:
        assert given_at == everything[:wanted]


async def test_no_more_is_kept_of_a_long_step_than_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long hole makes the steps long, and what lies before it may be dense."""
    kept: list[int] = []
    put_before = newest._Partition.put_before

    def noted(self: Any, ranges: list[Range], start: int) -> None:
        kept.append(sum(len(record.data) for part in ranges for record in part.records))
        put_before(self, ranges, start)

    monkeypatch.setattr(newest._Partition, "put_before", noted)
    monkeypatch.setattr(newest, "BYTES", 400)
    monkeypatch.setattr(newest, "SECONDS", 60)
    dense = 19_000
    kafka: Kafka = {0: dict.fromkeys(range(dense), 1)}
    ends = {0: dense + 20_000}
    history = Holes(kafka, ends)
    answer = await newest.find_before(partial(history.page, "t"), {0: 0}, ends, 2_000)
    assert [record.offset for record in answer.records[0]] == list(range(dense - 200, dense))  # of 2 bytes each
    assert answer.stopped == "enough"
    assert max(kept) < 400 + 2 * 33 * 2  # and a page that begins before it, and one that was just read
