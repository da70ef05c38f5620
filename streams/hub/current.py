"""The live side of this process, for whoever asks it: its hub, its history, the state of its link.

Who runs it (`streams/processes/web.py`) puts it here, so that the rooms that ask need not know who does.
"""

from __future__ import annotations

from typing import Protocol

from streams.hub.hub import Hub, Link
from streams.hub.rights_watch import RightsWatch
from streams.kafka.history import History


class Live(Protocol):
    """hub: what sockets read from. rights: who may what, looked at anew. history: what is read back from Kafka."""

    hub: Hub
    rights: RightsWatch
    history: History

    def is_connecting(self) -> bool:
        """Whether it is too early to say anything of Kafka."""


_current: Live | None = None


def put(live: Live | None) -> None:
    """Makes `live` the live side of this process; None says that it has none."""
    global _current
    _current = live


def current() -> Live:
    """This process's live side. Raises RuntimeError before it was started."""
    if _current is None:
        raise RuntimeError("The live side of this process has not been started.")
    return _current


def link() -> Link:
    """The state of this process's link to Kafka. Raises RuntimeError as `current` does."""
    return current().hub.link
