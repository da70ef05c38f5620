"""Checking the links of items, and keeping what was found. Never touches the items themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from items.links.addresses import leads_inside
from items.links.checking import LinkResult, check_links
from items.links.transport import DEFAULT_LIMITS, Limits
from items.models import Item
from items.models.link_check import ERROR_LENGTH, LinkCheck
from items.values import texts

BATCH = 500  # links fetched together and kept in one transaction
KEPT = ("url", "status", "took_ms", "redirected_to", "error", "checked_at")


async def check(
    links: Iterable[str],
    limits: Limits = DEFAULT_LIMITS,
    on_result: Callable[[LinkResult], None] | None = None,
) -> dict[str, LinkResult]:
    """`links.check_links` with this installation's answer to whether links may lead inside."""
    closed = _nothing if settings.LINK_CHECK_PRIVATE else leads_inside
    return await check_links(links, inside=closed, limits=limits, on_result=on_result)


async def check_within(links: Iterable[str], seconds: float) -> dict[str, LinkResult]:
    """The same, for somebody who waits: what is not there in time is left out."""
    results: dict[str, LinkResult] = {}

    def note(result: LinkResult) -> None:
        results[result.url] = result

    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await check(links, on_result=note)
    return results


def _nothing(address: str) -> bool:
    return False


def keep(links: Mapping[int, str], results: Mapping[str, LinkResult]) -> int:
    """Keeps the results: `links` is item id -> the link that was fetched for it. Returns how many were kept.

    An item that is gone meanwhile is left out; a link without a result, too.
    """
    now = timezone.now()
    with transaction.atomic():
        # Locked, in the order of the ids, so that none of them goes away before its row is there.
        there = Item.with_deleted.select_for_update(no_key=True).filter(pk__in=links).order_by("pk")
        rows = [
            _row(item_id, results[links[item_id]], now)
            for item_id in there.values_list("pk", flat=True)
            if links[item_id] in results
        ]
        LinkCheck.objects.bulk_create(rows, update_conflicts=True, unique_fields=["item"], update_fields=KEPT)
    return len(rows)


def _row(item_id: int, result: LinkResult, now: datetime) -> LinkCheck:
    return LinkCheck(
        item_id=item_id,
        url=result.url,
        status=result.status,
        took_ms=round(result.took * 1000),
        redirected_to=result.redirected_to[: texts.LINK_LENGTH],
        error=result.error[:ERROR_LENGTH],
        checked_at=now,
    )


def batches(checked_before: datetime | None = None) -> Iterator[dict[int, str]]:
    """The links of all items, item id -> link, in batches by id: constant memory however many there are.

    checked_before: only links that were never checked, were another address then, or were checked before this time.
    """
    last = 0
    while True:
        found = to_check(checked_before).filter(pk__gt=last).order_by("pk")[:BATCH]
        batch = dict(found.values_list("pk", "link"))
        if not batch:
            return
        yield batch
        last = max(batch)


def to_check(checked_before: datetime | None = None) -> QuerySet[Item]:
    """The items with a link, as `batches` chooses them."""
    items = Item.objects.exclude(link="")
    if checked_before is not None:
        fresh = LinkCheck.objects.filter(checked_at__gte=checked_before, url=F("item__link"))
        items = items.exclude(pk__in=fresh.values("pk"))
    return items
