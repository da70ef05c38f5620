"""`manage.py importitems FILE`: imports items from CSV or NDJSON; exit code 1 when a row failed."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from items.imports import recognising, rows, running
from items.imports.mapping import FIELDS, guess, problem_of
from items.imports.running import Failure, Progress
from items.services.refusals import Refused

SHOWN = 10  # failures on the terminal; all are in the report


class Command(BaseCommand):
    help = (
        "Imports items from a CSV or NDJSON file. A row whose SKU is known changes that item; running the same file"
        " again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help=f"which column holds a field ({', '.join(FIELDS)}); an empty COLUMN: none of them;"
            " what is not named is guessed",
        )
        parser.add_argument("--owner", metavar="USERNAME", help="whose items these are; without it nobody's")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come of it")
        parser.add_argument(
            "--report", type=Path, help="where the rows that failed are written; default: FILE.failed.csv here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            shape = recognising.recognise(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except rows.Unreadable as error:
            raise CommandError(f"{path} cannot be imported. {error}") from error
        mapping = _mapping(options["map"], shape.columns)
        owner = _owner(options["owner"])
        report: Path = options["report"] or Path(f"{path.name}.failed.csv")
        self.stderr.write(f"{shape.words}; " + ", ".join(f"{name} = {column}" for name, column in mapping.items()))
        progress = self._import(path, shape, mapping, owner, report=report, dry_run=options["dry_run"])
        counts = ", ".join(f"{progress.counts[name]} {name}" for name in running.COUNTS)
        self.stdout.write(f"{'Dry run, nothing was written: ' if options['dry_run'] else ''}{counts}")
        if progress.counts["failed"]:
            raise CommandError(f"{progress.counts['failed']} rows failed; see {report}", returncode=1)

    def _import(
        self,
        path: Path,
        shape: rows.Shape,
        mapping: dict[str, str],
        owner: Any,
        *,
        report: Path,
        dry_run: bool,
    ) -> Progress:
        shown = 0
        terminal = sys.stderr.isatty()
        size = max(path.stat().st_size, 1)

        def tell(progress: Progress) -> bool:
            if terminal:
                done = min(100, progress.position * 100 // size)
                sys.stderr.write(f"\r{done:3} %  {progress.counts['rows']} rows, {progress.counts['failed']} failed ")
                sys.stderr.flush()
            return True

        with running.report_file(report) as write:

            def failed(failure: Failure) -> None:
                nonlocal shown
                write(failure)
                shown += 1
                if shown <= SHOWN:
                    place = f"line {failure.line}" + (f", {failure.column}" if failure.column else "")
                    self.stderr.write(f"{place}: {failure.reason}")

            try:
                progress = running.run(path, shape, mapping, owner, dry_run=dry_run, on_failure=failed, on_chunk=tell)
            except Refused as error:
                raise CommandError(str(error)) from error
        if terminal:
            sys.stderr.write("\n")
        return progress


def _mapping(wanted: list[str], columns: tuple[str, ...]) -> dict[str, str]:
    mapping = guess(columns)
    for pair in wanted:
        name, equals, column = pair.partition("=")
        if not equals:
            raise CommandError(f"Write --map FIELD=COLUMN, not {pair!r}.")
        if column:
            mapping[name] = column
        else:
            mapping.pop(name, None)
    problem = problem_of(mapping, columns)
    if problem:
        raise CommandError(f"{problem} The columns are: {', '.join(name for name in columns if name)}.")
    return mapping


def _owner(username: str | None) -> Any:
    if username is None:
        return None
    users = get_user_model()
    user = users.objects.filter(**{users.USERNAME_FIELD: username}).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return user
