"""`manage.py checklinks`: fetches the links of all items concurrently and keeps what came of each."""

from __future__ import annotations

import asyncio
import time
from argparse import ArgumentParser
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from items.links import results
from items.links.checking import LinkResult
from items.links.transport import DEFAULT_LIMITS
from items.models.link_check import verdict

PROGRESS_S = 0.1  # between two lines of progress


class Command(BaseCommand):
    help = "Fetches the links of all items concurrently and keeps what came of each. Broken links are no failure."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=float, metavar="HOURS", help="leave out links checked since then")
        parser.add_argument(
            "--at-once", type=int, default=DEFAULT_LIMITS.overall, help="requests under way (default 50)"
        )
        parser.add_argument(
            "--per-host", type=int, default=DEFAULT_LIMITS.per_host, help="of them to one host (default 4)"
        )

    def handle(self, *_: Any, older_than: float | None, at_once: int, per_host: int, **__: Any) -> None:
        if at_once < 1 or per_host < 1 or (older_than is not None and not 0 <= older_than <= 1_000_000):
            raise CommandError("Give --at-once and --per-host from 1, and --older-than as hours from 0.")
        limits = replace(DEFAULT_LIMITS, overall=at_once, per_host=per_host)
        before = None if older_than is None else timezone.now() - timedelta(hours=older_than)
        self.progress = self.stderr.isatty()
        self.total = results.to_check(before).count() if self.progress else 0
        self.verdicts, self.told = Counter[str](), 0.0
        for links in results.batches(before):
            self.items_with = Counter(links.values())
            try:
                found = asyncio.run(results.check(links.values(), limits, self._note))
            except KeyboardInterrupt:
                raise CommandError("Stopped. What the batches before found is kept.", returncode=130) from None
            results.keep(links, found)
        if self.progress:
            self.stderr.write("", str)
        self.stdout.write(f"{self.verdicts.total():,} links checked: {self._words()}.")

    def _note(self, result: LinkResult) -> None:
        self.verdicts[verdict(result.status, result.error)] += self.items_with[result.url]
        if self.progress and time.monotonic() - self.told >= PROGRESS_S:
            self.told = time.monotonic()
            self.stderr.write(f"\r{self.verdicts.total():,} of {self.total:,}: {self._words()}   ", str, ending="")
            self.stderr.flush()

    def _words(self) -> str:
        return ", ".join(f"{self.verdicts[word]:,} {word}" for word in ("works", "broken", "failed"))
