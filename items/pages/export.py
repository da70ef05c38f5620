"""The export of a list, as a download."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from items.listing.files import CONTENT_TYPES, Export
from items.pages.list_address import ListState
from items.pages.shared import asker, login_required


@require_safe
@login_required
async def export(request: HttpRequest) -> HttpResponseBase:
    """The filtered list, all of it, in its order."""
    state = ListState.of(request)
    format_ = request.GET.get("format", "csv")
    if format_ not in CONTENT_TYPES:
        return HttpResponse("format has to be csv or ndjson.\n", status=400, content_type="text/plain")
    if state.asked.problems:
        lines = [f"{name}: {sentence}\n" for name, sentence in state.asked.problems.items()]
        return HttpResponse("".join(lines), status=400, content_type="text/plain; charset=utf-8")
    name = f"items-{timezone.now():%Y-%m-%d}.{format_}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would keep the whole of it on its disk before the first byte leaves
    }
    pieces = Export((await asker(request)).pk, state.filters, state.ordering, format_).pieces()
    return StreamingHttpResponse(pieces, content_type=CONTENT_TYPES[format_], headers=headers)
