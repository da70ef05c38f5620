"""Two people edited one item at the same time: what each of them changed, field by field, and what that becomes. What
only one of them changed is kept; what both changed is for the person who saves last to choose. Saves nothing.

Why so: docs/decisions/0025.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from items.models.item import FIELDS
from items.services.changes import ItemFields
from items.values import money, texts

if TYPE_CHECKING:
    from items.models import Item, ItemVersion

SAVES_TOLD = 5  # the newest of those that were made meanwhile


@dataclass(frozen=True, slots=True)
class Theirs:
    """A field that somebody else changed: before, now, and by whom. Texts as a form shows them; before is None when it
    is not known."""

    name: str
    before: str | None
    now: str
    who: str


@dataclass(frozen=True, slots=True)
class Save:
    """One time that somebody else saved: who ("" is the system), and when."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Merge:
    """What becomes of two edits. saves: the newest SAVES_TOLD of those in between, the last one first; times: how many
    there were. taken: only they changed it. both: both changed it, differently. yours: names that only the person
    changed."""

    saves: Sequence[Save]
    times: int
    taken: Sequence[Theirs]
    both: Sequence[Theirs]
    yours: Sequence[str]

    @property
    def is_over(self) -> bool:
        """Whether what is saved now says already what was typed."""
        return not self.both and not self.yours


def merge(steps: Sequence[ItemVersion], seen: int, current: Item, typed: ItemFields) -> Merge:
    """Brings together what was typed over version `seen` and what others saved since.

    steps: the item's history behind `seen`, the oldest first; where some of it is missing, a field that differs counts
    as changed by both. current: the item as it is now. typed: the whole form, cleaned.
    """
    firsts, last_by = _changed(steps)
    is_whole = len(steps) == current.version - seen
    mine, theirs = _texts(typed), _texts({name: getattr(current, name) for name in FIELDS})  # type: ignore[arg-type]
    taken, both, yours = [], [], []
    for name in FIELDS:
        before = firsts.get(name, theirs[name] if is_whole else None)
        change = Theirs(name, before, theirs[name], last_by.get(name, ""))
        if mine[name] == theirs[name]:
            continue
        if before == theirs[name]:
            yours.append(name)
        elif before == mine[name]:
            taken.append(change)
        else:
            both.append(change)
    # That it was deleted and restored in between is not what is to be brought together.
    told = [step for step in steps if step.changes] or steps
    saves = [Save(step.actor, step.at) for step in reversed(told[-SAVES_TOLD:])]
    return Merge(saves, current.version - seen - (len(steps) - len(told)), taken, both, yours)


def changes(steps: Sequence[ItemVersion], current: Item) -> list[Theirs]:
    """What has changed in these steps, the oldest first, up to the item as it is now."""
    firsts, last_by = _changed(steps)
    now = _texts({name: getattr(current, name) for name in FIELDS})  # type: ignore[arg-type]
    return [
        Theirs(name, firsts[name], now[name], last_by[name])
        for name in FIELDS
        if name in firsts and firsts[name] != now[name]
    ]


def _changed(steps: Iterable[ItemVersion]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Of each field that was changed: what it was at first, and who changed it last."""
    firsts: dict[str, str] = {}
    last_by: dict[str, str] = {}
    for step in steps:
        for name, (before, _) in step.changes.items():
            firsts.setdefault(name, "" if before is None else str(before))
            last_by[name] = step.actor
    return firsts, last_by


def _texts(fields: ItemFields) -> dict[str, str]:
    """The fields as the services keep them and a form shows them."""
    found = {}
    for name in FIELDS:
        value = fields.get(name)
        if value is None:
            found[name] = ""
        elif name in {"price", "tax"}:
            found[name] = money.written(money.amount(value))
        else:
            found[name] = texts.sku(str(value)) if name == "sku" else str(value).strip()
    return found
