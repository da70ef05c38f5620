"""What is polled becomes ranges that join, also around batches that cannot be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from streams.kafka import undecodable
from streams.kafka.aiokafka_internals import ReadableRecords
from streams.kafka.undecodable import Undecodable
from streams.wire.ranges import Range

BASE_OFFSET_BYTES = 8  # at the head of a batch, and not part of what its checksum covers
CHECKSUM_AT, ATTRIBUTES_AT = 17, 21  # in a batch; the checksum is of all from the attributes on
CONTROL = 0x20  # in the second byte of the attributes


class NotUtf8(str):
    """A header's name as other producers may write it."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


def undecodable_builder() -> Any:
    """aiokafka's builder in Python: the one in C would not take such names."""
    return BatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=100_000,
    )  # fmt: skip


def batch(first: int, count: int, *, bad_at: int | None = None) -> bytes:
    """Records with the offsets first … first + count - 1; the one at `bad_at` cannot be decoded."""
    builder = undecodable_builder()
    for n in range(count):
        name = NotUtf8("name") if first + n == bad_at else "name"
        builder.append(n, timestamp=1000, key=b"k", value=b"%d" % (first + n), headers=[(name, b"")])
    return first.to_bytes(BASE_OFFSET_BYTES, "big") + bytes(builder.build())[BASE_OFFSET_BYTES:]


def made(builder: Any, first: int, count: int, key: bytes = b"k") -> bytearray:
    for n in range(count):
        builder.append(n, timestamp=1000, key=key, value=b"%d" % (first + n), headers=[])
    return bytearray(first.to_bytes(BASE_OFFSET_BYTES, "big") + bytes(builder.build())[BASE_OFFSET_BYTES:])


def checked(built: bytearray) -> bytearray:
    """With the checksum of what it is now."""
    built[CHECKSUM_AT:ATTRIBUTES_AT] = calc_crc32c(bytes(built[ATTRIBUTES_AT:])).to_bytes(4, "big")
    return built


def fetch(data: bytes, position: int, aborted: Sequence[tuple[int, int]] = ()) -> ReadableRecords:
    """A fetch from this position. aborted: producers and the offsets at which their aborted transactions begin."""
    return ReadableRecords(TopicPartition("t", 0), MemoryRecords(data), aborted, position, None, None, True, 1)


def polled(data: bytes, position: int) -> tuple[list[Any], int]:
    """What a consumer at this position gets of a fetch, and its position after that."""
    records = fetch(data, position)
    return list(records), records.next_fetch_offset


def ranges(data: bytes, position: int) -> list[Range]:
    found, end = polled(data, position)
    return list(undecodable.ranges(0, position, end, found))


def shape(part: Range) -> tuple[int, int, list[int], str | None]:
    return part.start, part.end, [record.offset for record in part.records], part.lost


def test_what_can_be_decoded_is_one_range() -> None:
    assert [shape(part) for part in ranges(batch(0, 3) + batch(5, 2), 1)] == [(1, 7, [1, 2, 5, 6], None)]


def test_a_batch_is_lost_from_the_record_on_that_cannot_be_decoded() -> None:
    found = ranges(batch(0, 3) + batch(3, 4, bad_at=4) + batch(9, 2), 0)
    assert [shape(part) for part in found] == [
        (0, 4, [0, 1, 2, 3], None),
        (4, 7, [], "unavailable"),
        (7, 11, [9, 10], None),
    ]


def test_a_broken_checksum_loses_its_batch() -> None:
    broken = bytearray(batch(3, 2))
    broken[-1] ^= 1
    found = ranges(batch(0, 3) + bytes(broken) + batch(5, 1), 0)
    assert [shape(part) for part in found] == [
        (0, 3, [0, 1, 2], None),
        (3, 5, [], "unavailable"),
        (5, 6, [5], None),
    ]


def test_two_in_a_row_and_at_both_ends() -> None:
    found = ranges(batch(0, 2, bad_at=0) + batch(2, 1) + batch(3, 1, bad_at=3) + batch(4, 2, bad_at=4), 0)
    assert [shape(part) for part in found] == [
        (0, 2, [], "unavailable"),
        (2, 3, [2], None),
        (3, 4, [], "unavailable"),
        (4, 6, [], "unavailable"),
    ]


@pytest.mark.parametrize("most", [1, 2, 3, 5, 100, None])
@pytest.mark.parametrize("position", [0, 2, 5, 8])
def test_a_fetch_is_the_same_in_whatever_portions_it_is_taken(most: int | None, position: int) -> None:
    batches = {3: batch(0, 3), 7: batch(3, 4, bad_at=5), 11: batch(9, 2), 12: batch(11, 1, bad_at=11), 15: batch(12, 3)}
    whole = [0, 1, 2, 3, 4, 9, 10, 12, 13, 14]
    everything = sorted([(n, n + 1) for n in whole] + [(5, 7), (11, 12)])
    data = b"".join(built for end, built in batches.items() if end > position)
    records, found = fetch(data, position), list[tuple[int, int]]()
    is_all = False
    while not is_all:
        before = records.next_fetch_offset
        taken, is_all = records.take(most)
        assert most is None or len(taken) <= most
        places = [(each.offset, each.end if isinstance(each, Undecodable) else each.offset + 1) for each in taken]
        if places:
            assert before <= places[0][0]
            assert places[-1][1] <= records.next_fetch_offset
        found += places
    assert found == [place for place in everything if place[0] >= position]
    assert records.next_fetch_offset == 15


ABORTED = 7  # a producer's id


def marker(offset: int, kind: int) -> bytes:
    """A control batch of that producer: 0 ends a transaction as aborted, 1 as committed."""
    built = made(BatchBuilder(
        magic=2, compression_type=0, is_transactional=1, producer_id=ABORTED, producer_epoch=0, base_sequence=-1,
        batch_size=1000,
    ), offset, 1, key=b"\0\0\0%c" % kind)  # fmt: skip
    built[ATTRIBUTES_AT + 1] |= CONTROL
    return bytes(checked(built))


def test_of_transactions_only_committed_records_are_given_and_positions_move_over_the_rest() -> None:
    def transaction(first: int, count: int) -> bytes:
        return bytes(made(BatchBuilder(
            magic=2, compression_type=0, is_transactional=1, producer_id=ABORTED, producer_epoch=0, base_sequence=0,
            batch_size=1000,
        ), first, count))  # fmt: skip

    data = (
        batch(0, 2) + transaction(2, 3) + batch(5, 1) + transaction(6, 1) + marker(7, 0) + transaction(8, 2)
        + marker(10, 1) + transaction(11, 1) + marker(12, 0)
    )  # fmt: skip
    records = fetch(data, 0, aborted=[(ABORTED, 2), (ABORTED, 11)])
    found, is_all = records.take(3)
    assert [record.offset for record in found] == [0, 1, 5]
    assert (records.next_fetch_offset, is_all) == (6, False)
    found, is_all = records.take(100)
    assert [record.offset for record in found] == [8, 9]
    assert (records.next_fetch_offset, is_all) == (13, True)
