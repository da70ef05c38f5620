"""Writing many rows of an import: one chunk is one transaction, and every row gets its own outcome.

A service as those in items/services/items.py, which is its door: it checks rights, keeps versions without holes and
sends the events.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence, Set
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from items.models import Item
from items.models.item import REQUIRED
from items.services import changes, statements
from items.services.changes import ItemFields
from items.services.purging import free_skus, free_submissions, gone_before
from items.services.refusals import NotAllowed, Refused
from items.services.rights import MAY_NOT_ADD, may_add
from items.services.statements import Changes
from items.values import texts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Rows without a SKU are known by what they say: the same row does not make a second item.
ROWS = uuid.UUID("6f0d8f5c-5b1e-4c1e-9d7e-3f0c7f1c8a52")


class Outcome(StrEnum):
    """What came of a row that was not refused."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


Result = Outcome | Refused | ValidationError


class OfSomebodyElse(Refused):
    """The row's SKU belongs to an item that the owner of the import may not change."""

    def __init__(self, sku: str) -> None:
        super().__init__(f"The SKU {sku} belongs to an item of somebody else.")


class WasDeleted(Refused):
    """The row's item was deleted and can still be restored."""

    def __init__(self) -> None:
        super().__init__("This item was deleted. Restore it first, or wait until it is gone for good.")


@transaction.atomic
def upsert_items(*, owner: User | None, rows: Sequence[ItemFields], dry_run: bool = False) -> list[Result]:
    """Adds each row, or changes the item that has its SKU; what a row does not name stays as it is.

    Returns what came of each row: an Outcome, or why it was refused; refused rows write nothing. No SKU may be there
    twice. dry_run: only says what would come of it. Raises NotAllowed when the owner may not add items, and
    IntegrityError when somebody was quicker with a SKU (nothing is written then; try again).
    """
    if not may_add(owner):
        raise NotAllowed(MAY_NOT_ADD)
    of_rows = [sku_of(row) for row in rows]
    now = timezone.now()
    submissions = [None if sku else _submission(owner, row) for sku, row in zip(of_rows, rows, strict=True)]
    made_before = _made_before([key for key in submissions if key])
    of_sku = {sku: row for sku, row in zip(of_rows, rows, strict=True) if sku}
    unchanged, known, gone = _found(owner, of_sku)
    free_skus(gone)
    new: list[Item] = []
    updated: dict[int, tuple[Item, Changes]] = {}
    results: list[Result] = []
    for row, sku, submission in zip(rows, of_rows, submissions, strict=True):
        try:
            if submission in made_before:
                results.append(WasDeleted() if made_before[submission] else Outcome.UNCHANGED)
            elif sku in unchanged:
                results.append(Outcome.UNCHANGED)
            elif sku not in known:
                new.append(_drafted(owner, row, submission, now))
                if submission is not None:
                    made_before[submission] = None
                results.append(Outcome.CREATED)
            else:
                before = known[sku]
                made = _changed(before, owner, row)
                if made:
                    updated[before.pk] = before, made
                results.append(Outcome.UPDATED if made else Outcome.UNCHANGED)
        except (Refused, ValidationError) as refusal:
            results.append(refusal)
    if not dry_run:
        if None in changes.add(new, owner):
            raise IntegrityError("Somebody added an item with one of the SKUs meanwhile.")
        in_order = [updated[item_id] for item_id in sorted(updated)]
        changes.save("item.updated", [item for item, _ in in_order], owner, [made for _, made in in_order])
    return results


def sku_of(row: ItemFields) -> str:
    """The SKU by which the item of a row is known; "" for none, and for a text that cannot be one: no database takes
    half of a character, so nothing is looked up for it, and the service refuses the row."""
    sku = texts.sku(str(row.get("sku", "")))
    return sku if texts.is_sku(sku) else ""


def _drafted(owner: User | None, row: ItemFields, submission: uuid.UUID | None, now: datetime) -> Item:
    """Raises ValidationError, also when the row leaves out what only an item that is there may leave out."""
    missing = [name for name in REQUIRED if name not in row]
    if missing:
        raise ValidationError({name: ["This is required for a new item."] for name in missing})
    return changes.drafted(owner, row, submission, now)


def _found(owner: User | None, of_sku: dict[str, ItemFields]) -> tuple[set[str], dict[str, Item], set[str]]:
    """The SKUs of items that say all of their rows already; the other items that have one of the SKUs; and the SKUs of
    items that are gone for good.

    The other items are locked, in the order of their ids, as every writer of several does. Of the first nothing is
    written, so that they may change in the next moment as well as in the one after it: they wait for nobody, and nobody
    for them. A file that comes again is nearly all of that kind: no item is made of those.
    """
    mine = owner.pk if owner else None
    unchanged: set[str] = set()
    gone: set[str] = set()
    others: list[int] = []
    for item in statements.standing(of_sku, gone_before()):
        if item.owner_id == mine and not item.is_deleted and changes.is_said(of_sku[item.sku], item):
            unchanged.add(item.sku)
        elif item.is_gone:
            gone.add(item.sku)
        else:
            others.append(item.pk)
    return unchanged, _locked(others, of_sku.keys()) if others else {}, gone


def _locked(ids: list[int], skus: Set[str]) -> dict[str, Item]:
    """SKU -> item, of those that still have one of the SKUs now that nobody else changes them."""
    items = Item.with_deleted.select_for_update(of=("self",)).select_related("owner").filter(pk__in=ids).order_by("pk")
    return {item.sku: item for item in items if item.sku in skus}


def _made_before(submissions: list[uuid.UUID]) -> dict[uuid.UUID | None, datetime | None]:
    """submission -> when its item was deleted, of those that made one which is not gone for good."""
    if not submissions:
        return {}
    found = Item.with_deleted.filter(submission__in=submissions).values_list("submission", "deleted_at")
    made, past = {key: deleted_at for key, deleted_at in found if key}, gone_before()
    gone = {key for key, deleted_at in made.items() if deleted_at is not None and deleted_at < past}
    free_submissions(gone)
    return {key: deleted_at for key, deleted_at in made.items() if key not in gone}


def _submission(owner: User | None, row: ItemFields) -> uuid.UUID:
    said = "\x00".join(f"{name}={row[name]}" for name in sorted(row))  # type: ignore[literal-required]
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
    return uuid.uuid5(ROWS, f"{owner.pk if owner else ''}:{digest}")


def _changed(item: Item, owner: User | None, row: ItemFields) -> Changes:
    """What the row changes in its item. Raises OfSomebodyElse, WasDeleted and ValidationError."""
    if item.owner_id != (owner.pk if owner else None):
        raise OfSomebodyElse(item.sku)
    if item.deleted_at is not None:
        raise WasDeleted
    return changes.changed(item, owner, row)


__all__ = ["OfSomebodyElse", "Outcome", "Result", "WasDeleted", "sku_of", "upsert_items"]
