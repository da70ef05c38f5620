"""Imports by web: keeping the uploaded file, starting the process that imports it, and saying truly how it stands."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import shutil
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.utils import timezone

from items.imports import recognising, rows, running
from items.imports.mapping import guess
from items.imports.running import COUNTS, Progress
from items.models.import_job import ImportJob
from items.services.refusals import Refused

if TYPE_CHECKING:
    from django.contrib.auth.models import User

log = logging.getLogger(__name__)

LARGEST_FILE = 1_000_000_000  # bytes
KEPT = timedelta(days=7)  # files and reports
AT_ONCE = 2  # imports a web process starts; more would only slow each other down
State = ImportJob.State

_processes: set[asyncio.Task[None]] = set()


class TooManyImports(Refused):
    """As many imports run as this process may start, so this one is not started."""

    def __init__(self) -> None:
        super().__init__("Other imports are running just now. Start this one when one of them is done.")


class UnderWay(Refused):
    """The import is running already, so it is not started a second time."""

    def __init__(self) -> None:
        super().__init__("This import is running already.")


def keep(user: User, upload: UploadedFile[Any]) -> ImportJob:
    """Stores the upload, piece by piece, as an import that is not started. Raises Unreadable; nothing is kept then."""
    prune()
    job = ImportJob.objects.create(
        owner=user, file_name=(upload.name or "file")[:200].replace("\x00", ""), file_size=upload.size or 0
    )
    try:
        if job.file_size > LARGEST_FILE:
            raise rows.Unreadable("The file is larger than 1 GB. Cut it into several.")
        job.folder.mkdir(parents=True, mode=0o700)
        with job.source.open("wb") as file:
            for piece in upload.chunks():
                file.write(piece)
        job.mapping = guess(recognising.recognise(job.source).columns)
        job.save(update_fields=["mapping"])
    except BaseException:
        forget(job)
        raise
    return job


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
    """Marks the import as running, so that one process runs it. Raises UnderWay."""
    with transaction.atomic():
        job = ImportJob.objects.select_for_update().get(pk=job_id)
        if job.now == State.RUNNING:
            raise UnderWay
        now = timezone.now()
        job.mapping, job.dry_run = mapping, dry_run
        job.state, job.error, job.cancel_asked, job.position = State.RUNNING, "", False, 0
        job.started_at, job.alive_at, job.finished_at = now, now, None
        for name in COUNTS:
            setattr(job, name, 0)
        job.save()
    return job


async def start(job: ImportJob) -> None:
    """Starts the process of an import that was claimed. It ends with this server. Raises TooManyImports."""
    if len(_processes) >= AT_ONCE:
        await asyncio.to_thread(_interrupted, job.pk, State.READY)
        raise TooManyImports
    # A context of its own: the request's, with its thread, ends with the request.
    task = asyncio.create_task(_accompany(job.pk), context=contextvars.Context())
    _processes.add(task)
    task.add_done_callback(_accompanied)


def _accompanied(task: asyncio.Task[None]) -> None:
    _processes.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("Nobody accompanies the process of an import any more.", exc_info=error)


async def _accompany(job_id: int) -> None:
    """Runs the process to its end; a process that died leaves an interrupted import, not one that seems to run."""
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
        await asyncio.to_thread(_interrupted, job_id, State.INTERRUPTED)


def _interrupted(job_id: int, state: str) -> None:
    try:
        ImportJob.objects.filter(pk=job_id, state=State.RUNNING).update(state=state, finished_at=timezone.now())
    finally:
        if not connection.in_atomic_block:
            connection.close()


def run(job: ImportJob, parent: int | None = None) -> None:
    """Runs a claimed import to its end in this process. parent: the process that has to live on, else it is
    interrupted after the chunk."""

    def on_chunk(progress: Progress) -> bool:
        _note(job, progress)
        job.refresh_from_db(fields=["cancel_asked"])
        return not job.cancel_asked and (parent is None or os.getppid() == parent)

    try:
        shape = recognising.recognise(job.source)
        with running.report_file(job.report) as write:
            progress = running.run(
                job.source, shape, job.mapping, job.owner, dry_run=job.dry_run, on_failure=write, on_chunk=on_chunk
            )
    except (Refused, rows.Unreadable, FileNotFoundError) as error:
        sentence = "The file is not on this machine any more." if isinstance(error, FileNotFoundError) else str(error)
        _end(job, State.FAILED, sentence)
    except Exception:
        _end(job, State.FAILED, "The import ended with an error, which was logged. What is counted here was imported.")
        raise
    else:
        _note(job, progress)
        if job.cancel_asked:
            _end(job, State.CANCELLED)
        elif parent is not None and os.getppid() != parent:
            _end(job, State.INTERRUPTED)
        else:
            _end(job, State.DONE)


def _note(job: ImportJob, progress: Progress) -> None:
    job.position, job.alive_at = progress.position, timezone.now()
    for name in COUNTS:
        setattr(job, name, progress.counts[name])
    job.save(update_fields=["position", "alive_at", *COUNTS])


def _end(job: ImportJob, state: str, error: str = "") -> None:
    job.state, job.error, job.finished_at = state, error, timezone.now()
    job.save(update_fields=["state", "error", "finished_at"])
