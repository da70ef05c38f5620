"""The pages of imports: upload, preview with the columns, progress, report. Everybody sees their own imports only."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from items import services
from items.imports import jobs as import_jobs
from items.imports import mapping
from items.imports.recognising import recognise
from items.imports.rows import Row, Unreadable, sample
from items.models.import_job import ImportJob
from items.pages.shared import asker, page
from items.services.refusals import Refused

RECENT = 20  # imports in the list
PREVIEW_ROWS = 8
CELL_LENGTH = 80  # characters of a cell in the preview
LABELS = {"name": "Name", "description": "Description", "price": "Price", "tax": "Tax", "link": "Link", "sku": "SKU"}


class UploadForm(forms.Form):
    """The file that a person uploads."""

    file = forms.FileField(
        help_text="CSV or NDJSON, up to 1 GB. The first line of a CSV file names its columns. A product export of"
        " Shopify works as it is.",
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
    if request.method == "POST":
        # In a thread: reading 200 MB out of a request takes a while.
        form, job = await sync_to_async(_keep)(request, user)
        if job is not None:
            return redirect("items:import-job", job.pk)
    jobs = await sync_to_async(lambda: list(ImportJob.objects.filter(owner=user)[:RECENT]))()
    return await page(request, "items/import.html", {"form": form, "jobs": jobs}, 400 if form.errors else 200)


def _keep(request: HttpRequest, user: Any) -> tuple[UploadForm, ImportJob | None]:
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return form, None
    try:
        return form, import_jobs.keep(user, form.cleaned_data["file"])
    except Unreadable as error:
        form.add_error("file", str(error))
        return form, None


@require_safe
@login_required
async def job(request: HttpRequest, job_id: int) -> HttpResponse:
    """One import: what will be done, how far it is, or what came of it."""
    return await _show(request, await _job(request, job_id))


async def _show(request: HttpRequest, job: ImportJob, problem: str = "", status: int = 200) -> HttpResponse:
    context: dict[str, object] = {"job": job, "problem": problem, "running": job.now == ImportJob.State.RUNNING}
    if not context["running"]:
        context |= await sync_to_async(_preview)(job)
    context["has_report"] = job.failed > 0 and job.report.is_file()
    return await page(request, "items/import_job.html", context, status)


def _preview(job: ImportJob) -> dict[str, object]:
    """The columns for each field, and what the first rows would become."""
    try:
        shape = recognise(job.source)
        rows = sample(job.source, shape)[:PREVIEW_ROWS]
    except (OSError, Unreadable):
        return {"file_gone": True}
    mapper = mapping.Mapper(shape, job.mapping)
    return {
        "kind": shape.words,
        "choices": [
            {
                "field": name,
                "label": LABELS[name],
                "required": name in mapping.REQUIRED,
                "column": job.mapping.get(name, ""),
                "columns": [column for column in dict.fromkeys(shape.columns) if column],
            }
            for name in mapping.FIELDS
        ],
        "labels": [LABELS[name] for name in mapping.FIELDS],
        "rows": [_previewed(row, mapper) for row in rows],
    }


def _previewed(row: Row, mapper: mapping.Mapper) -> dict[str, object]:
    try:
        if row.problem:
            return {"line": row.line, "problem": row.problem}
        fields: dict[str, Any] = dict(mapper.fields(row))
    except mapping.Skip:
        return {"line": row.line, "problem": "Skipped: no item of its own."}
    except ValidationError as error:
        problems = [f"{LABELS[name]}: {' '.join(found)}" for name, found in error.message_dict.items()]
        return {"line": row.line, "problem": " ".join(problems)}
    cells = [str(fields.get(name) or "") for name in mapping.FIELDS]
    return {"line": row.line, "cells": [c if len(c) <= CELL_LENGTH else c[: CELL_LENGTH - 1] + "…" for c in cells]}


@require_POST
@login_required
async def start(request: HttpRequest, job_id: int) -> HttpResponse:
    """Starts the import, or the dry run, with the columns that were chosen."""
    job = await _job(request, job_id)
    chosen = {name: column for name in mapping.FIELDS if (column := request.POST.get(name, ""))}
    try:
        shape = await sync_to_async(recognise)(job.source)
    except (OSError, Unreadable):
        return await _show(request, job, "The file is not here any more. Upload it again.", 409)
    problem = mapping.problem_of(chosen, shape.columns)
    if problem:
        job.mapping = {name: column for name, column in chosen.items() if column in shape.columns}
        return await _show(request, job, problem, 400)
    try:
        job = await sync_to_async(import_jobs.claim)(job_id, chosen, dry_run="dry_run" in request.POST)
        await import_jobs.start(job)
    except Refused as error:
        messages.warning(request, str(error))
    return redirect("items:import-job", job_id)


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
    await sync_to_async(import_jobs.forget)(job)
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
