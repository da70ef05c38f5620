"""The same items, read and written with nothing else: no check, no history, no event. Prints as item_file.py does.

python -m tests.bench.peers.bulk_create FILE
"""

from __future__ import annotations

import csv
import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.bench.item_file import timed

BATCH = 1_000  # items in one transaction


def bulk(file: Path) -> str:
    """Writes the file's items; returns how many."""
    from django.db import transaction

    from items.models import Item

    made = 0
    with file.open(newline="", encoding="utf-8") as text:
        rows = csv.DictReader(text)
        while batch := [Item(**_fields(row)) for row in itertools.islice(rows, BATCH)]:
            with transaction.atomic():
                made += len(Item.objects.bulk_create(batch))
    return f"{made} created"


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "price": Decimal(row["price"]), "tax": Decimal(row["tax"])}


if __name__ == "__main__":
    timed(bulk)
