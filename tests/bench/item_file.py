"""The product's import of a file, alone and as fast as it goes. Prints how many seconds it took, and its last words.

python -m tests.bench.item_file FILE
"""

from __future__ import annotations

import csv
import io
import json
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

COLUMNS = ("sku", "name", "description", "price", "tax", "link")


def write_file(file: Path, rows: int) -> None:
    """A file such as a shop would have it."""
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for number in range(rows):
            price = Decimal(number % 50_000) / 100 + 1
            writer.writerow([
                f"SKU-{number:06}", f"Tent {number}", "Three seasons, 2.1 kg. " * (1 + number % 4) + "Two colours.",
                f"{price:.2f}", f"{price / 5:.2f}", f"https://example.com/tents/{number}",
            ])  # fmt: skip


def product(file: Path) -> str:
    """As `manage.py importitems`; returns what it says."""
    from django.core.management import call_command

    said = io.StringIO()
    call_command("importitems", str(file), report=file.with_suffix(".failed.csv"), stdout=said, stderr=io.StringIO())
    return said.getvalue()


def timed(side: Callable[[Path], str]) -> None:
    """Has it import the file of the command line, once Django is set up, and prints how that went."""
    import django

    django.setup()
    began = time.perf_counter()
    said = side(Path(sys.argv[1]))
    print(json.dumps({"seconds": time.perf_counter() - began, "said": said}))


if __name__ == "__main__":
    timed(product)
