"""The pages of imports: upload, preview with the columns, progress, report. Everybody sees their own imports only."""

from __future__ import annotations

import re
from typing import Any, cast

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from items import services
from items.imports import jobs, looking, mending
from items.imports import mapping as import_mapping
from items.imports import saved as import_saved
from items.imports.preview import preview_of
from items.imports.recognising import Survey
from items.imports.rows import Unreadable
from items.models.import_job import FailedRow, ImportJob
from items.pages.forms import ItemForm
from items.pages.shared import asker, page
from items.services import turns
from items.services.refusals import Refused

FAILED_SHOWN = 20  # rows to mend on the page; those behind them follow when these are done


class UploadForm(forms.Form):
    """The file that a person uploads."""

    file = forms.FileField(
        help_text="CSV or NDJSON, up to 1 GB. The first line of a CSV file names its columns. A product export of"
        " Shopify, WooCommerce, Square, Etsy or Lightspeed works as it is.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.tsv,.txt,.ndjson,.jsonl,text/csv"}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
async def upload(request: HttpRequest) -> HttpResponse:
    """The upload, and the person's recent imports."""
    user = await asker(request)
    if not await sync_to_async(services.may_add)(user):
        raise PermissionDenied(services.MAY_NOT_ADD)
    form = UploadForm()
    no_room = await sync_to_async(jobs.room)(user)
    if request.method == "POST":
        # In a thread: reading 200 MB out of a request takes a while.
        form, job = await sync_to_async(_keep)(request, user)
        if job is not None:
            try:
                await looking.begin(job)
                return redirect("items:import-job", job.pk)
            except Unreadable as error:
                form.add_error("file", str(error))
    recent = await sync_to_async(lambda: list(ImportJob.objects.filter(owner=user)[: jobs.PERSON_FILES]))()
    context = {"form": form, "jobs": recent, "no_room": no_room}
    return await page(request, "items/import.html", context, 400 if form.errors else 200)


def _keep(request: HttpRequest, user: Any) -> tuple[UploadForm, ImportJob | None]:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return form, None
    try:
        return form, jobs.keep(user, form.cleaned_data["file"])
    except Unreadable as error:
        form.add_error("file", str(error))
        return form, None


@require_safe
@login_required
async def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """One import: what will be done, how far it is, or what came of it."""
    return await _show(request, await _job(request, job_id))


async def _show(
    request: HttpRequest, job: ImportJob, problem: str = "", status: int = 200, again: MendForm | None = None
) -> HttpResponse:
    looks = await looking.go_on(job)
    context: dict[str, object] = {
        "job": job,
        "problem": problem,
        "looking": looks,
        "running": job.now == ImportJob.State.RUNNING,
    }
    if not context["running"] and not looks:
        context |= await sync_to_async(preview_of)(job)
        context |= await sync_to_async(_failures)(job, again)
    context["has_report"] = job.report.is_file()
    return await page(request, "items/import_job.html", context, status)


class MendForm(ItemForm):
    """A failed row: the fields that the import has a column for. What the row did not name may stay empty."""

    def __init__(self, row: FailedRow, mapping: dict[str, str], data: Any = None) -> None:
        super().__init__(data, initial=row.texts, prefix=f"row{row.pk}")
        self.row = row
        for name in import_mapping.FIELDS:
            if name not in mapping:
                del self.fields[name]
            else:
                self.fields[name].help_text = ""
                self.fields[name].required = self.fields[name].required and name in row.texts

    def fields_of_item(self) -> services.ItemFields:
        """What was typed; what the row does not name and nobody typed is left out."""
        typed = self.cleaned_data
        given = (name for name in self.fields if name in self.row.texts or typed[name] not in {"", None})
        return cast("services.ItemFields", {name: typed[name] for name in given})


def _failures(job: ImportJob, again: MendForm | None) -> dict[str, object]:
    """The first rows that failed, each with its form."""
    rows = list(FailedRow.objects.filter(job=job)[: FAILED_SHOWN + 1])
    forms_of_rows = [
        again if again is not None and again.row.pk == row.pk else MendForm(row, job.mapping)
        for row in rows[:FAILED_SHOWN]
    ]
    return {
        "failed_rows": [{"row": form.row, "form": form, "reasons": form.row.reasons} for form in forms_of_rows],
        "mendable": mending.mendable(job),
        "kept": mending.KEPT,
    }


@require_POST
@login_required
async def mend(request: HttpRequest, job_id: int, row_id: int) -> HttpResponse:
    """Tries one failed row again with what was typed, or leaves it out."""
    job = await _job(request, job_id)
    try:
        if "leave_out" in request.POST:
            await turns.write(mending.leave_out, job.pk, row_id)
            messages.success(request, "The row was left out; it counts as skipped.")
            return redirect("items:import-job", job_id)
        row = await FailedRow.objects.filter(job=job, pk=row_id).afirst()
        if row is None:
            raise mending.NotThere
    except Refused as error:
        messages.warning(request, str(error))
        return redirect("items:import-job", job_id)
    form = MendForm(row, job.mapping, request.POST)
    if form.is_valid() and await _mended(request, job, form):
        return redirect("items:import-job", job_id)
    return await _show(request, job, status=400, again=form)


