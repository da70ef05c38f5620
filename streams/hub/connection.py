"""One connected client as the hub sees it: its sink, its streams, and when it was heard."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import orjson

from streams.hub.closing import farewell
from streams.hub.sink import Sink
from streams.wire.frames import FRAME_BYTES, Frame

if TYPE_CHECKING:  # uvicorn's workers import the sinks, and so this file, before Django is set up
    from streams.rights.credentials import Credentials


log = logging.getLogger(__name__)

HEARTBEAT_S = 5  # a connection hears something at least this often: a board says "live" on the strength of it
CLOCK_S = 1.0  # between two looks at whether one is due
SILENT_S = 50.0  # a client that answers nothing for so long has gone
HEARTBEAT_SPREAD = 0.2  # of the time between two of them
UNACKED_BYTES = 4 * 1024 * 1024  # on the way to one connection, all its streams together; then acks are waited for
CONTROL_BACKLOG_BYTES = 8 * 1024 * 1024  # above, not even control frames: such a client is cut off
STREAMS = 16  # a connection


class Held(Protocol):
    """What a connection asks of a stream that it holds: streams.hub.subscription.Subscription."""

    share: int

    @property
    def stream(self) -> str:
        """Its name, the client's."""

    def step_aside(self) -> None:
        """From now on it is moved on alone."""

    def stop(self) -> None:
        """Cancels its catching up, if it does."""


H = TypeVar("H", bound=Held)


class Connection(Generic[H]):
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
        self.streams: dict[str, H] = {}
        self.last_sent = now
        self.last_slow = float("-inf")
        self.due_since: float | None = None
        self._heard = now
        self.heartbeat_after = (HEARTBEAT_S - CLOCK_S) * random.uniform(1 - HEARTBEAT_SPREAD, 1)
        self.closed = False

    def hold(self, reader: H) -> None:
        """Takes a stream, perhaps in place of one of the same name, and gives each its share of the way."""
        self.streams[reader.stream] = reader
        self._share_out()

    def drop(self, reader: H) -> None:
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
        """Sends a frame. now: loop time, in seconds. Raises nothing: a way that fails ends this connection, and whoever
        else is to be written to goes on."""
        if self.closed:
            return
        try:
            self.sink.write(frame)
        except Exception as error:  # noqa: BLE001  (a server's own; the connection ends with it)
            self.broke(error)
        else:
            self.wrote(now)

    def broke(self, error: Exception) -> None:
        """Notes that the way to this client failed: nothing more is written, and the client connects again (4002)."""
        log.warning("The way to connection %s failed: %r", self.name, error)
        self.close(4002)

    def wrote(self, then: float) -> None:
        """Notes that something was sent. then: loop time, in seconds."""
        self.last_sent = max(self.last_sent, then)
        if self.due_since is None and then >= self._heard:
            self.due_since = then

    def write_aside(self, frame: Frame, now: float) -> None:
        """Sends a small frame that does not wait for acks, unless CONTROL_BACKLOG_BYTES have not left yet. now: loop
        time."""
        if not self.sink.is_full or self.sink.backlog() <= CONTROL_BACKLOG_BYTES:
            self.write(frame, now)

    def send(self, message: dict[str, Any] | Frame, now: float) -> None:
        """Sends a control frame, made for this connection or shared. A client with more than CONTROL_BACKLOG_BYTES
        under way is closed (4008). now: loop time, in seconds."""
        if self.sink.backlog() > CONTROL_BACKLOG_BYTES:
            self.goodbye(4008, now)
        else:
            self.write(message if isinstance(message, Frame) else Frame(orjson.dumps(message)), now)

    def begin(self, frames: list[Frame], now: float) -> None:
        """Sends the first frames, in one piece where the way allows that: each is a call of the system else, and wakes
        the client. now: loop time, in seconds."""
        write_raw = self.sink.write_raw
        try:
            if write_raw is not None:
                write_raw(b"".join([frame.framed for frame in frames]))
            else:
                for frame in frames:
                    self.sink.write(frame)
        except Exception as error:  # noqa: BLE001  (as in `write`)
            self.broke(error)
        else:
            self.wrote(now)

    def goodbye(self, code: int, now: float, retry_after_ms: int = 1000) -> None:
        """Tells the client why, then closes. code: one of `closing.CODE_REASONS`. Safe to call twice."""
        if self.closed:
            return
        self.write(Frame(orjson.dumps(farewell(code, retry_after_ms))), now)
        self.close(code)

    def close(self, code: int) -> None:
        """Closes without a `goodbye`; nothing more is written, and its streams end. Safe to call twice."""
        self.end()
        self.sink.close(code)

    def end(self) -> None:
        """Ends the connection's streams and has nothing more written to it; the socket itself is left alone."""
        self.closed = True
        for reader in self.streams.values():
            reader.stop()
            reader.step_aside()

    def heard(self, now: float) -> None:
        """Notes that the client sent something. now: loop time, in seconds."""
        self.due_since, self._heard = None, now
