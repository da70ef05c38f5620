"""The end of deleted items: how long they can be restored, and their removal for good, which frees their SKUs.

Part of the services (items/services/items.py), which are the only ones to call it besides `purgeitems`.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from items.models import Item

UNDO = timedelta(days=30)  # how long a deleted item can be restored; then it is gone for good
PURGE_STEP = 500  # items removed for good in one transaction
PURGE_BESIDE = 20  # … beside a deletion, so that they go without `purgeitems` too


def gone_before() -> datetime:
    """What was deleted before this time cannot be restored, and does not keep its SKU."""
    return timezone.now() - UNDO


def purge_deleted() -> int:
    """Removes for good, with their history, the items whose time to be restored is over. Returns how many.

    No event: `item.deleted` told it. In steps of PURGE_STEP, each a transaction.
    """
    total = 0
    while removed := purge_some(PURGE_STEP):
        total += removed
    return total


@transaction.atomic
def purge_some(most: int, among: Q | None = None) -> int:
    """Removes at most so many items that are gone, with `among` only of those that it lets through. Returns how many.

    Rows that somebody else has locked are left to them: they are being removed just now.
    """
    past = Item.with_deleted.filter(deleted_at__lt=gone_before())
    if among is not None:
        past = past.filter(among)
    ids = list(past.select_for_update(skip_locked=True).values_list("pk", flat=True)[:most])
    if ids:
        Item.with_deleted.filter(pk__in=ids).delete()
    return len(ids)


def free_skus(skus: set[str]) -> bool:
    """Frees these SKUs of items that are gone for good but not removed yet. Returns whether there was one."""
    wanted = skus - {""}
    return bool(wanted) and purge_some(len(wanted), Q(sku__in=wanted)) > 0


def free_submissions(submissions: set[uuid.UUID]) -> None:
    """Frees these of items that are gone for good but not removed yet: what made them may make one again."""
    if submissions:
        purge_some(len(submissions), Q(submission__in=submissions))
