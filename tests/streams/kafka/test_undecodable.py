"""What is polled becomes ranges that join, also around batches that cannot be decoded."""

from __future__ import annotations

from typing import Any

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from streams.kafka import undecodable
from streams.kafka.aiokafka_internals import ReadableRecords
from streams.wire.ranges import Range

BASE_OFFSET_BYTES = 8  # at the head of a batch, and not part of what its checksum covers


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


def polled(data: bytes, position: int) -> tuple[list[Any], int]:
    """What a consumer at this position gets of a fetch, and its position after that."""
    records = ReadableRecords(TopicPartition("t", 0), MemoryRecords(data), [], position, None, None, True, 1)
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