async def _mended(request: HttpRequest, job: ImportJob, form: MendForm) -> bool:
    """Whether the row is an item now; otherwise the form shows why not."""
    try:
        outcome = await turns.write(mending.mend, job.pk, form.row.pk, form.fields_of_item())
    except ValidationError as error:
        for name, sentences in error.message_dict.items():
            form.add_error(name if name in form.fields else None, sentences)
    except Refused as error:
        form.refuse(error)
    except IntegrityError:
        form.add_error(None, "Somebody else saved an item with this SKU just now. Please try again.")
    else:
        what = {"created": "was added", "updated": "was changed", "unchanged": "is as the row says already"}[outcome]
        messages.success(request, f"Line {form.row.line}: the item {what}.")
        return True
    return False


@require_POST
@login_required
async def start(request: HttpRequest, job_id: int) -> HttpResponse:
    """Starts the import, or the dry run, with the columns that were chosen."""
    job = await _job(request, job_id)
    if job.state == ImportJob.State.LOOKING:
        return await _show(request, job, "The file is still being looked at.", 409)
    try:
        survey = await sync_to_async(jobs.survey_of)(job)
    except (OSError, Unreadable):
        return await _show(request, job, "The file is not here any more. Upload it again.", 409)
    chosen = _chosen(request, survey)
    problem = import_mapping.problem_of(chosen, survey)
    if problem:
        job.mapping = chosen
        return await _show(request, job, problem, 400)
    await sync_to_async(_remember)(job, survey, chosen)
    try:
        await jobs.start(job, chosen, dry_run="dry_run" in request.POST)
    except Refused as error:
        messages.warning(request, str(error))
    return redirect("items:import-job", job_id)


def _chosen(request: HttpRequest, survey: Survey) -> dict[str, str]:
    """The columns that were chosen. Browsers send every line break in a name as CRLF, whatever the file has there."""
    columns = {_sent(column): column for column in survey.shape.columns}
    sent = {name: column for name in import_mapping.FIELDS if (column := request.POST.get(name, ""))}
    return {name: columns.get(_sent(column), column) for name, column in sent.items()}


def _sent(column: str) -> str:
    return re.sub(r"\r\n|\r|\n", "\r\n", column)


def _remember(job: ImportJob, survey: Survey, chosen: dict[str, str]) -> None:
    """What a person chose other than it was guessed is offered again for the same columns."""
    if chosen == import_mapping.guess(survey):
        import_saved.forget(job.owner, survey.shape.columns)
    else:
        import_saved.remember(job.owner, survey.shape.columns, chosen)


@require_POST
@login_required
async def guess_again(request: HttpRequest, job_id: int) -> HttpResponse:
    """Forgets what the person chose for these columns earlier, and takes the guess."""
    job = await _job(request, job_id)
    if job.state == ImportJob.State.LOOKING:
        return redirect("items:import-job", job_id)
    try:
        await sync_to_async(_guess_again)(job)
    except (OSError, Unreadable):
        messages.warning(request, "The file is not here any more. Upload it again.")
    return redirect("items:import-job", job_id)


def _guess_again(job: ImportJob) -> None:
    survey = jobs.survey_of(job)
    import_saved.forget(job.owner, survey.shape.columns)
    ImportJob.objects.filter(pk=job.pk).exclude(state=ImportJob.State.RUNNING).update(
        mapping=import_mapping.guess(survey)
    )


@require_POST
@login_required
async def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """Ends the import after the chunk it is at; what was imported stays."""
    job = await _job(request, job_id)
    await ImportJob.objects.filter(pk=job.pk, state=ImportJob.State.RUNNING).aupdate(cancel_asked=True)
    return redirect("items:import-job", job_id)


@require_POST
@login_required
async def remove(request: HttpRequest, job_id: int) -> HttpResponse:
    """Removes the uploaded file and its report; the items stay."""
    job = await _job(request, job_id)
    if job.now == ImportJob.State.RUNNING:
        messages.warning(request, "Cancel the import first.")
        return redirect("items:import-job", job_id)
    await sync_to_async(jobs.forget)(job)
    messages.success(request, f"The file {job.file_name} was removed.")
    return redirect("items:import")


@require_safe
@login_required
async def report(request: HttpRequest, job_id: int) -> HttpResponseBase:
    """The rows that failed: line, column, reason."""
    job = await _job(request, job_id)
    try:
        file = job.report.open("rb")
    except OSError as error:
        raise Http404("There is no report.") from error
    name = f"failed-rows-of-import-{job.pk}.csv"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


async def _job(request: HttpRequest, job_id: int) -> ImportJob:
    user = await asker(request)
    found = await ImportJob.objects.select_related("owner").filter(pk=job_id, owner=user).afirst()
    if found is None:
        raise Http404("There is no such import of yours.")
    return found
