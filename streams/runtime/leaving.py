"""Whether this process is about to end. A server waits for the answers that are under way, and cuts off without a word
what takes longer than its patience: so they are to come to an end by themselves (streams/processes/web.py)."""

from __future__ import annotations

import time

_since: float | None = None


def begin() -> None:
    """The process is about to end. Again does nothing."""
    global _since
    if _since is None:
        _since = time.monotonic()


def stay() -> None:
    """It begins, or begins again."""
    global _since
    _since = None


def seconds() -> float | None:
    """For how long it has been about to end; None when it is not."""
    return None if _since is None else time.monotonic() - _since
