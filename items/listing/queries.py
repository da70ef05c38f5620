"""Reading lists of items: search, order and pages. Never writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar, get_args

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet, Subquery

from items import services
from items.listing.filters import NO_FILTERS, Filters
from items.models import Item, ItemVersion
from items.values import texts

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LARGEST_PAGE = 500  # items
LARGEST_OFFSET = 1_000_000_000  # items; keeps the number inside what every database takes
COUNTED_ON_PAGES = 10_000  # items; a page says "more than" beyond, and need not count a million
FEW = 5_000  # items; more than these are found soon enough by walking through the order
HISTORY_PAGE = 50  # versions
DELETED_PAGE = 100  # items
SINCE = 500  # versions that somebody's edit may have missed; with more, what differs is asked about
LAST_ID = 2**63 - 1  # of a row; where Django looks for several, SQLite's driver refuses larger ones

Ordering = Literal[
    "id", "-id", "name", "-name", "price", "-price", "created_at", "-created_at", "updated_at", "-updated_at"
]  # fmt: skip
ORDERINGS: tuple[str, ...] = get_args(Ordering)
NEWEST_FIRST: Ordering = "-created_at"


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of the items found, and how many there are in all; `more`: there are more than were counted."""

    items: list[T]
    count: int
    more: bool = False


class Line(NamedTuple):
    """What a line of a table says of an item. owner: the username, None for nobody's."""

    pk: int
    version: int
    name: str
    price: Decimal
    updated_at: datetime
    sku: str
    owner: str | None


LINE = ("pk", "version", "name", "price", "updated_at", "sku", "owner__username")


def find(filters: Filters = NO_FILTERS, ordering: str = NEWEST_FIRST) -> QuerySet[Item]:
    """The items that the filters let through. `ordering` is one of ORDERINGS."""
    found = Item.objects.select_related("owner")
    for word in filters.search.split():
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(sku__icontains=word))
    if filters.owner:
        # As a number, not as a join: so that the index of owners gives the order too.
        users = get_user_model().objects.filter(username=filters.owner)
        found = found.filter(owner_id=Subquery(users.values("pk")[:1]))
    if filters.price_min is not None:
        found = found.filter(price__gte=filters.price_min)
    if filters.price_max is not None:
        found = found.filter(price__lte=filters.price_max)
    if filters.changed_since is not None:
        found = found.filter(updated_at__gte=filters.changed_since)
    return found.order_by(*_order(ordering))


def _order(ordering: str) -> tuple[str, ...]:
    if ordering.endswith("id"):
        return (ordering,)
    return ordering, "-id" if ordering.startswith("-") else "id"


def after(found: QuerySet[Item], ordering: str, last: Item | None) -> QuerySet[Item]:
    """What comes behind the item `last` in this order; None: from the beginning."""
    if last is None:
        return found
    name, compare = ordering.removeprefix("-"), "lt" if ordering.startswith("-") else "gt"
    if name == "id":
        return found.filter(**{f"id__{compare}": last.pk})
    value = getattr(last, name)
    # The first condition says nothing new, but it is the one that an index can begin at.
    return found.filter(**{f"{name}__{compare}e": value}).filter(
        Q(**{f"{name}__{compare}": value}) | Q(**{name: value, f"id__{compare}": last.pk})
    )


def page(filters: Filters, ordering: str, limit: int, offset: int, *, count_to: int | None = None) -> Page[Item]:
    """One page of what was found; an offset behind the end gives no items. `count_to`: where counting may end."""
    found, count, more = _part(filters, ordering, limit, offset, count_to)
    return Page([] if found is None else list(found.select_related("owner")), count, more)


def lines(filters: Filters, ordering: str, limit: int, offset: int, *, count_to: int | None = None) -> Page[Line]:
    """The same as lines of a table: fifty items with owners, a hundred models, are half of what a list takes."""
    found, count, more = _part(filters, ordering, limit, offset, count_to)
    return Page([] if found is None else [Line(*values) for values in found.values_list(*LINE)], count, more)


