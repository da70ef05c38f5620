"""Pages of the admin's lists that open fast with a million rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator

COUNTED = 10_000  # pages lead so far; counting a million rows takes longer than reading a page of them


class BoundedPaginator(AnyPaginator):
    """Counts no further than COUNTED."""

    # Django's: Python's own has one lock for all paginators (before 3.12), and who waits for it keeps a connection.
    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows[:COUNTED].count() if isinstance(rows, QuerySet) else len(rows)
