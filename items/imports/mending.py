"""The rows of an import that failed: kept so far as people will mend them, tried again one by one, without the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from items.imports.rows import storable
from items.models.import_job import FailedRow, ImportJob
from items.services import upserts
from items.services.refusals import Refused
from items.values import texts

if TYPE_CHECKING:
    from items.imports.running import Failure
    from items.services.changes import ItemFields

KEPT = 100  # rows of one import: 2.4 MB at most. Who has more failures mends the file


class NotThere(Refused):
    """The failed row was mended or left out before."""

    def __init__(self) -> None:
        super().__init__("This row is not there any more; it was mended or left out already.")


class NotNow(Refused):
    """Rows of this import cannot be mended: it runs, has not run, or was a dry run."""

    def __init__(self) -> None:
        super().__init__("Rows can be mended when the import is over and was no dry run.")


class Keeper:
    """Keeps the first failures of a run."""

    def __init__(self, job: ImportJob) -> None:
        self._job = job
        self._kept = 0
        self._new: list[FailedRow] = []

    def take(self, failure: Failure) -> None:
        """Keeps one failure, while there are fewer than KEPT of this run."""
        if self._kept < KEPT:
            self._kept += 1
            self._new.append(
                FailedRow(
                    job=self._job,
                    line=failure.line,
                    reasons=[[storable(column), storable(reason)] for column, reason in failure.reasons],
                    texts={name: storable(text)[: texts.DESCRIPTION_LENGTH] for name, text in failure.texts.items()},
                    source=storable(failure.source),
                )
            )

    def write(self) -> None:
        """Writes those that were taken since the last time."""
        FailedRow.objects.bulk_create(self._new)
        self._new.clear()


def mendable(job: ImportJob) -> bool:
    """Whether failed rows of the import can be tried again: it is over, and was no dry run."""
    return job.now not in {ImportJob.State.RUNNING, ImportJob.State.READY} and not job.dry_run


@transaction.atomic
def mend(job_id: int, row_id: int, fields: ItemFields) -> upserts.Outcome:
    """Tries the row again with these fields; it then counts as what came of it, and is no failure any more.

    Raises NotNow, NotThere, ValidationError by field, and what `upsert_items` refuses or raises.
    """
    job, row = _locked(job_id, row_id)
    (result,) = upserts.upsert_items(owner=job.owner, rows=[fields])
    if not isinstance(result, upserts.Outcome):
        raise result
    _count(job, row, result.value)
    return result


@transaction.atomic
def leave_out(job_id: int, row_id: int) -> None:
    """The row counts as skipped. Raises NotNow and NotThere."""
    job, row = _locked(job_id, row_id)
    job.why_skipped = job.why_skipped | {"left out by you": job.why_skipped.get("left out by you", 0) + 1}
    _count(job, row, "skipped")


def _locked(job_id: int, row_id: int) -> tuple[ImportJob, FailedRow]:
    job = ImportJob.objects.select_for_update(of=("self",)).select_related("owner").get(pk=job_id)
    if not mendable(job):
        raise NotNow
    row = FailedRow.objects.filter(job=job, pk=row_id).first()
    if row is None:
        raise NotThere
    return job, row


def _count(job: ImportJob, row: FailedRow, outcome: str) -> None:
    row.delete()
    job.failed -= 1
    setattr(job, outcome, getattr(job, outcome) + 1)
    job.save(update_fields=["failed", outcome, "why_skipped"])
