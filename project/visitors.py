"""Who a session belongs to, remembered for a moment: a page, what it fetches and the next page ask the database once.

Only the user and their rights, and only for requests that change nothing. The session itself is never remembered: what
is written into it is read again.
"""

from __future__ import annotations

import copy
import time
from typing import Any

REMEMBERED_S = 1.0  # from the look on; what is taken away counts within two seconds everywhere
MOST = 2_000  # sessions; some 3 KiB each


class Visitors:
    """Session key -> user, with the rights that were looked up. From any thread: each step is one of a dict's own."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Any]] = {}

    def now(self) -> float:
        """The time of a look that begins now, for `remember`."""
        return time.monotonic()

    def recall(self, key: str) -> Any:
        """A user of the caller's own, or None when nobody looked within REMEMBERED_S."""
        looked, user = self._known.get(key, (0.0, None))
        if user is None or self.now() - looked >= REMEMBERED_S:
            return None
        return copy.copy(user)

    def remember(self, key: str, user: Any, looked: float) -> None:
        """Keeps a copy of the user. looked: when the look at the database began."""
        if len(self._known) >= MOST:
            self._known.clear()  # once in MOST looks; whoever was forgotten is looked up
        self._known[key] = looked, copy.copy(user)

    def forget(self, key: str) -> None:
        """The next request looks."""
        self._known.pop(key, None)
