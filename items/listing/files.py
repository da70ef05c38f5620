"""Exporting a list of items as CSV or NDJSON, in pieces: memory stays the same at a million items, and no database
connection is held while a slow client downloads.

The pieces are joined by the order's keys, not by numbers of rows, so items that change meanwhile neither repeat nor
hide others; each item is as it was when its piece was read.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from django.db import connection

from items.listing import queries
from items.listing.filters import Filters
from items.models import Item
from items.services.patience import until_answered
from items.services.turns import read_piece
from items.values.cells import neutral

AWAY_S = 60.0  # as long as an export of a topic waits for Kafka
PIECE = 500  # items read and written at a time; at most 20,000 characters each
COLUMNS = (
    "id", "version", "sku", "name", "description", "price", "tax", "link", "owner", "created_at", "updated_at",
)  # fmt: skip
CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}


@dataclass(slots=True)
class Export:
    """One export under way. person: the primary key of who asked. last: the last item of the newest piece."""

    person: object
    filters: Filters
    ordering: str
    format: str
    last: Item | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file in pieces of some hundred rows each, UTF-8, in the order of the list. Holds no connection between
        two of them, and waits for a database that goes away meanwhile."""
        if self.format == "csv":
            yield ",".join(COLUMNS).encode() + b"\r\n"
        while piece := await self._piece():
            yield piece

    async def _piece(self) -> bytes:
        """The next one; while the database is away it is waited for, AWAY_S at most. Nothing was taken of it then."""
        return await until_answered(lambda: read_piece(self.person, self.next_piece), AWAY_S)

    def next_piece(self) -> bytes:
        """The next items as bytes, read and written in a thread; b"" at the end. Gives its connection back."""
        try:
            items = list(queries.after(queries.find(self.filters, self.ordering), self.ordering, self.last)[:PIECE])
        finally:
            if not connection.in_atomic_block:  # only tests run this inside one
                connection.close()
        if not items:
            return b""
        self.last = items[-1]
        objects = [item.as_object() for item in items]
        return (as_csv(objects) if self.format == "csv" else _ndjson(objects)).encode()


def _ndjson(objects: list[dict[str, object]]) -> str:
    return "".join(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n" for values in objects)


def as_csv(objects: list[dict[str, object]]) -> str:
    """Rows without their head, which is COLUMNS."""
    text = io.StringIO()
    writer = csv.writer(text)
    for values in objects:
        writer.writerow(["" if values[name] is None else neutral(str(values[name])) for name in COLUMNS])
    return text.getvalue()
