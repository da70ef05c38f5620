"""Python's garbage collector, told how a server lives: what is there at the start stays, and what a record leaves
behind is freed by its reference count."""

from __future__ import annotations

import gc

# New objects between two looks at the youngest. Python's 700 mean a look every hundred records, which took a third of
# the fan-out's time; so many are looked at in about a millisecond.
YOUNG = 50_000


def settle() -> None:
    """Called once, when a process has loaded everything and before it serves: from here on little is looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
