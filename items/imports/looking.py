"""Looking into a file that was uploaded: a small one at once, a large one in a process of its own while the page says
so. No request waits for it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from items.imports import jobs
from items.imports.rows import Unreadable
from items.models.import_job import ImportJob
from items.services.patience import AWAY, in_thread

log = logging.getLogger(__name__)

SMALL = 200_000  # bytes; a file up to here is looked into at once (50 ms)
AT_ONCE = 2  # files that a web process looks into; more would only slow each other down …
EACH = 1  # … and of one person: others find a place
LOOK_S = 300.0  # for looking into one file: at 10 MB/s 1 GB takes 100
WAIT_S = 900.0  # for the turn to look, behind other people's; nobody waits with an open request
ALIVE_S = 15.0  # between two words that somebody still looks
State = ImportJob.State

_tasks: set[asyncio.Task[None]] = set()


class _Turns:
    """Of one event loop."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(AT_ONCE)
        self._each: WeakValueDictionary[int | None, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, person: int | None) -> asyncio.Semaphore:
        """One person's; forgotten when nobody has or wants one."""
        return self._each.setdefault(person, asyncio.Semaphore(EACH))


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


async def begin(job: ImportJob) -> None:
    """Looks through a small file that was kept, and chooses the columns. With a large one the import is `looking` from
    now on, and `ready` or `failed` some time later.

    Raises Unreadable for a small file; nothing is kept then.
    """
    if job.file_size <= SMALL:
        try:
            await sync_to_async(jobs.choose_columns)(job)
        except BaseException:
            await asyncio.shield(sync_to_async(jobs.forget)(job))
            raise
        return
    job.state, job.alive_at = State.LOOKING, timezone.now()
    await job.asave(update_fields=["state", "alive_at"])
    _start(job)


def _start(job: ImportJob) -> None:
    # A context of its own: the request's, with its thread, ends with the request.
    task = asyncio.create_task(_look(job), context=contextvars.Context())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def go_on(job: ImportJob) -> bool:
    """Begins again where the look was cut off by the end of its server. Returns whether the file is being looked at."""
    if job.state != State.LOOKING:
        return False
    if job.now != State.LOOKING:
        mine = ImportJob.objects.filter(pk=job.pk, state=State.LOOKING, alive_at=job.alive_at)
        if await mine.aupdate(alive_at=timezone.now()):  # of two who come at the same time one
            _start(job)
    return True


async def _look(job: ImportJob) -> None:
    """Whatever comes of it is written down for the page, unless the import was removed meanwhile."""
    looking = asyncio.create_task(_look_beside(job))
    try:
        while not (await asyncio.wait({looking}, timeout=ALIVE_S))[0]:
            if not await in_thread(_write, job, alive_at=timezone.now()):
                return  # it was removed: nobody wants to know any more
        looking.result()
        await in_thread(_looked, job)
    except Unreadable as error:
        await in_thread(_fail, job, str(error))
    except AWAY as error:  # the file stays, and who opens the page later begins the look again
        log.error("What was seen in the file of import %s cannot be kept: the database is away: %s", job.pk, error)
    except Exception:
        log.exception("Looking into import %s failed", job.pk)
        await in_thread(_fail, job, "The file could not be looked at; the error was logged.")
    finally:
        looking.cancel()


async def _look_beside(job: ImportJob) -> None:
    """Looks in a process of its own: a parser holds the interpreter. Raises Unreadable."""
    turns = _turns.setdefault(asyncio.get_running_loop(), _Turns())
    async with turns.of(job.owner_id):
        try:
            async with asyncio.timeout(WAIT_S):
                await turns.all.acquire()
        except TimeoutError:
            raise Unreadable("Other large files are being looked into. Please upload it again later.") from None
        try:
            if not job.source.is_file():  # removed meanwhile: who waits for a turn waits for no such file
                raise Unreadable("The file is not here any more.")
            code = await _run(job)
        finally:
            turns.all.release()
    if code == 1 and job.survey.is_file():
        raise Unreadable(await asyncio.to_thread(job.survey.read_text, encoding="utf-8"))
    if code != 0:
        raise RuntimeError(f"Looking into import {job.pk} ended with code {code}")


async def _run(job: ImportJob) -> int:
    """The code with which the process ends that looks into the file. Raises Unreadable when it takes too long."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "items.imports.recognising", str(job.source), str(job.survey)),
        cwd=settings.BASE_DIR,
        stdin=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LOOK_S):
            return await process.wait()
    except TimeoutError:
        raise Unreadable(f"The file could not be looked through within {LOOK_S:.0f} s. Cut it into several.") from None
    finally:
        if process.returncode is None:
            process.kill()
            await asyncio.shield(process.wait())


def _looked(job: ImportJob) -> None:
    """Raises Unreadable, OSError."""
    jobs.choose_columns(job)
    _write(job, state=State.READY)


def _fail(job: ImportJob, error: str) -> None:
    """Why stays to be read; the file takes no more room."""
    _write(job, state=State.FAILED, error=error, file_size=0)
    job.source.unlink(missing_ok=True)


def _write(job: ImportJob, **values: Any) -> bool:
    """Only while it is looked at: nothing comes back that was removed. Returns whether it still is."""
    return ImportJob.objects.filter(pk=job.pk, state=State.LOOKING).update(**values) > 0
