"""Writes of several people in one transaction, each with a result of its own.

What cannot be decided quickly and for itself (an item that somebody has locked, a SKU that is taken) is not waited for
and spoils nothing: it is handed back, to be written alone, by the services of items/services/items.py.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

from items.models import Item
from items.services import changes
from items.services.changes import ItemFields
from items.services.items import create_item, update_item
from items.services.refusals import NotAllowed, Refused, VersionConflict
from items.services.rights import MAY_NOT_ADD, may_add, may_change
from items.services.statements import Step
from items.values import texts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LOCKED_MS = 500  # that a statement for many waits for somebody's lock; each alone may wait longer
# What PostgreSQL says when one write stands in another's way: alone, each of them is written or refused for itself.
IN_THE_WAY = {"55P03", "40P01", "40001"}  # lock_not_available, deadlock_detected, serialization_failure


@dataclass(frozen=True, slots=True)
class Adding:
    """A new item, as `create_item` takes it."""

    actor: User | None
    fields: ItemFields
    submission: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Changing:
    """A change of an item, as `update_item` takes it."""

    item_id: int
    actor: User | None
    fields: ItemFields
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """An item as a write left it; others may have gone on with it in the same transaction. shown: its object."""

    pk: int
    version: int
    name: str
    shown: dict[str, object]

    def as_object(self) -> dict[str, object]:
        """The item as the API shows it."""
        return self.shown

    @classmethod
    def of(cls, item: Item) -> Saved:
        """The item as it is now."""
        return cls(item.pk, item.version, item.name, item.as_object())


class Alone(Exception):
    """This one was not written: it has to be written alone."""


Write = Adding | Changing
Result = Saved | Refused | ValidationError | Alone
_Place = tuple[int, Step]


def write(one: Write) -> Saved:
    """Writes it alone. Raises what `create_item` and `update_item` raise."""
    if isinstance(one, Adding):
        return Saved.of(create_item(actor=one.actor, submission=one.submission, **one.fields))
    return Saved.of(update_item(one.item_id, actor=one.actor, expected_version=one.expected_version, **one.fields))


def write_together(writes: Sequence[Write]) -> list[Result]:
    """Writes what can be written, inside the transaction that is open, in the order given. Returns what came of each.

    What it raises has to undo the transaction; `concerns_one` says whether to write each alone then.
    """
    _wait_shortly()
    results: list[Result] = [Alone()] * len(writes)
    _add([(n, one) for n, one in enumerate(writes) if isinstance(one, Adding)], results)
    _change([(n, one) for n, one in enumerate(writes) if isinstance(one, Changing)], results)
    return results


def concerns_one(error: Exception) -> bool:
    """Whether the error may come from one of the writes. Otherwise the database is away, or was told to stop."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return getattr(error.__cause__, "sqlstate", None) in IN_THE_WAY
    return True


def _wait_shortly() -> None:
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCKED_MS}")


def _add(writes: Sequence[tuple[int, Adding]], results: list[Result]) -> None:
    drafted: list[_Place] = []
    allowed: dict[int, bool] = {}  # of each person object: Django asks all its backends again each time
    for number, one in writes:
        try:
            is_allowed = allowed.get(id(one.actor))
            if is_allowed is None:
                is_allowed = allowed[id(one.actor)] = may_add(one.actor)
            if not is_allowed:
                raise NotAllowed(MAY_NOT_ADD)
            item = changes.drafted(one.actor, one.fields, one.submission)
            drafted.append((number, changes.first_step(item, one.actor)))
        except (Refused, ValidationError) as refusal:
            results[number] = refusal
    if not drafted:
        return
    written = changes.write_new([step for _, step in drafted])
    for (number, step), is_added in zip(drafted, written, strict=True):
        if is_added:
            results[number] = _saved(step)


def _change(writes: Sequence[tuple[int, Changing]], results: list[Result]) -> None:
    if not writes:
        return
    of_others = Item.objects.select_for_update(of=("self",), skip_locked=True).select_related("owner").order_by("pk")
    locked = {item.pk: item for item in of_others.filter(pk__in={one.item_id for _, one in writes})}
    steps: list[Step] = []
    for number, one in writes:
        item = locked.get(one.item_id)
        if item is None or texts.sku(str(one.fields.get("sku", item.sku))) != item.sku:
            continue  # nobody's, or somebody is at it; or a SKU that may be taken
        before = dict(item.__dict__)
        try:
            results[number] = _changed(item, one, steps)
        except (Refused, ValidationError) as refusal:
            item.__dict__.update(before)
            results[number] = refusal
    if steps:
        changes.write(steps)


def _changed(item: Item, one: Changing, steps: list[Step]) -> Saved:
    if not may_change(one.actor, item):
        raise NotAllowed
    if one.expected_version is not None and item.version != one.expected_version:
        raise VersionConflict(copy.copy(item))
    made = changes.changed(item, one.actor, one.fields)
    if not made:
        return Saved.of(item)
    steps.append(changes.next_step("item.updated", item, one.actor, made))
    return _saved(steps[-1])


def _saved(step: Step) -> Saved:
    return Saved(step.item.pk, step.version, step.item.name, step.shown)
