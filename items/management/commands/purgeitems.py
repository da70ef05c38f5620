"""`manage.py purgeitems`: removes for good what was deleted more than 30 days ago."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from items import services


class Command(BaseCommand):
    help = (
        "Removes items for good, with their history, that were deleted more than 30 days ago; their SKUs are free then."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        count = services.purge_deleted()
        self.stdout.write(f"{count} {'item' if count == 1 else 'items'} removed for good.")
