"""`manage.py runimport ID`: the process of an import that was started on the web page. Not for people."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from items.imports import jobs
from items.models.import_job import ImportJob


class Command(BaseCommand):
    help = "Runs an import that was started on the page /items/import/; the web process calls it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        parent = os.getppid()
        jobs.run(ImportJob.objects.select_related("owner").get(pk=options["job"]), parent)
