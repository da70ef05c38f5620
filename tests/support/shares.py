"""Which of several workers gets which tests, so that little is started twice and nobody is waited for in the end
(docs/decisions/0036)."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import NamedTuple


class Unit(NamedTuple):
    """What one worker gets as a whole. tests: their numbers in the session. starts: what they start that stays in the
    worker, as services do. takes: s, about. name: what they have in common."""

    tests: list[int]
    starts: frozenset[str]
    takes: float
    name: str


class Shares:
    """What is left, and what each worker has started. costs: of starting each thing that stays, in s."""

    def __init__(self, units: Iterable[Unit], costs: dict[str, int]) -> None:
        self._costs = costs
        self._left: defaultdict[frozenset[str], deque[Unit]] = defaultdict(deque)
        self._started: dict[str, set[str]] = {}
        for unit in sorted(units, key=lambda unit: -unit.takes):
            self._left[unit.starts].append(unit)

    def __bool__(self) -> bool:
        return any(self._left.values())

    def join(self, worker: str) -> None:
        self._started[worker] = set()

    def leave(self, worker: str) -> None:
        del self._started[worker]

    def put_back(self, unit: Unit) -> None:
        self._left[unit.starts].appendleft(unit)

    def next_for(self, worker: str) -> Unit:
        """What it does next; there has to be something left. Of what it may do, first that for which it has started
        most, and of that the longest: what began last would be waited for."""

        def place(kind: frozenset[str]) -> tuple[bool, int, float]:
            new = kind - self._started[worker]
            is_for_others = not self._may(kind, worker)
            return (
                is_for_others,
                self._cost(new) if is_for_others else -self._cost(kind - new),
                -self._left[kind][0].takes,
            )

        unit = self._left[min((kind for kind, left in self._left.items() if left), key=place)].popleft()
        self._started[worker] |= unit.starts
        return unit

    def _may(self, kind: frozenset[str], worker: str) -> bool:
        """Whether nobody could do it for less, or those who could have too much to do: then this one helps at once, as
        it would have to in the end, when others wait for it."""
        new = kind - self._started[worker]
        least = min(self._cost(kind - started) for started in self._started.values())
        return self._cost(new) == least or all(self._is_late(name) for name in new)

    def _is_late(self, name: str) -> bool:
        """Whether those who have started it would be busy with it for longer than all with everything."""
        have = sum(name in started for started in self._started.values())
        needed = sum(unit.takes for kind, left in self._left.items() if name in kind for unit in left)
        everything = sum(unit.takes for left in self._left.values() for unit in left)
        return needed > have * (everything / len(self._started) + self._costs[name])

    def _cost(self, names: frozenset[str]) -> int:
        return sum(self._costs[name] for name in names)
