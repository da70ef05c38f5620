"""The only writers of items. Each service is one transaction that checks the right, keeps the versions without holes
and sends the item event inside it; whoever calls it from async code does so with one `sync_to_async`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from items.models import Item
from items.services import changes
from items.services.changes import ItemFields
from items.services.purging import PURGE_BESIDE, free_skus, gone_before, purge_some
from items.services.refusals import (
    AlreadySubmitted,
    ItemNotFound,
    NotAllowed,
    RowRefused,
    SkuTaken,
    VersionConflict,
)
from items.services.rights import MAY_NOT_ADD, may_add, may_change, may_delete

if TYPE_CHECKING:
    from django.contrib.auth.models import User


DISOWN_STEP = 500  # items written together
TRIES = 3  # to add an item whose SKU becomes free in this very moment


def create_item(*, actor: User | None, submission: uuid.UUID | None = None, **fields: Unpack[ItemFields]) -> Item:
    """Adds an item; its owner is the actor unless somebody who may change all items, or the system, names another one.

    Raises ValidationError (fields), SkuTaken, NotAllowed, and AlreadySubmitted when `submission` made an item before.
    """
    if not may_add(actor):
        raise NotAllowed(MAY_NOT_ADD)
    item = changes.drafted(actor, fields, submission)
    for _ in range(TRIES):
        with transaction.atomic():
            if changes.add([item], actor)[0] is not None:
                return item
        made_before = Item.with_deleted.filter(submission=submission).first() if submission else None
        if made_before is not None:
            raise AlreadySubmitted(made_before)
        if not free_skus({item.sku}) and Item.with_deleted.filter(sku=item.sku).exists():
            raise SkuTaken(item.sku)
    raise SkuTaken(item.sku)


@transaction.atomic
def create_items(*, actor: User | None, rows: Sequence[ItemFields]) -> list[Item]:
    """Adds all the items, in their order, or none.

    Raises NotAllowed, and RowRefused, which names the first row that cannot be added.
    """
    if not may_add(actor):
        raise NotAllowed(MAY_NOT_ADD)
    items = [_made(row, fields, actor) for row, fields in enumerate(rows)]
    free_skus({item.sku for item in items})
    seen: set[str] = set()
    taken = set(Item.with_deleted.filter(sku__in={item.sku for item in items} - {""}).values_list("sku", flat=True))
    for row, item in enumerate(items):
        if item.sku in seen:
            raise RowRefused(row, ValidationError({"sku": ["An earlier row has the same SKU."]}))
        if item.sku in taken:
            raise RowRefused(row, SkuTaken(item.sku))
        seen.update({item.sku} - {""})
    for row, step in enumerate(changes.add(items, actor)):
        if step is None:  # somebody was quicker, after the look at the SKUs
            raise RowRefused(row, SkuTaken(items[row].sku))
    return items


def _made(row: int, fields: ItemFields, actor: User | None) -> Item:
    try:
        return changes.drafted(actor, fields)
    except (NotAllowed, ValidationError) as error:
        raise RowRefused(row, error) from error


def update_item(
    item_id: int, *, actor: User | None, expected_version: int | None = None, **fields: Unpack[ItemFields]
) -> Item:
    """Changes the given fields and returns the item; when they change nothing, neither version nor event is made.

    Raises ItemNotFound, NotAllowed, VersionConflict, SkuTaken and ValidationError.
    """
    try:
        with transaction.atomic():
            item = _locked(item_id, actor, expected_version)
            if made := changes.changed(item, actor, fields):
                changes.save("item.updated", [item], actor, [made])
    except IntegrityError as error:
        if free_skus({item.sku}):
            return update_item(item_id, actor=actor, expected_version=expected_version, **fields)
        raise _explained(error, item) from error
    return item


@transaction.atomic
def delete_item(item_id: int, *, actor: User | None, expected_version: int | None = None) -> Item:
    """Deletes the item for everybody; for UNDO `restore_item` brings it back. Raises as `update_item` does."""
    item = _locked(item_id, actor, expected_version, may=may_delete)
    item.deleted_at = timezone.now()
    changes.save("item.deleted", [item], actor, [{}])
    purge_some(PURGE_BESIDE)
    return item


@transaction.atomic
def restore_item(item_id: int, *, actor: User | None) -> Item:
    """Brings a deleted item back as a new version; a live one stays as it is.

    Raises NotAllowed, and ItemNotFound, also when the time to restore it is over, and for a deleted item to those who
    may not restore it: that it was ever there is not told.
    """
    item = _locked(item_id, actor, None, deleted=True)
    if item.deleted_at is not None:
        if item.deleted_at < gone_before():
            raise ItemNotFound
        item.deleted_at = None
        changes.save("item.restored", [item], actor, [{}])
    return item


@transaction.atomic
def disown_items(owner: User) -> int:
    """Leaves the items of an account that is being deleted to nobody: each is a new version with its event. Returns how
    many.

    Of deleted items nothing is told; without an owner only who may change all items restores them.
    """
    disowned = 0
    while True:
        locked = Item.objects.select_for_update(of=("self",)).filter(owner=owner).order_by("pk")
        items = list(locked[:DISOWN_STEP])
        made = [changes.changed(item, None, {"owner": None}) for item in items]
        changes.save("item.updated", items, None, made)
        disowned += len(items)
        if len(items) < DISOWN_STEP:
            return disowned


def _locked(
    item_id: int,
    actor: User | None,
    expected_version: int | None,
    *,
    deleted: bool = False,
    may: Callable[[User | None, Item], bool] = may_change,
) -> Item:
    """The item, locked until the transaction ends: its writers queue up, so versions and event order have no holes.

    SQLite has no row locks; there every transaction takes the write lock at its start (transaction_mode IMMEDIATE).
    """
    manager = Item.with_deleted if deleted else Item.objects
    item = manager.select_for_update(of=("self",)).select_related("owner").filter(pk=item_id).first()
    if item is None:
        raise ItemNotFound
    if not may(actor, item):
        raise NotAllowed if item.deleted_at is None else ItemNotFound
    if expected_version is not None and item.version != expected_version:
        raise VersionConflict(item)
    return item


def _explained(error: IntegrityError, item: Item) -> Exception:
    """The database's refusal as ours: PostgreSQL names the constraint, SQLite the column."""
    if "item_sku_unique" in str(error) or "items_item.sku" in str(error):
        return SkuTaken(item.sku)
    return error
