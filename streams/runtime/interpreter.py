"""Python told how a server lives: what is there at the start stays, what a record leaves behind is freed by its
reference count, and threads that ask the database wait for the event loop no longer than they must."""

from __future__ import annotations

import gc
import sys

# New objects between two looks at the youngest. Python's 700 mean a look every hundred records, which took a third of
# the fan-out's time; with 50,000 it still took a tenth. So many are looked at in five milliseconds at most.
YOUNG = 100_000
# For how long a busy thread keeps the others waiting. With Python's 5 ms the relay's thread waited so long after each
# answer of the database, beside a fan-out that takes half a core.
SWITCH_S = 0.0005


def settle() -> None:
    """Called once, when a process has loaded everything and before it serves: from here on little is looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
    sys.setswitchinterval(SWITCH_S)
