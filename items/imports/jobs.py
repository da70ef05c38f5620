"""Imports by web: keeping the uploaded file, starting its process, and saying truly how it stands. What one person and
all together may keep here is bounded."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import shutil
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count, Sum
from django.utils import timezone

from items.imports import mapping as import_mapping
from items.imports import mending, recognising, running
from items.imports import saved as import_saved
from items.imports.recognising import Survey
from items.imports.rows import Unreadable
from items.imports.running import COUNTS, Failure, Progress
from items.models.import_job import FailedRow, ImportJob
from items.services.patience import in_thread, patiently
from items.services.refusals import Refused

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)

LARGEST_FILE = 1_000_000_000  # bytes
KEPT = timedelta(days=7)  # files and reports
AT_ONCE = 2  # imports a web process starts; more would only slow each other down …
EACH = 1  # … and of one person: others find a place
PERSON_FILES = 20  # one person keeps
PERSON_BYTES = 2_000_000_000  # … and bytes
ALL_BYTES = 20_000_000_000  # that all people keep together
State = ImportJob.State

_processes: dict[asyncio.Task[None], int | None] = {}  # each with the primary key of whose import it runs


class TooManyImports(Refused):
    """As many imports run as this process may start, of this person or of all, so this one is not started."""

    def __init__(self, whose: str = "Other imports are") -> None:
        super().__init__(f"{whose} running just now. Start this one when that is done.")


class UnderWay(Refused):
    """The import is running already, or its file is still looked at, so it is not started."""

    def __init__(self, state: str = State.RUNNING) -> None:
        super().__init__(
            "The file is still being looked at." if state == State.LOOKING else "This import is running already."
        )


def room(user: User, size: int = 0) -> str:
    """Why this person cannot keep a file of so many bytes (0: any) now, or "". For whoever asks before bytes arrive."""
    if size > LARGEST_FILE:
        return "The file is larger than 1 GB. Cut it into several."
    own = ImportJob.objects.filter(owner=user).aggregate(files=Count("pk"), bytes=Sum("file_size"))
    if own["files"] >= PERSON_FILES:
        return f"You keep {PERSON_FILES} files here already. Remove one of your imports below, then upload this one."
    if (own["bytes"] or 0) + size > PERSON_BYTES:
        return f"Your files would take more than {PERSON_BYTES // 10**9} GB. Remove one of your imports below first."
    if (ImportJob.objects.aggregate(bytes=Sum("file_size"))["bytes"] or 0) + size > ALL_BYTES:
        return "There is no room for more files just now. Files are removed after 7 days; please try again later."
    return ""


def keep(user: User, upload: UploadedFile[Any]) -> ImportJob:
    """Stores the upload, piece by piece, as an import that is not started; `looking.begin` comes next.

    Raises Unreadable, also when there is no room; nothing is kept then.
    """
    prune()
    with transaction.atomic():
        type(user).objects.select_for_update().get(pk=user.pk)  # two uploads of one person are counted one by one
        problem = room(user, upload.size or 0)
        if problem:
            raise Unreadable(problem)
        job = ImportJob.objects.create(
            owner=user, file_name=(upload.name or "file")[:200].replace("\x00", ""), file_size=upload.size or 0
        )
    try:
        job.folder.mkdir(parents=True, mode=0o700)
        with job.source.open("wb") as file:
            for piece in upload.chunks():
                file.write(piece)
    except BaseException:
        forget(job)
        raise
    return job


def choose_columns(job: ImportJob) -> None:
    """Chooses the columns of a file that was looked into: as the person chose them before, else as they are guessed."""
    survey = survey_of(job)
    saved = import_saved.usable(job.owner, survey)
    job.mapping = import_mapping.guess(survey) if saved is None else saved.mapping
    job.save(update_fields=["mapping"])


def survey_of(job: ImportJob) -> Survey:
    """What was seen in the file; it is looked through again only when that is not kept. Raises Unreadable, OSError."""
    try:
        return Survey.kept(job.survey)
    except (OSError, ValueError):
        survey = recognising.survey(job.source)
        survey.write(job.survey)
        return Survey.kept(job.survey)


def forget(job: ImportJob) -> None:
    """Removes the import and its files. The items stay."""
    shutil.rmtree(job.folder, ignore_errors=True)
    job.delete()


def prune() -> None:
    """Forgets imports that are older than KEPT and not running."""
    for job in ImportJob.objects.filter(created_at__lt=timezone.now() - KEPT)[:20]:
        if job.now != State.RUNNING:
            forget(job)


def claim(job_id: int, mapping: dict[str, str], *, dry_run: bool) -> ImportJob:
    """Marks the import as running, so that one process runs it; what was left of an earlier run goes.

    Raises UnderWay.
    """
    with transaction.atomic():
        job = ImportJob.objects.select_for_update().get(pk=job_id)
        if job.now in {State.RUNNING, State.LOOKING}:
            raise UnderWay(job.now)
        now = timezone.now()
        job.mapping, job.dry_run = mapping, dry_run
        job.state, job.error, job.cancel_asked, job.position = State.RUNNING, "", False, 0
        job.started_at, job.alive_at, job.finished_at = now, now, None
        for name in COUNTS:
            setattr(job, name, 0)
        job.why_skipped = {}
        job.save()
        FailedRow.objects.filter(job=job).delete()
    return job


async def start(job: ImportJob, mapping: dict[str, str], *, dry_run: bool) -> None:
    """Claims an import and starts its process, which ends with this server.

    Raises UnderWay, and TooManyImports before anything is forgotten of an earlier run.
    """
    if list(_processes.values()).count(job.owner_id) >= EACH:
        raise TooManyImports("Another import of yours is")
    if len(_processes) >= AT_ONCE:
        raise TooManyImports
    claimed: asyncio.Future[datetime] = asyncio.get_running_loop().create_future()
    # A context of its own: the request's, with its thread, ends with the request.
    task = asyncio.create_task(_accompany(job.pk, claimed), context=contextvars.Context())
    _processes[task] = job.owner_id  # it has its place while it is claimed
    task.add_done_callback(_processes.pop)
    try:
        job = await sync_to_async(claim)(job.pk, mapping, dry_run=dry_run)
    except BaseException:
        claimed.cancel()
        raise
    claimed.set_result(job.started_at or timezone.now())


async def _accompany(job_id: int, claimed: asyncio.Future[datetime]) -> None:
    """Runs the process to its end; a process that died leaves an interrupted import, not one that seems to run."""
    started_at = await claimed
    manage = str(settings.BASE_DIR / "manage.py")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, manage, "runimport", str(job_id), stdin=asyncio.subprocess.DEVNULL
        )
        code = await process.wait()
    except OSError:
        log.exception("The process of import %s did not start", job_id)
        code = -1
    if code != 0:
        log.error("The process of import %s ended with code %s", job_id, code)
        await in_thread(_interrupted, job_id, started_at)


def _interrupted(job_id: int, started_at: datetime) -> None:
    run = ImportJob.objects.filter(pk=job_id, state=State.RUNNING, started_at=started_at)
    run.update(state=State.INTERRUPTED, finished_at=timezone.now())


def run(job: ImportJob, parent: int | None = None) -> None:
    """Runs a claimed import to its end in this process. parent: the process that has to live on, else it is
    interrupted after the chunk."""

    keeper = mending.Keeper(job)

    def on_chunk(progress: Progress) -> bool:
        patiently(keeper.write, on_wait)
        if not patiently(lambda: _note(job, progress), on_wait):
            return False
        patiently(lambda: job.refresh_from_db(fields=["cancel_asked"]), on_wait)
        return not job.cancel_asked and (parent is None or os.getppid() == parent)

    def on_wait(waits: bool) -> None:
        """While the database is away nobody can be told that this process lives; afterwards that comes first."""
        if waits:
            log.warning("The database does not answer; import %s waits for it", job.pk)
        else:
            patiently(lambda: _update(job, alive_at=timezone.now()))

    try:
        survey = survey_of(job)
        with running.report_file(job.report, running.REPORT_BYTES) as write:

            def on_failure(failure: Failure) -> None:
                write(failure)
                keeper.take(failure)

            running.run(
                job.source,
                survey,
                job.mapping,
                job.owner,
                dry_run=job.dry_run,
                on_failure=on_failure,
                on_chunk=on_chunk,
                on_wait=on_wait,
            )
    except (Refused, Unreadable, FileNotFoundError) as error:
        sentence = "The file is not on this machine any more." if isinstance(error, FileNotFoundError) else str(error)
        _end(job, State.FAILED, sentence)
    except Exception:
        _end(job, State.FAILED, "The import ended with an error, which was logged. What is counted here was imported.")
        raise
    else:
        if job.cancel_asked:
            _end(job, State.CANCELLED)
        elif parent is not None and os.getppid() != parent:
            _end(job, State.INTERRUPTED)
        else:
            _end(job, State.DONE)


def _note(job: ImportJob, progress: Progress) -> bool:
    counts = {name: progress.counts[name] for name in COUNTS}
    return _update(
        job, position=progress.position, alive_at=timezone.now(), why_skipped=dict(progress.skipped), **counts
    )


def _end(job: ImportJob, state: str, error: str = "") -> None:
    patiently(lambda: _update(job, state=state, error=error, finished_at=timezone.now()))


def _update(job: ImportJob, **values: Any) -> bool:
    """Returns whether this run is still the one that counts: one that was silent for long may have been begun again."""
    mine = ImportJob.objects.filter(pk=job.pk, state=State.RUNNING, started_at=job.started_at)
    return mine.update(**values) > 0
