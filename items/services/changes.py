"""What every change of items is made of: fields put on and checked, the next version, its history and its event.

For the services only (items/services/items.py, upserts.py), which check rights, lock, and open the transaction. Many
items are written with as few statements as one: an import lives from that.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from django.core.exceptions import ValidationError
from django.utils import timezone

from items.events import ItemEvent, ItemEventType, item_changed
from items.models import Item, ItemVersion
from items.services.refusals import NotAllowed
from items.services.rights import may_change_all
from items.values import money, texts

if TYPE_CHECKING:
    from decimal import Decimal

    from django.contrib.auth.models import User

SETTABLE_FIELDS = ("sku", "name", "description", "price", "tax", "link", "owner")
WRITTEN = (*(name for name in SETTABLE_FIELDS if name != "owner"), "owner_id", "version", "updated_at", "deleted_at")

Changes = dict[str, list[object]]
"""field -> [before, after], as the API shows the field."""


class ItemFields(TypedDict, total=False):
    """What callers may set. Money may be given in every form that `money.amount` knows."""

    sku: str
    name: str
    description: str
    price: Decimal | int | float | str
    tax: Decimal | int | float | str | None
    link: str
    owner: User | None


def drafted(actor: User | None, fields: ItemFields, submission: uuid.UUID | None = None) -> Item:
    """A new item, checked, not written. Raises ValidationError and NotAllowed."""
    now = timezone.now()
    item = Item(submission=submission, owner=actor, created_at=now, updated_at=now)
    _set(item, fields, actor)
    return item


def changed(item: Item, actor: User | None, fields: ItemFields) -> Changes:
    """Puts the fields on a locked item and returns what that changed. Writes nothing.

    Raises ValidationError and NotAllowed.
    """
    before = _state(item)
    _set(item, fields, actor)
    after = _state(item)
    return {field: [before[field], after[field]] for field in SETTABLE_FIELDS if before[field] != after[field]}


def add(items: Sequence[Item], actor: User | None) -> None:
    """Writes drafted items, inside the transaction that is open; their events are in their order.

    Raises IntegrityError.
    """
    if not items:
        return
    if len(items) == 1:
        items[0].save(force_insert=True)
    else:
        # In the order of the SKUs: of two who add the same ones at the same time, one waits for the other at the first
        # of them, instead of each for the other.
        Item.objects.bulk_create(sorted(items, key=lambda item: item.sku))
    _tell("item.created", items, actor, [{}] * len(items))


def save(event: ItemEventType, items: Sequence[Item], actor: User | None, changes: Sequence[Changes]) -> None:
    """Writes locked items as their next versions, inside the transaction that is open. Raises IntegrityError.

    changes: of each item, in the same order.
    """
    if not items:
        return
    now = timezone.now()
    for item in items:
        item.version += 1
        if event != "item.deleted":  # which leaves the item in its last state
            item.updated_at = now
    if len(items) == 1:
        items[0].save(force_update=True)
    else:
        # They are there and locked, so each row meets its own id and is updated: one statement for all of them.
        Item.with_deleted.bulk_create(items, update_conflicts=True, unique_fields=["id"], update_fields=WRITTEN)
    _tell(event, items, actor, changes)


def _set(item: Item, fields: ItemFields, actor: User | None) -> None:
    """Puts the fields on the item, normalised and validated. Raises ValidationError by field, or NotAllowed."""
    errors: dict[str, list[str]] = {}
    for field, value in fields.items():
        if field not in SETTABLE_FIELDS:
            raise TypeError(f"An item has no field {field} that could be set.")
        if field == "owner" and value != item.owner and not may_change_all(actor):
            raise NotAllowed("Only who may change everybody's items may give one to somebody else.")
        if field in {"price", "tax"} and value is not None:
            try:
                value = money.amount(value)  # noqa: PLW2901
            except ValueError as error:
                errors[field] = [str(error)]
                continue
        elif isinstance(value, str):
            value = texts.sku(value) if field == "sku" else value.strip()  # noqa: PLW2901
        setattr(item, field, value)
    try:
        item.clean_fields(exclude={"owner", *errors})  # a foreign key would be looked up, and the database checks it
    except ValidationError as error:
        errors.update({field: list(messages) for field, messages in error.message_dict.items()})
    if errors:
        raise ValidationError(errors)


def _state(item: Item) -> dict[str, object]:
    shown = item.as_object()
    return {field: shown[field] for field in SETTABLE_FIELDS}


def _tell(event: ItemEventType, items: Sequence[Item], actor: User | None, changes: Sequence[Changes]) -> None:
    """Writes the step into the history of each item and sends their events, inside the transaction of the change."""
    who = None if actor is None else actor.get_username()
    ItemVersion.objects.bulk_create(
        ItemVersion(
            item=item, version=item.version, type=event, actor=who or "", at=item.deleted_at or item.updated_at,
            changes=change,
        )
        for item, change in zip(items, changes, strict=True)
    )  # fmt: skip
    events = [
        ItemEvent(type=event, item_id=item.pk, version=item.version, payload=item.as_object() | {"actor": who})
        for item in items
    ]
    item_changed.send(sender=Item, events=events)
