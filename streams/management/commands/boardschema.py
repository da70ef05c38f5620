"""`manage.py boardschema`: the JSON Schema of a board, which docs/board.schema.json holds."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from streams.boards.definition import json_schema


class Command(BaseCommand):
    """Prints the schema."""

    help = "Prints the JSON Schema of a board, as it is exported and imported."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(json_schema(), indent=1, ensure_ascii=False))
