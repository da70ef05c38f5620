"""The way to one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from streams.wire.frames import Frame

BACKLOG_BYTES = 64 * 1024  # in the server's own buffer for one connection; above, readers of it wait


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

    def backlog(self) -> int:
        """The bytes that were written and have not left this process yet."""

    def write(self, frame: Frame) -> None:
        """Takes a frame. Never waits; what does not leave at once counts as backlog. Nothing happens once the client
        has gone."""

    def close(self, code: int) -> None:
        """Closes with this code once what was written before has left, or at once when the backlog does not move."""
