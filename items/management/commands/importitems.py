"""`manage.py importitems FILE`: imports items from CSV or NDJSON; exit code 1 when a row failed."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from items.imports import mapping as import_mapping
from items.imports import recognising, running
from items.imports import saved as import_saved
from items.imports.recognising import Survey
from items.imports.rows import Unreadable
from items.imports.running import Failure, Progress
from items.services import patience
from items.services.refusals import Refused

SHOWN = 10  # failures on the terminal; all are in the report
TOLD = 30  # columns on the terminal that are not used


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
            help=f"which column holds a field ({', '.join(import_mapping.FIELDS)}); an empty COLUMN: none of them;"
            " what is not named is as the owner chose it for the same columns before, else guessed",
        )
        parser.add_argument(
            "--guess", action="store_true", help="leave out of account what the owner chose for the same columns before"
        )
        parser.add_argument("--owner", metavar="USERNAME", help="whose items these are; without it nobody's")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come of it")
        parser.add_argument(
            "--report", type=Path, help="where the rows that failed are written; default: FILE.failed.csv here"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            survey = recognising.survey(path)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
        except Unreadable as error:
            raise CommandError(f"{path} cannot be imported. {error}") from error
        owner = _owner(options["owner"])
        saved = None if options["guess"] else import_saved.usable(owner, survey)
        mapping = _mapping(options["map"], survey, None if saved is None else saved.mapping)
        report: Path = options["report"] or Path(f"{path.name}.failed.csv")
        self._tell(survey, mapping)
        if saved is not None:
            self.stderr.write(
                f"The columns are as {options['owner']} chose them for a file with the same ones on"
                f" {saved.used_at:%Y-%m-%d %H:%M} UTC; --guess leaves that out of account."
            )
        progress = self._import(path, survey, mapping, owner, report=report, dry_run=options["dry_run"])
        counts = ", ".join(f"{progress.counts[name]} {name}" for name in running.COUNTS)
        self.stdout.write(f"{'Dry run, nothing was written: ' if options['dry_run'] else ''}{counts}")
        for reason, rows in progress.skipped.most_common():
            self.stderr.write(f"{rows} skipped: {reason}")
        if progress.counts["failed"]:
            raise CommandError(f"{progress.counts['failed']} rows failed; see {report}", returncode=1)

    def _tell(self, survey: Survey, mapping: dict[str, str]) -> None:
        """What the file was recognised as, and what will happen to each column."""
        name, notes = import_mapping.known_as(survey.shape.columns)
        self.stderr.write(f"{survey.shape.words}{f', {name}. {notes}' if name else ''}".rstrip())
        if survey.shape.left_out:
            self.stderr.write(survey.shape.left_out)
        fates = import_mapping.fates(survey, mapping)
        for fate in fates:
            if fate.used_as:
                self.stderr.write(f"{fate.used_as} = {fate.column} ({fate.why})")
        unused = [fate for fate in fates if not fate.used_as and not (name and name in fate.why)]
        for fate in unused[:TOLD]:
            self.stderr.write(f"not used: {fate.column} ({fate.why})")
        if len(unused) > TOLD:
            self.stderr.write(f"not used: {len(unused) - TOLD} more columns")

    def _import(
        self,
        path: Path,
        survey: Survey,
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

        def waits(away: bool) -> None:
            self.stderr.write(
                f"The database does not answer; the import waits for it, {patience.AWAY_S / 60:.0f} minutes at most."
                if away
                else "The database answers again, and the import goes on."
            )

        with running.report_file(report) as write:

            def failed(failure: Failure) -> None:
                nonlocal shown
                write(failure)
                shown += 1
                if shown <= SHOWN:
                    for column, reason in failure.reasons:
                        self.stderr.write(f"line {failure.line}{f', {column}' if column else ''}: {reason}")

            try:
                progress = running.run(
                    path, survey, mapping, owner, dry_run=dry_run, on_failure=failed, on_chunk=tell, on_wait=waits
                )
            except Refused as error:
                raise CommandError(str(error)) from error
            except patience.AWAY as error:
                raise CommandError(
                    f"The database fails: {_first_line(error)}. What was written until then stays; the same file again"
                    " goes on from there."
                ) from error
        if terminal:
            sys.stderr.write("\n")
        return progress


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def _mapping(wanted: list[str], survey: Survey, chosen: dict[str, str] | None) -> dict[str, str]:
    """chosen: what the owner chose for the same columns before."""
    mapping = import_mapping.guess(survey) if chosen is None else dict(chosen)
    named = [pair.partition("=")[0] for pair in wanted]
    for pair in wanted:
        name, equals, column = pair.partition("=")
        if not equals:
            raise CommandError(f"Write --map FIELD=COLUMN, not {pair!r}.")
        if column:
            mapping[name] = column
        else:
            mapping.pop(name, None)
    problem = import_mapping.problem_of(mapping, survey)
    if problem:
        raise CommandError(f"{problem} The columns are: {', '.join(survey.shape.columns)}.")
    unclear = "" if chosen else import_mapping.unclear_of(mapping | dict.fromkeys(named, ""), survey)
    if unclear:
        raise CommandError(
            f"Several columns may be the {unclear}. Say which one with --map {unclear}=COLUMN, or --map {unclear}= for"
            f" none. The columns are: {', '.join(survey.shape.columns)}."
        )
    return mapping


def _owner(username: str | None) -> Any:
    if username is None:
        return None
    users = get_user_model()
    user = users.objects.filter(**{users.USERNAME_FIELD: username}).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return user
