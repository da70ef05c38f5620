"""One connected client as the hub sees it: its sink, its streams, and what it has acknowledged.

A connection is positions and counters, not a queue and not a task. Nothing here waits, except a stream that is catching
up, which waits for its own reader's acks.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from streams.hub.topic_log import Frame, Mark, Positions, TopicLog
from streams.wire.ranges import FRAME_BYTES

if TYPE_CHECKING:  # uvicorn's workers import the sinks, and so this file, before Django is set up
    from streams.hub.together import Readers
    from streams.rights.credentials import Credentials

log = logging.getLogger(__name__)

HEARTBEAT_S = 25  # a connection hears something at least this often, give or take HEARTBEAT_SPREAD
HEARTBEAT_SPREAD = 0.2
UNACKED_BYTES = 4 * 1024 * 1024  # on the way to one connection, all its streams together; then acks are waited for
BACKLOG_BYTES = 64 * 1024  # in the server's own buffer for one connection; above, readers of it wait
CONTROL_BACKLOG_BYTES = 8 * 1024 * 1024  # above, not even control frames: such a client is cut off
STREAMS = 16  # a connection
SLOW_AGAIN_S = 60.0  # falling off the log a second time within this closes the connection

CODE_REASONS = {
    4001: "server going away",
    4002: "server error",
    4003: "session ended, sign in again",
    4008: "too slow",
    4009: "silent",
    4013: "too many connections just now",
    4500: "not this protocol",
    4501: "not signed in",
    4503: "every right taken away",
    4504: "too many connections for this user",
}


FINAL_CODES = 4500  # a client does not come back after a close code from here on


def farewell(code: int, retry_after_ms: int) -> dict[str, Any]:
    """The `goodbye` before a close with `code`."""
    return {"type": "goodbye", "code": code, "reason": CODE_REASONS[code], "retry_after_ms": retry_after_ms}


class Sink(Protocol):
    """The way to one connection. `write` never waits; `backlog` is the bytes that have not left yet.

    frame_s: what a frame through it costs, in seconds of a core.
    is_full: so much has not left yet that readers must wait; `on_full` is called with each change of it.
    """

    frame_s: float
    is_full: bool
    on_full: Callable[[bool], None]

    @property
    def write_raw(self) -> Callable[[bytes], object] | None:
        """The shortest way for a frame's bytes as they stand on the wire, None where the server frames them itself."""

    def backlog(self) -> int: ...

    def write(self, frame: Frame) -> None: ...

    def close(self, code: int) -> None:
        """Closes after what was written, or at once when the backlog does not move."""
        ...


