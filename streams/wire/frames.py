"""The frames of a socket: built once, shared by every connection that gets them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from streams.wire.ranges import Positions, Range, newest_of
from streams.wire.records import Record

FRAME_BYTES = 256 * 1024  # the largest frame and the largest message on the layer


def _encode_range(partition: int, start: int, end: int, records: Iterable[Record]) -> bytes:
    data = b",".join([record.data for record in records])
    return b'{"partition":%d,"from":%d,"to":%d,"records":[%b]}' % (partition, start, end, data)


def records_frame(stream: str, ranges: Iterable[Range]) -> bytes:
    """A `records` frame, as JSON. The ranges of one partition must join; they are merged."""
    merged: dict[int, list[Range]] = {}
    for part in ranges:
        merged.setdefault(part.partition, []).append(part)
    encoded = b",".join(
        _encode_range(partition, parts[0].start, parts[-1].end, (r for part in parts for r in part.records))
        for partition, parts in merged.items()
    )
    return b'{"type":"records","stream":%b,"ranges":[%b]}' % (orjson.dumps(stream), encoded)


def gap_frame(stream: str, ranges: Iterable[Range], reason: str) -> bytes:
    """A `gap` frame, as JSON: these offsets are not delivered. reason: as the protocol names them."""
    shown = [{"partition": part.partition, "from": part.start, "to": part.end} for part in ranges]
    return orjson.dumps({"type": "gap", "stream": stream, "ranges": shown, "reason": reason})


class Mark(NamedTuple):
    """A border between two chunks of a log; one object each, so that readers at the same place have the same.

    place: sequence number of the chunk behind it. total: bytes of all chunks before it since the log began.
    offsets: the sum of the log's positions there; it only grows, so that a client's positions tell how far it has come.
    newest: the newest timestamp (ms since 1970) in the chunk before it, 0 when it has none.
    """

    place: int
    total: int
    offsets: int
    newest: int


class Frame:
    """One frame as it leaves, shared by every connection that gets it.

    data: its JSON. framed: the same as it stands on a WebSocket (RFC 6455, one unmasked final text frame).
    end: the border behind it, when it is a log's. ends: partition -> position after it, for the partitions that it
    moves. records: how many it delivers. newest: the newest of their timestamps (ms since 1970), 0 when it has none.
    """

    __slots__ = ("_message", "data", "end", "ends", "framed", "is_measured", "newest", "records")

    def __init__(self, data: bytes, ends: Positions | None = None, end: Mark | None = None) -> None:
        self.data = data
        self.framed = _head(len(data)) + data
        self.ends = ends or {}
        self.end = end
        self.records = self.newest = 0
        self.is_measured = False  # whether its age was noted when it was first written
        self._message: dict[str, Any] | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The frame for ASGI's `send()`; made once for all connections, which only read it."""
        if self._message is None:
            self._message = {"type": "websocket.send", "text": self.data.decode()}
        return self._message


def _head(size: int) -> bytes:
    """What stands before a final text frame of `size` bytes."""
    if size < 126:
        return struct.pack("!BB", 0x81, size)
    if size < 65_536:
        return struct.pack("!BBH", 0x81, 126, size)
    return struct.pack("!BBQ", 0x81, 127, size)


def frame_of(stream: str, ranges: tuple[Range, ...], end: Mark | None = None) -> Frame:
    """The frame of ranges that are all delivered, or all lost for one reason. end: the border behind them, when they
    are a log's."""
    lost = ranges[0].lost
    data = gap_frame(stream, ranges, lost) if lost else records_frame(stream, ranges)
    frame = Frame(data, {part.partition: part.end for part in ranges}, end)
    frame.records = sum(len(part.records) for part in ranges)
    frame.newest = newest_of(ranges)
    return frame
