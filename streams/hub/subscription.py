"""One stream of one connection: how far it was sent, and what it has acknowledged."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

from streams.hub.connection import UNACKED_BYTES, Connection
from streams.hub.topic_log import TopicLog
from streams.wire.frames import FRAME_BYTES, Frame, Mark
from streams.wire.ranges import Positions

SLOW_AGAIN_S = 60.0  # falling off the log a second time within this closes the connection


class Company(Protocol):
    """Those that a stream stands together with at one place of the log: streams.hub.together.Readers."""

    @property
    def at(self) -> Mark | None:
        """Where they stand."""

    def part(self, reader: Subscription) -> Mark | None:
        """Puts one of them apart. Returns where it stands: where all of them do."""


class Fall(NamedTuple):
    """A reader that fell off the log: at which positions, and when (loop time)."""

    positions: Positions
    then: float


class Subscription:
    """One stream of one connection.

    at: the border in the log up to which it was sent everything, None while it catches up from Kafka.
    together: those it stands with at one place; None while it stands apart.
    acked: how much of that (`Mark.total`) the client has acknowledged. share: how much may be on the way beyond that.
    ahead: positions beyond the log's at that border, None when there are none.
    fallen: where and when it fell off the log, else None.
    """

    __slots__ = (
        "_acked", "_acked_at", "_at", "_own", "_own_bytes", "_window", "acked", "ahead", "catching_up", "connection",
        "fallen", "log", "share", "stream", "together",
    )  # fmt: skip

    def __init__(self, connection: Client, stream: str, log: TopicLog) -> None:
        self.connection, self.stream, self.log = connection, stream, log
        self.together: Company | None = None
        self._at: Mark | None = None
        self.acked = 0
        self.share = UNACKED_BYTES - FRAME_BYTES
        self.ahead: Positions | None = None
        self.fallen: Fall | None = None
        self.catching_up: asyncio.Task[None] | None = None
        self._acked: Positions = {}
        self._acked_at = log.end  # the border that `acked` was counted from last
        self._own: deque[Frame] | None = None  # frames that were for it alone and are not acknowledged yet
        self._own_bytes = 0
        self._window: asyncio.Event | None = None  # made only where somebody waits: an idle one takes 850 bytes

    @property
    def at(self) -> Mark | None:
        """The border in the log up to which it was sent everything, None while it catches up from Kafka."""
        return self._at if self.together is None else self.together.at

    def stand_at(self, at: Mark | None) -> None:
        """Moves a stream on that stands apart: it was sent everything up to `at`."""
        self._at = at

    def step_aside(self) -> None:
        """From now on it is moved on alone. Safe to call twice."""
        if self.together is not None:
            self._at = self.together.part(self)
            self.together = None

    def begin(self, positions: Positions) -> None:
        """Notes what the client has before anything is sent: partition -> the next offset it wants."""
        self._acked = dict(positions)

    def enter(self, at: Mark, ahead: Positions) -> None:
        """Begins to read the log at a border. ahead: positions of the client that lie beyond it."""
        self._at, self.acked, self._acked_at, self.ahead = at, at.total, at, ahead or None

    def pass_over(self, start: Mark, end: Mark) -> None:
        """Moves on from one border to another; what it is sent between them is written for it alone (`write_own`)."""
        self.acked += end.total - start.total
        self._at = end

    def skip_to_end(self, ahead: Positions) -> None:
        """Goes on at the log's end; what was on the way before counts as on the way still. ahead: positions of the
        client that lie beyond the end."""
        end = self.log.end
        self.acked = end.total - ((self.at.total if self.at else end.total) - self.acked)
        self._acked_at = self._acked_at._replace(total=self.acked)
        self._at, self.fallen, self.ahead = end, None, ahead or None

    @property
    def unacked_bytes(self) -> int:
        """The bytes of this stream that were sent and are not acknowledged yet."""
        return (self.at.total - self.acked if self.at is not None else 0) + self._own_bytes

    @property
    def is_free(self) -> bool:
        """Whether it gets the log's frames as they are, as others do, and can take some more of them."""
        is_even = self.ahead is None and self._own is None
        return is_even and 2 * self.unacked_bytes <= self.share and self.may_send()

    @property
    def has_room(self) -> bool:
        """Whether there is room on the way to this client."""
        return self.unacked_bytes < self.share and not self.connection.sink.is_full

    def may_send(self) -> bool:
        """Whether something may be sent to it now."""
        return self.has_room and not self.connection.closed

    def write_own(self, frame: Frame, now: float) -> None:
        """Sends a frame for this reader alone, and keeps account of it until it is acknowledged."""
        self.connection.write(frame, now)
        if self._own is None:
            self._own = deque()
        self._own.append(frame)
        self._own_bytes += len(frame.data)

    def ack(self, positions: Positions) -> int:
        """Takes positions that the client has applied; what lies below them is no longer on the way.

        Returns the newest record's timestamp (ms since 1970) that is acknowledged by this, 0 when there is none.
        """
        known = self.log.positions
        for p, position in positions.items():
            if p in known and position > self._acked.get(p, 0):
                self._acked[p] = min(position, known[p])
        newest = max(self._ack_log(), self._ack_own())
        self.resume()
        return newest

    def resume(self) -> None:
        """Has `window` return if there is room again."""
        if self._window is not None and self.has_room:
            self._window.set()

    def _ack_log(self) -> int:
        at = self.at
        if at is None or self.acked >= at.total:
            return 0
        reached = sum(self._acked.values())
        mark = at if reached >= at.offsets else self.log.reached(reached)
        if mark is None:
            self.acked = max(self.acked, self._estimate(at, reached))
            return 0
        if mark.total <= self.acked:
            return 0
        self.acked, self._acked_at = mark.total, mark
        return mark.newest

    def _estimate(self, at: Mark, reached: int) -> int:
        """How many bytes lie below positions that the log has dropped since: as many as of the offsets."""
        since = self._acked_at
        way = at.offsets - since.offsets
        return since.total + (at.total - since.total) * max(0, reached - since.offsets) // way if way > 0 else 0

    def _ack_own(self) -> int:
        """Forgets the frames that are acknowledged as a whole."""
        newest = 0
        while self._own is not None:
            frame = self._own[0]
            if any(self._acked.get(partition, 0) < end for partition, end in frame.ends.items()):
                break
            self._own_bytes -= len(frame.data)
            newest = max(newest, frame.newest)
            self._own.popleft()
            if not self._own:
                self._own = None
        return newest

    async def window(self) -> None:
        """Returns once there is room on the way to this client."""
        while not self.has_room:
            self._window = asyncio.Event()
            await self._window.wait()
            self._window = None

    def stop(self) -> None:
        """Cancels its catching up, if it does. Safe to call twice."""
        if self.catching_up is not None:
            self.catching_up.cancel()
            self.catching_up = None


Client = Connection[Subscription]  # as this product has them