def _part(
    filters: Filters, ordering: str, limit: int, offset: int, count_to: int | None
) -> tuple[QuerySet[Item] | None, int, bool]:
    """The items of one page, None when it has none; how many there are in all, and whether there are more than that."""
    found = find(filters, ordering)
    few = _few(found) if filters else None
    if few is not None:
        found, counted = Item.objects.filter(pk__in=few).order_by(*_order(ordering)), len(few)
    else:
        # Without the order: counting would follow its index, past everything that the filters do not let through.
        unordered = found.order_by()
        counted = (unordered if count_to is None else unordered[: count_to + 1]).count()
    count = counted if count_to is None else min(counted, count_to)
    if offset >= count:
        return None, count, counted > count
    # Which rows, by the index alone; then only these are read whole.
    ids = found.values("pk")[offset : offset + limit]
    return Item.objects.filter(pk__in=ids).order_by(*_order(ordering)), count, counted > count


def _few(found: QuerySet[Item]) -> list[int] | None:
    """The ids of all that was found when these are not more than FEW, else None.

    Asked without an order, so that the database begins at the filters. Together with one it may walk through the order
    until a page is full, which is good when much is found, and reads a million items when nothing is (11 s).
    """
    ids = list(found.order_by().values_list("pk", flat=True)[: FEW + 1])
    return ids if len(ids) <= FEW else None


def item(item_id: int) -> Item | None:
    """The item with its owner, or None."""
    return Item.objects.select_related("owner").filter(pk=item_id).first()


def item_with_check(item_id: int) -> Item | None:
    """The item with its owner and what the last check of its link found, or None."""
    return Item.objects.select_related("owner", "link_check").filter(pk=item_id).first()


def items(item_ids: Iterable[int]) -> dict[int, Item]:
    """number -> item with its owner, of those that are there; in one query. No number is too large to ask for."""
    possible = [item_id for item_id in item_ids if item_id <= LAST_ID]
    return {item.pk: item for item in Item.objects.select_related("owner").filter(pk__in=possible)}


def versions(item_id: int, before: int | None = None) -> list[ItemVersion]:
    """The newest steps in the life of an item, newest first; with `before` those with a smaller version."""
    found = ItemVersion.objects.filter(item_id=item_id)
    if before is not None:
        found = found.filter(version__lt=before)
    return list(found.order_by("-version")[:HISTORY_PAGE])


def last_step(item_id: int) -> ItemVersion | None:
    """The newest step in the life of an item, or None where none was written down."""
    return ItemVersion.objects.filter(item_id=item_id).order_by("-version").first()


def versions_since(item_id: int, version: int) -> list[ItemVersion]:
    """The steps in the life of an item behind this version, the oldest first; SINCE of them at most."""
    return list(ItemVersion.objects.filter(item_id=item_id, version__gt=version).order_by("version")[:SINCE])


def is_sku_taken(sku: str, item_id: int | None = None) -> bool:
    """Whether another item than this one has the SKU; a deleted one has it for as long as it can be restored."""
    wanted = texts.sku(sku)
    holders = Item.with_deleted.filter(sku=wanted).exclude(deleted_at__lt=services.gone_before())
    if item_id is not None:
        holders = holders.exclude(pk=item_id)
    return bool(wanted) and holders.exists()


def deleted(user: User) -> list[Item]:
    """What this person can restore, the last deleted first: their own items, or everybody's for who may change them."""
    found = Item.with_deleted.select_related("owner").filter(deleted_at__gte=services.gone_before())
    if not services.may_change_all(user):
        found = found.filter(owner=user)
    return list(found.order_by("-deleted_at", "-pk")[:DELETED_PAGE])


def restorable(item_id: int) -> Item | None:
    """The deleted item that can be restored still, or None."""
    found = Item.with_deleted.select_related("owner").filter(pk=item_id, deleted_at__gte=services.gone_before())
    return found.first()


def deletion(item_id: int) -> ItemVersion | None:
    """Who deleted the item last, and when."""
    return ItemVersion.objects.filter(item_id=item_id, type="item.deleted").order_by("-version").first()
