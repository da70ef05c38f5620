"""The topic log: readers by sequence number, resumes by position, bytes bounded."""

from collections.abc import Iterator

from streams.hub.topic_log import CACHE_BYTES, TopicLog, trimmed
from streams.wire import ranges
from streams.wire.frames import FRAME_BYTES, Frame
from streams.wire.ranges import Range
from streams.wire.records import Record


def record(offset: int, size: int = 20) -> Record:
    return Record(offset, 1000, size, b'{"offset":%d,"pad":"%b"}' % (offset, b"x" * size))


def piece(partition: int, start: int, end: int) -> Range:
    return Range(partition, start, end, tuple(record(offset) for offset in range(start, end)))


def frames(log: TopicLog) -> Iterator[Frame]:
    """What a reader gets that has everything before the log."""
    at = log.first
    while at is not log.end:
        frame = log.frame(at, "t")
        yield frame
        assert frame.end is not None
        at = frame.end


def test_a_reader_at_the_end_gets_the_next_chunk() -> None:
    log = TopicLog("t", "e", {0: 5, 1: 7})
    start = log.end
    assert log.find({0: 5, 1: 7}) == (start, {})
    log.append([piece(0, 5, 8)], 0.0)
    frame = log.frame(start, "t")
    assert frame.ends == {0: 8}
    assert frame.end is log.end


def test_one_frame_serves_every_reader_at_the_same_place() -> None:
    log = TopicLog("t", "e", {0: 0})
    log.append([piece(0, 0, 3)], 0.0)
    assert log.frame(log.first, "t") is log.frame(log.first, "t")


def test_a_resume_inside_the_log_starts_at_the_chunk_and_is_ahead_of_its_beginning() -> None:
    log = TopicLog("t", "e", {0: 0, 1: 0})
    log.append([piece(0, 0, 4)], 0.0)
    middle = log.end
    log.append([piece(1, 0, 4), piece(0, 4, 6)], 0.0)
    assert log.find({0: 6, 1: 4}) == (log.end, {})
    assert log.find({0: 5, 1: 4}) == (middle, {0: 5, 1: 4})
    assert log.find({0: 2, 1: 0}) == (log.first, {0: 2})


def test_a_partition_that_a_cursor_leaves_out_starts_at_zero() -> None:
    log = TopicLog("t", "e", {0: 0, 1: 0})
    log.append([piece(1, 0, 2)], 0.0)
    assert log.find({0: 0}) == (log.first, {})


def test_a_position_before_the_log_is_not_found() -> None:
    log = TopicLog("t", "e", {0: 100})
    log.append([piece(0, 100, 110)], 0.0)
    assert log.find({0: 99}) is None


def test_a_position_beyond_the_log_waits_for_it() -> None:
    log = TopicLog("t", "e", {0: 100})
    assert log.find({0: 130}) == (log.end, {0: 130})
    ahead = {0: 130}
    assert trimmed([piece(0, 100, 120)], ahead) == []
    assert trimmed([piece(0, 120, 135)], ahead) == [piece(0, 130, 135)]
    assert ahead == {}


def test_dropping_old_chunks_keeps_positions_and_moves_the_base() -> None:
    log = TopicLog("t", "e", {0: 0})
    log.append([piece(0, 0, 4)], 0.0)
    log.append([piece(0, 4, 8)], 1.0)
    assert log.oldest_is_due(61.0)
    log.drop_oldest()
    assert not log.oldest_is_due(60.9)
    assert (log.base, log.positions, log.first.place, log.end.place) == ({0: 4}, {0: 8}, 1, 2)
    assert log.find({0: 3}) is None
    assert log.find({0: 4}) == (log.first, {})


def test_positions_tell_which_border_they_have_reached() -> None:
    log = TopicLog("t", "e", {0: 10, 1: 0})
    borders = [log.end]
    for start in (0, 4, 8):
        log.append([piece(1, start, start + 4)], 0.0)
        borders.append(log.end)
    assert [log.reached(10 + offset) for offset in (0, 3, 4, 11, 12, 99)] == [
        borders[0], borders[0], borders[1], borders[2], borders[3], borders[3],
    ]  # fmt: skip
    log.drop_oldest()
    assert log.reached(13) is None
    assert log.reached(14) is borders[1]
    assert log.size == borders[3].total - borders[1].total


def test_the_log_is_due_when_it_is_over_its_bytes() -> None:
    log = TopicLog("t", "e", {0: 0})
    log.append([Range(0, 0, 1, (record(0, 2000),))], 0.0)
    assert log.oldest_is_due(0.0, limit=1000)
    log.drop_oldest()
    assert log.size == 0


def test_a_gap_stands_in_a_frame_of_its_own() -> None:
    log = TopicLog("t", "e", {0: 0})
    log.append([piece(0, 0, 2), Range(0, 2, 9, (), "retention"), piece(0, 9, 10)], 0.0)
    kinds = [frame.data[:14] for frame in frames(log)]
    assert kinds == [b'{"type":"recor', b'{"type":"gap",', b'{"type":"recor']


def test_cached_frames_are_bounded_in_bytes() -> None:
    log = TopicLog("t", "e", {0: 0})
    for offset in range(100):
        log.append([Range(0, offset, offset + 1, (record(offset, 150_000),))], 0.0)
    for _ in frames(log):
        assert sum(len(kept.data) for kept in log._frames.values()) <= CACHE_BYTES


def test_frames_never_pass_the_protocols_limit() -> None:
    log = TopicLog("t", "e", {0: 0})
    parts = ranges.split(0, 0, 200, [record(offset, 9000) for offset in range(200)])
    log.append(parts, 0.0)
    assert all(len(frame.data) <= FRAME_BYTES for frame in frames(log))