class Connection:
    """A client that was let in.

    topics: name -> label of what its user may read. due_since: when (loop time) something was sent that the client has
    not answered by any frame; None when nothing is due. closed: nothing more is written to it.
    """

    __slots__ = (
        "_heard", "closed", "credentials", "due_since", "heartbeat_after", "last_sent", "last_slow", "name", "sink",
        "streams", "topics", "username",
    )  # fmt: skip

    def __init__(self, name: str, username: str, credentials: Credentials, sink: Sink, now: float) -> None:
        self.name, self.username, self.credentials, self.sink = name, username, credentials, sink
        self.topics: dict[str, str] = {}
        self.streams: dict[str, Subscription] = {}
        self.last_sent = now
        self.last_slow = float("-inf")
        self.due_since: float | None = None
        self._heard = now
        self.heartbeat_after = HEARTBEAT_S * random.uniform(1 - HEARTBEAT_SPREAD, 1)
        self.closed = False

    def hold(self, reader: Subscription) -> None:
        """Takes a stream, perhaps in place of one of the same name, and gives each its share of the way."""
        self.streams[reader.stream] = reader
        self._share_out()

    def drop(self, reader: Subscription) -> None:
        """Forgets a stream. Safe to call twice."""
        if self.streams.get(reader.stream) is reader:
            del self.streams[reader.stream]
            self._share_out()

    def _share_out(self) -> None:
        # A stream that has room sends one more frame: all of them together stay within UNACKED_BYTES.
        share = max(1, UNACKED_BYTES // max(1, len(self.streams)) - FRAME_BYTES)
        for reader in self.streams.values():
            reader.step_aside()  # those it stood with know how much room it had
            reader.share = share

    def write(self, frame: Frame, now: float) -> None:
        """Sends a frame. A way that fails ends the connection; whoever else is to be written to goes on."""
        if self.closed:
            return
        try:
            self.sink.write(frame)
        except Exception as error:  # noqa: BLE001  (a server's own; the connection ends with it)
            self.broke(error)
        else:
            self.wrote(now)

    def broke(self, error: Exception) -> None:
        """The way to this client failed: nothing more is written, and it connects again."""
        log.warning("The way to connection %s failed: %r", self.name, error)
        self.close(4002)

    def wrote(self, then: float) -> None:
        """Something was sent at that time."""
        self.last_sent = max(self.last_sent, then)
        if self.due_since is None and then >= self._heard:
            self.due_since = then

    def write_aside(self, frame: Frame, now: float) -> None:
        """A small frame that does not wait for acks; none for a client that takes nothing any more."""
        if not self.sink.is_full or self.sink.backlog() <= CONTROL_BACKLOG_BYTES:
            self.write(frame, now)

    def send(self, message: dict[str, Any], now: float) -> None:
        """A control frame for this connection alone."""
        if self.sink.backlog() > CONTROL_BACKLOG_BYTES:
            self.goodbye(4008, now)
        else:
            self.write(Frame(orjson.dumps(message)), now)

    def goodbye(self, code: int, now: float, retry_after_ms: int = 1000) -> None:
        """Says why, then closes. Safe to call twice."""
        if self.closed:
            return
        self.write(Frame(orjson.dumps(farewell(code, retry_after_ms))), now)
        self.close(code)

    def close(self, code: int) -> None:
        self.end()
        self.sink.close(code)

    def end(self) -> None:
        """Has nothing more written to it."""
        self.closed = True
        for reader in self.streams.values():
            reader.stop()
            reader.step_aside()

    def heard(self, now: float) -> None:
        """The client sent something."""
        self.due_since, self._heard = None, now


class Subscription:
    """One stream of one connection.

    at: the border in the log up to which it was sent everything, None while it catches up from Kafka.
    together: the topic's readers, while it stands at one place with others of them.
    acked: how much of that (`Mark.total`) the client has acknowledged. share: how much may be on the way beyond that.
    ahead: positions beyond the log's at that border, None when there are none.
    fallen: the positions at which it fell off the log, else None.
    is_leaving: it was ended before it had begun.
    """

    __slots__ = (
        "_acked", "_acked_at", "_at", "_own", "_own_bytes", "_window", "acked", "ahead", "catching_up", "connection",
        "fallen", "is_leaving", "log", "share", "stream", "together",
    )  # fmt: skip

    def __init__(self, connection: Connection, stream: str, log: TopicLog) -> None:
        self.connection, self.stream, self.log = connection, stream, log
        self.together: Readers | None = None
        self._at: Mark | None = None
        self.acked = 0
        self.share = UNACKED_BYTES - FRAME_BYTES
        self.is_leaving = False
        self.ahead: Positions | None = None
        self.fallen: Positions | None = None
        self.catching_up: asyncio.Task[None] | None = None
        self._acked: Positions = {}
        self._acked_at = log.end  # the border that `acked` was counted from last
        self._own: deque[Frame] | None = None  # frames that were for it alone and are not acknowledged yet
        self._own_bytes = 0
        self._window: asyncio.Event | None = None  # made only where somebody waits: an idle one takes 850 bytes

    @property
    def at(self) -> Mark | None:
        return self._at if self.together is None else self.together.at

    def stand_at(self, at: Mark | None) -> None:
        """Moves it on, which stands apart."""
        self._at = at

    def step_aside(self) -> None:
        """From now on it is moved on alone. Safe to call twice."""
        if self.together is not None:
            self._at = self.together.part(self)
            self.together = None

    def begin(self, positions: Positions) -> None:
        """What the client has before anything is sent."""
        self._acked = dict(positions)

    def enter(self, at: Mark, ahead: Positions) -> None:
        """From now on it reads the log."""
        self._at, self.acked, self._acked_at, self.ahead = at, at.total, at, ahead or None

    def skip_to_end(self, ahead: Positions) -> None:
        """Goes on at the log's end; what was on the way before stays so."""
        end = self.log.end
        self.acked = end.total - ((self.at.total if self.at else end.total) - self.acked)
        self._acked_at = self._acked_at._replace(total=self.acked)
        self._at, self.fallen, self.ahead = end, None, ahead or None

    @property
    def unacked_bytes(self) -> int:
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
        self._acked.update((p, min(position, known[p])) for p, position in positions.items() if p in known)
        newest = max(self._ack_log(), self._ack_own())
        self.resume()
        return newest

    def resume(self) -> None:
        """There may be room again."""
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
        if self.catching_up is not None:
            self.catching_up.cancel()
            self.catching_up = None
