"""`manage.py pruneoutbox`: drops published messages past their retention; the relay does it too, now and then."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from streams.outbox import messages


class Command(BaseCommand):
    help = "Drops published messages of the outbox that are past their retention (7 days)."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Dropped {messages.prune()} published messages.")
