"""The readers of one log: those that stand together at one place, and those that stand apart.

Nearly all of them stand together. They share their place and what they were sent; a frame costs one write for each, and
nothing else of a reader is touched. Whoever may not be sent the next frame as it is steps aside and is moved on alone.
The place of those together moves in one way only: by having been sent everything up to it (docs/decisions/0016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from streams.hub.subscription import Subscription
from streams.hub.topic_log import TopicLog
from streams.wire.frames import Frame, Mark


class Readers:
    """The readers of one log.

    apart: those that are moved on one by one. blocked: those of them that wait for room. written: when (loop time)
    those together were sent something last.
    """

    def __init__(self, topic_log: TopicLog) -> None:
        self._log = topic_log
        self.apart: set[Subscription] = set()
        self.blocked: set[Subscription] = set()
        self.written = float("-inf")
        self._at: Mark | None = None  # where those together stand
        self._limit = 0  # the `Mark.total` at which the first of them may have no room any more
        # The write of each, by what it takes: framed bytes, or frames.
        self._raw: dict[Subscription, Callable[[bytes], object]] = {}
        self._others: dict[Subscription, Callable[[Frame], None]] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter([*self.apart, *self._together])

    def __len__(self) -> int:
        return len(self.apart) + len(self._raw) + len(self._others)

    def __contains__(self, reader: object) -> bool:
        return reader in self.apart or reader in self._raw or reader in self._others

    @property
    def _together(self) -> list[Subscription]:
        return [*self._raw, *self._others]

    def discard(self, reader: Subscription) -> None:
        """Forgets a reader. Safe to call twice."""
        reader.step_aside()
        self.apart.discard(reader)
        self.blocked.discard(reader)

    def gather(self, reader: Subscription) -> None:
        """Takes a reader that stands apart, but where those together stand, to them; any other one stays apart.

        One that joined since the last tick is further on than they are: it waits until they have been sent what lies
        between.
        """
        if reader not in self.apart or not (self._is_empty or reader.at is self._at):
            return
        room = reader.acked + reader.share
        self._limit = room if self._is_empty else min(self._limit, room)
        self._at = reader.at
        self.apart.discard(reader)
        sink = reader.connection.sink
        if sink.write_raw is not None:
            self._raw[reader] = sink.write_raw
        else:
            self._others[reader] = sink.write
        reader.together = self

    def part(self, reader: Subscription) -> Mark | None:
        """Puts a reader apart that stood together with others; returns where."""
        reader.connection.wrote(self.written)
        self._raw.pop(reader, None)
        self._others.pop(reader, None)
        self.apart.add(reader)
        return self._at

    @property
    def at(self) -> Mark | None:
        """Where those together stand; None when there are none."""
        return None if self._is_empty else self._at

    @property
    def _is_empty(self) -> bool:
        return not self._raw and not self._others

    def advance(self, now: float) -> Iterator[tuple[Frame, int]]:
        """Moves those together to the log's end. Gives each frame, and to how many it was written."""
        while (at := self.at) is not None and at is not self._log.end:
            if at.total >= self._limit:
                self._look_for_room()
                continue
            frame = self._log.frame(at, self._log.stream)
            self._at, self.written = frame.end, now
            # Copies: a write that fills a connection puts it apart.
            raw, others = list(self._raw.items()), list(self._others.items())
            framed = frame.framed
            # One way that fails must not keep the frame from those behind it: they are all said to have been sent it.
            failed: list[tuple[Subscription, Exception]] = []
            for reader, write_raw in raw:
                try:
                    write_raw(framed)
                except Exception as error:  # noqa: BLE001  (a server's own; the connection ends with it)
                    failed.append((reader, error))
            for reader, write in others:
                try:
                    write(frame)
                except Exception as error:  # noqa: BLE001  (as above)
                    failed.append((reader, error))
            for reader, why in failed:
                reader.connection.broke(why)
            yield frame, len(raw) + len(others) - len(failed)

    def _look_for_room(self) -> None:
        """Puts those apart that have not acknowledged enough to go on with the others."""
        for reader in self._together:
            if not reader.is_free:
                reader.step_aside()
        self._limit = min((reader.acked + reader.share for reader in self._together), default=0)

    def settle(self) -> None:
        """Tells each connection when it was sent something last."""
        for reader in self._together:
            reader.connection.wrote(self.written)
