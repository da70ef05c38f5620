"""What the address of the list of items says, and the addresses it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

from items.listing import filters, queries
from items.listing.filters import Asked, Filters
from items.values.digits import whole_number

# What the list can be sorted by: the column's head, its field, and whether the largest come first at the first click.
COLUMNS = (("Name", "name", False), ("Price", "price", False), ("Updated", "updated_at", True))


@dataclass(frozen=True, slots=True)
class ListState:
    """What the address of the list says; whatever cannot be understood falls back to the beginning."""

    asked: Asked
    ordering: str
    page: int

    @classmethod
    def of(cls, request: HttpRequest) -> ListState:
        """What the request's query says: filters, one of `queries.ORDERINGS`, and a page from 1."""
        ordering = request.GET.get("ordering", "")
        page = request.GET.get("page", "")
        return cls(
            filters.read(request.GET),
            ordering if ordering in queries.ORDERINGS else queries.NEWEST_FIRST,
            whole_number(page, 7) or 1,
        )

    @property
    def filters(self) -> Filters:
        """What the list is narrowed down to; a value that could not be understood narrows nothing."""
        return self.asked.filters

    @property
    def narrowed(self) -> bool:
        """Whether anything but the words of the search narrows the list, or was meant to."""
        return any(text for name, text in self.asked.typed.items() if name != "search")

    def address(self, *, ordering: str | None = None, page: int = 1) -> str:
        """The query of the same list, sorted otherwise or on another page; defaults are left out."""
        ordering = ordering or self.ordering
        parts = self.filters.query() | {
            "ordering": "" if ordering == queries.NEWEST_FIRST else ordering,
            "page": "" if page == 1 else str(page),
        }
        return "?" + urlencode({name: value for name, value in parts.items() if value})

    def export_address(self, format_: str) -> str:
        """The query that exports this list, all pages of it."""
        return self.address() + ("&" if self.address() != "?" else "") + urlencode({"format": format_})

    def exports(self) -> list[tuple[str, str]]:
        """Label and query of each format that this list can be exported in."""
        return [("CSV", self.export_address("csv")), ("NDJSON", self.export_address("ndjson"))]

    def columns(self) -> list[dict[str, str]]:
        """The sortable heads: where a click leads, and how the list is sorted now (`aria-sort`)."""
        heads = []
        for label, field, largest_first in COLUMNS:
            up, down = field, f"-{field}"
            now = {up: "ascending", down: "descending"}.get(self.ordering, "")
            first = down if largest_first else up
            following = {"ascending": down, "descending": up}.get(now, first)
            heads.append({"label": label, "field": field, "sort": now, "address": self.address(ordering=following)})
        return heads
