"""Turns: a few searches of a process at once, one of a person, fairly by turns; who waits knows their place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Literal

from streams import metrics

SEARCHES_AT_ONCE, EXPORTS_AT_ONCE = 4, 2  # in a process
WAITING_EACH, WAITING = 16, 64  # of one person, besides the one under way; in a process

Kind = Literal["search", "export"]


class TooManyWaiting(Exception):
    """As many wait as may; this one is not taken on."""


class Turn:
    """One that waits, or is under way. person: a primary key. number: which it is of all that came. since: when it came
    (monotonic)."""

    __slots__ = ("changed", "is_on", "number", "person", "place", "since")

    def __init__(self, person: object, number: int) -> None:
        self.person, self.number = person, number
        self.since = time.monotonic()
        self.is_on = False
        self.place = 0  # among those that wait, from 1
        self.changed = asyncio.Event()


class Turns:
    """The turns of one kind in a process, in its event loop."""

    def __init__(self, kind: Kind, at_once: int) -> None:
        self._kind, self._at_once = kind, at_once
        self._running: set[Turn] = set()
        self._waiting: list[Turn] = []
        self._count = 0
        self._served: dict[object, int] = {}  # of those who are here: when their last one began
        metrics.SEARCHES_RUNNING.labels(kind).set_function(lambda: len(self._running))
        metrics.SEARCHES_WAITING.labels(kind).set_function(lambda: len(self._waiting))

    def enter(self, person: object) -> Turn:
        """A new turn, which may be on at once. Whoever has it leaves. Raises TooManyWaiting."""
        if self.is_full(person):
            raise TooManyWaiting
        self._count += 1
        turn = Turn(person, self._count)
        self._waiting.append(turn)
        self._move()
        return turn

    def is_full(self, person: object) -> bool:
        """Whether as many wait as may, of this person or of all."""
        own = sum(turn.person == person for turn in self._waiting)
        return own >= WAITING_EACH or len(self._waiting) >= WAITING

    def leave(self, turn: Turn) -> None:
        """Ends a turn, or its wait. Once more does nothing."""
        self._running.discard(turn)
        if turn in self._waiting:
            self._waiting.remove(turn)
        self._move()
        here = {each.person for each in (*self._running, *self._waiting)}
        self._served = {person: when for person, when in self._served.items() if person in here}

    async def places(self, turn: Turn, every: float) -> AsyncIterator[int]:
        """The place of a turn, now, whenever it changes and at least each `every` seconds, until it is on."""
        while not turn.is_on:
            turn.changed.clear()
            yield turn.place
            try:
                async with asyncio.timeout(every):
                    await turn.changed.wait()
            except TimeoutError:
                continue

    def _order(self) -> list[Turn]:
        """Those that wait, as they will begin: each person's first, then each one's second, and so on; those come
        first whose last one is longest ago."""
        before = {turn.person: 1 for turn in self._running}
        keyed: list[tuple[int, int, int, Turn]] = []
        for turn in self._waiting:
            rounds = before.get(turn.person, 0)
            before[turn.person] = rounds + 1
            keyed.append((rounds, self._served.get(turn.person, 0), turn.number, turn))
        return [turn for *_, turn in sorted(keyed, key=lambda each: each[:3])]

    def _move(self) -> None:
        order = self._order()
        while len(self._running) < self._at_once and order:
            turn = order[0]
            if any(each.person == turn.person for each in self._running):
                break  # all that wait are of people who have one under way
            self._waiting.remove(turn)
            self._running.add(turn)
            self._count += 1
            self._served[turn.person] = self._count
            turn.is_on = True
            turn.changed.set()
            order = self._order()
        for place, turn in enumerate(order, 1):
            if turn.place != place:
                turn.place = place
                turn.changed.set()
