"""What every change of items is made of: fields put on and checked, the next version, its history and its event.

For the services only (items/services/items.py, upserts.py), which check rights, lock, and open the transaction. Many
items are written with as few statements as one: an import lives from that.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, TypedDict

from django.core.exceptions import ValidationError
from django.utils import timezone

from items.events import ItemEvent, ItemEventType, item_changed
from items.models import Item
from items.models.item import AMOUNTS, FIELDS
from items.services import statements
from items.services.refusals import NotAllowed
from items.services.rights import may_change_all
from items.services.statements import Changes, Standing, Step
from items.values import money, texts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SETTABLE_FIELDS = (*FIELDS, "owner")
_settable = attrgetter(*SETTABLE_FIELDS)
_EMPTY = [field.get_default() for field in Item._meta.concrete_fields]  # Django asks each field for each item


class ItemFields(TypedDict, total=False):
    """What callers may set. Money may be given in every form that `money.amount` knows."""

    sku: str
    name: str
    description: str
    price: Decimal | int | float | str
    tax: Decimal | int | float | str | None
    link: str
    owner: User | None


def drafted(
    actor: User | None, fields: ItemFields, submission: uuid.UUID | None = None, now: datetime | None = None
) -> Item:
    """A new item, checked, not written. Raises ValidationError and NotAllowed. now: of many that are made together."""
    now = now or timezone.now()
    item = Item(*_EMPTY)
    item.__dict__.update(submission=submission, created_at=now, updated_at=now)
    item.owner = actor
    _set(item, fields, actor)
    return item


def changed(item: Item, actor: User | None, fields: ItemFields) -> Changes:
    """Puts the fields on a locked item and returns what that changed. Writes nothing.

    Raises ValidationError and NotAllowed.
    """
    before = _settable(item)
    _set(item, fields, actor)
    after = _settable(item)
    if before == after:
        return {}
    pairs = zip(SETTABLE_FIELDS, before, after, strict=True)
    return {field: [_shown(old), _shown(new)] for field, old, new in pairs if old != new}


def is_said(fields: ItemFields, item: Standing) -> bool:
    """Whether an item says all of this already. Checks nothing else."""
    try:
        for name, value in fields.items():
            said = getattr(item, name)
            if value != said and _normal(name, value) != said:
                return False
        return True
    except (AttributeError, ValueError):
        return False


def add(items: Sequence[Item], actor: User | None) -> list[Step | None]:
    """Writes drafted items, inside the transaction that is open; their events are in their order.

    Returns the step of each; None, and nothing was written of it, when an item has its SKU or its submission already.
    """
    if not items:
        return []
    steps = [first_step(item, actor) for item in items]
    written = write_new(steps)
    return [step if added else None for step, added in zip(steps, written, strict=True)]


def save(event: ItemEventType, items: Sequence[Item], actor: User | None, changes: Sequence[Changes]) -> None:
    """Writes locked items as their next versions, inside the transaction that is open. Raises IntegrityError.

    changes: of each item, in the same order.
    """
    if items:
        write([next_step(event, item, actor, change) for item, change in zip(items, changes, strict=True)])


def first_step(item: Item, actor: User | None) -> Step:
    """The creation of a drafted item."""
    return Step(item, "item.created", None if actor is None else actor.get_username())


def next_step(event: ItemEventType, item: Item, actor: User | None, changes: Changes) -> Step:
    """Makes the item its next version, which `write` writes."""
    item.version += 1
    if event != "item.deleted":  # which leaves the item in its last state
        item.updated_at = timezone.now()
    who = None if actor is None else actor.get_username()
    return Step(item, event, who, changes, item.version, item.as_object())


def write_new(steps: Sequence[Step]) -> list[bool]:
    """Writes new items with their first steps and events. Returns for each whether it was added (see `add`)."""
    written = statements.insert(steps)
    added = [step for step, is_added in zip(steps, written, strict=True) if is_added]
    for step in added:
        step.shown = step.item.as_object()
    _tell(added)
    return written


def write(steps: Sequence[Step]) -> None:
    """Writes the next steps of locked items, those of one item in their order, and sends their events.

    Raises IntegrityError.
    """
    statements.update(steps)
    _tell(steps)


def _set(item: Item, fields: ItemFields, actor: User | None) -> None:
    """Puts the fields on the item, normalised and validated. Raises ValidationError by field, or NotAllowed."""
    errors: dict[str, list[str]] = {}
    for field, value in fields.items():
        if field not in SETTABLE_FIELDS:
            raise TypeError(f"An item has no field {field} that could be set.")
        if field == "owner" and value != item.owner and not may_change_all(actor):
            raise NotAllowed("Only who may change everybody's items may give one to somebody else.")
        try:
            setattr(item, field, _normal(field, value))
        except ValueError as error:
            errors[field] = [str(error)]
    if not errors and _is_fine(item):
        return
    try:
        item.clean_fields(exclude={"owner", *errors})  # a foreign key would be looked up, and the database checks it
    except ValidationError as error:
        errors.update({field: list(messages) for field, messages in error.message_dict.items()})
    if errors:
        raise ValidationError(errors)


def _normal(field: str, value: object) -> object:
    """The value as it is kept. Raises ValueError for an amount that is none."""
    if isinstance(value, str) and field not in AMOUNTS:
        return texts.sku(value) if field == "sku" else value.strip()
    return value if value is None or field not in AMOUNTS else money.amount(value)


def _is_fine(item: Item) -> bool:
    """Whether nothing is wrong, seen quickly: what `clean_fields` does takes ten times as long, and says what is."""
    return (
        type(item.price) is Decimal
        and (item.tax is None or type(item.tax) is Decimal)
        and texts.is_name(item.name)
        and texts.is_description(item.description)
        and texts.is_link(item.link)
        and texts.is_sku(item.sku)
    )


def _shown(value: object) -> object:
    """As the API shows it."""
    if isinstance(value, Decimal):
        return money.written(value)
    return value if value is None or isinstance(value, str) else str(value)


def _tell(steps: Sequence[Step]) -> None:
    """Sends the events of the steps, inside the transaction of the change."""
    events = [
        ItemEvent(
            type=step.type, item_id=step.item.pk, version=step.version, payload=step.shown | {"actor": step.actor}
        )
        for step in steps
    ]
    if events:
        item_changed.send(sender=Item, events=events)
