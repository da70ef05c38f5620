"""A person has a few turns at something that all share, so that others find some of it free."""

from __future__ import annotations

import asyncio
import weakref


class Turns:
    """each: how many turns one person has at the same time."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._of: weakref.WeakValueDictionary[object, asyncio.Semaphore] = weakref.WeakValueDictionary()

    def of(self, person: object) -> asyncio.Semaphore:
        """The turns of this person, to be waited for with `async with`; forgotten when nobody has or wants one."""
        free = self._of.get(person)
        if free is None:
            free = self._of[person] = asyncio.Semaphore(self._each)
        return free

    def __len__(self) -> int:
        """How many persons have or want a turn."""
        return len(self._of)
